"""Freshness: how old a mark or a fixing may be before it is stale.

A figure may be computed from a stale one, and is then marked as such. No deal is made at a stale
one: money changes hands at that price, and the market has moved since.
"""

from datetime import date

FRESH_DAYS = 5
"""A mark or rate is stale when it is more calendar days old than this. Five days lie between
Maundy Thursday's prices and those of the Tuesday after Easter, the longest regular gap."""


def is_stale(as_of: date, today: date) -> bool:
    return (today - as_of).days > FRESH_DAYS
