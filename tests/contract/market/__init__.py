"""Calendars and price history."""
