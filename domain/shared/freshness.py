"""Freshness: how old a mark or a fixing may be before it is old news.

A figure may be computed from an old one, and then says so. Nothing is dealt at an old one: money
changes hands at it, and the market has moved since.
"""

from datetime import date

FRESH_DAYS = 5
"""A mark or rate is stale when it is more calendar days old than this. Five days lie between
Maundy Thursday's prices and those of the Tuesday after Easter, the longest regular gap."""


def is_stale(as_of: date, today: date) -> bool:
    return (today - as_of).days > FRESH_DAYS
