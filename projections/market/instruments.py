"""Instruments: the terms of each listing, folded by the instrument aggregate.

Terms are effective-dated and a view has no clock: the columns are the terms at the last decision,
and changes decided for a later date wait in `state`. `terms(row, day)` gives the terms of a day.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from msgspec.structs import replace

from domain.instrument import EVENTS, INITIAL, evolve
from domain.instrument.state import Instrument
from domain.shared.envelope import Envelope
from domain.shared.message import Event
from domain.shared.money import ZERO
from projections.engine.words import Memory, clean
from projections.ports import Audience, Home, Key, Row

NAME = "instruments"
VERSION = 2
AUDIENCE = Audience.REFERENCE
HOME = Home("instrument_id", "instrument")


class InstrumentRow(Row, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("instrument_id",)
    INDEXES: ClassVar[tuple[tuple[str, ...], ...]] = (("isin",), ("symbol",))

    instrument_id: str
    symbol: str = ""
    isin: str = ""
    name: str = ""
    status: str = ""  # listed halted delisted
    currency: str = ""  # of quotes
    settlement_currency: str = ""
    mic: str = ""
    country: str = ""
    asset_class: str = ""
    cfi: str = ""
    price_type: str = ""
    multiplier: Decimal = ZERO
    price_factor: Decimal = ZERO
    tick_size: Decimal = ZERO
    lot_size: Decimal = ZERO
    qty_increment: Decimal = ZERO
    place_of_settlement: str = ""
    state: str = ""  # of `domain.instrument`, JSON


ROW: type[Row] = InstrumentRow
READS: frozenset[type[Event]] = frozenset(EVENTS)
_memory: Memory[Instrument] = Memory(INITIAL)


def facts(arrived: Envelope) -> Iterable[tuple[Key, Envelope]]:
    event: Any = arrived.event
    return [((event.instrument_id,), arrived)] if type(event) in READS else ()


def fold(row: InstrumentRow | None, key: Key, fact: Envelope) -> InstrumentRow:
    (instrument_id,) = key
    event: Any = fact.event
    before = _memory.state(row.state) if row else INITIAL
    return _columns(instrument_id, evolve(before, event))


def terms(row: InstrumentRow, on: date) -> InstrumentRow:
    """The row as it is on a day: changes decided before and effective up to then applied."""
    shown = _columns(row.instrument_id, _memory.state(row.state).terms(on))
    return replace(shown, position=row.position)


def _columns(instrument_id: str, listing: Instrument) -> InstrumentRow:
    return InstrumentRow(
        instrument_id=instrument_id,
        symbol=clean(listing.symbol),
        isin=listing.isin,
        name=clean(listing.name),
        status=str(listing.status),
        currency=listing.currency,
        settlement_currency=listing.settlement_currency,
        mic=listing.mic,
        country=listing.country,
        asset_class=clean(listing.asset_class),
        cfi=clean(listing.cfi),
        price_type=str(listing.price_type),
        multiplier=listing.multiplier,
        price_factor=listing.price_factor,
        tick_size=listing.tick_size,
        lot_size=listing.lot_size,
        qty_increment=listing.qty_increment,
        place_of_settlement=clean(listing.place_of_settlement),
        state=_memory.text(listing),
    )
