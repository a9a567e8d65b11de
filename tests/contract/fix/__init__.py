"""Venues over real FIX sessions."""
