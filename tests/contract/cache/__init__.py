"""Stores of the cache."""
