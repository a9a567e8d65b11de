"""Rates: the newest fixing of each currency, by source, in units per EUR.

A currency that a newer fixing leaves out keeps its last rate, under that rate's date.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import ClassVar, NamedTuple

from domain.fx import RatesFixed
from domain.shared.envelope import Envelope
from domain.shared.message import Event
from projections.ports import Audience, Home, Key, Row

NAME = "rates"
VERSION = 1
AUDIENCE = Audience.REFERENCE
HOME = Home("source", "fx")


class Rate(Row, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("source", "currency")

    source: str
    currency: str
    per_euro: Decimal
    rate_date: date


class Fixed(NamedTuple):
    per_euro: Decimal
    rate_date: date


ROW: type[Row] = Rate
READS: frozenset[type[Event]] = frozenset({RatesFixed})


def facts(arrived: Envelope) -> Iterable[tuple[Key, Fixed]]:
    event = arrived.event
    if not isinstance(event, RatesFixed):
        return ()
    return [((event.source, c), Fixed(rate, event.rate_date)) for c, rate in event.rates.items()]


def fold(row: Rate | None, key: Key, fact: Fixed) -> Rate:
    if row is not None and fact.rate_date < row.rate_date:
        return row
    source, currency = key
    return Rate(source=source, currency=currency, per_euro=fact.per_euro, rate_date=fact.rate_date)
