"""Marks: the newest price of each instrument that a figure was computed from.

Units: as quoted, in `currency` (or percent of par).
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import ClassVar

from domain.price import PriceMarked
from domain.shared.envelope import Envelope
from domain.shared.message import Event
from projections.engine.words import clean
from projections.ports import Audience, Home, Key, Row

NAME = "marks"
VERSION = 1
AUDIENCE = Audience.REFERENCE
HOME = Home("instrument_id", "price")


class Mark(Row, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("instrument_id",)
    INDEXES: ClassVar[tuple[tuple[str, ...], ...]] = (("isin",),)

    instrument_id: str
    isin: str
    price: Decimal
    currency: str
    price_date: date
    source: str


ROW: type[Row] = Mark
READS: frozenset[type[Event]] = frozenset({PriceMarked})


def facts(arrived: Envelope) -> Iterable[tuple[Key, PriceMarked]]:
    event = arrived.event
    return [((event.instrument_id,), event)] if isinstance(event, PriceMarked) else ()


def fold(row: Mark | None, key: Key, fact: PriceMarked) -> Mark:
    """The newest day's last mark; a late one for an earlier day is history only."""
    if row is not None and fact.price_date < row.price_date:
        return row
    return Mark(
        instrument_id=fact.instrument_id,
        isin=fact.isin,
        price=fact.price,
        currency=fact.currency,
        price_date=fact.price_date,
        source=clean(fact.source),
    )
