"""Limits of the types in which times and numbers are stored."""

from datetime import UTC, datetime

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""The moment from which stored times are counted."""

INT64_MAX = 2**63 - 1
