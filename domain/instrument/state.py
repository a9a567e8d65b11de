"""An instrument's terms, effective-dated.

    "" -List-> listed -Halt-> halted -Resume-> listed ; listed | halted -Delist-> delisted

The flat fields are the terms at the latest decision; changes decided for a later date wait in
`pending`. `terms(day)` gives the terms of a day.
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from domain.instrument.events import (
    InstrumentAmended,
    InstrumentDelisted,
    PriceType,
)
from domain.shared.markets import country_of

TERMS = tuple(
    f
    for f in InstrumentAmended.__struct_fields__
    if f not in {"instrument_id", "effective_from", "decided_on"}
)
"""The terms that an amendment may change."""

Change = InstrumentAmended | InstrumentDelisted


class InstrumentStatus(StrEnum):
    NONE = ""
    LISTED = "listed"
    HALTED = "halted"
    DELISTED = "delisted"


class Quoted(Struct, frozen=True, gc=False):
    """An earlier quote currency, and the first day on which it no longer applied."""

    until: date
    currency: str


class Instrument(Struct, frozen=True, kw_only=True, gc=False):
    status: InstrumentStatus = InstrumentStatus.NONE
    isin: str = ""
    symbol: str = ""
    name: str = ""
    currency: str = ""
    settlement_currency: str = ""
    mic: str = ""
    country: str = ""
    asset_class: str = ""
    cfi: str = ""
    price_type: PriceType = PriceType.UNIT
    multiplier: Decimal = Decimal(1)
    price_factor: Decimal = Decimal(1)
    tick_size: Decimal = Decimal("0.01")
    lot_size: Decimal = Decimal(1)
    qty_increment: Decimal = Decimal(1)
    place_of_settlement: str = ""
    market_country: str = ""  # as stated; "": that of the MIC
    used: bool = False  # an order or a transfer has named it: the ISIN cannot change
    pending: tuple[Change, ...] = ()  # decided, not yet effective; by effective_from
    quoted_before: tuple[Quoted, ...] = ()  # oldest first

    @property
    def market(self) -> str:
        """The country whose calendar its trades settle on; "": unknown."""
        return self.market_country or country_of(self.mic)

    def terms(self, on: date) -> "Instrument":
        """The instrument as it is on a day: every pending change up to that day applied."""
        state = self
        for change in self.pending:
            if change.effective_from <= on:
                state = with_change(state, change)
        return replace(state, pending=tuple(c for c in self.pending if c.effective_from > on))

    def quoted_in(self, on: date) -> str:
        """The quote currency of a day, in the past too."""
        now = self.terms(on)
        return next((q.currency for q in now.quoted_before if on < q.until), now.currency)


INITIAL = Instrument()


def with_change(state: Instrument, change: Change) -> Instrument:
    """The state with one change in force."""
    if isinstance(change, InstrumentDelisted):
        return replace(state, status=InstrumentStatus.DELISTED)
    new = {f: value for f in TERMS if (value := getattr(change, f)) is not None}
    if change.mic is not None and change.market_country is None:
        new["market_country"] = ""  # the stated country was the old market's
    if change.currency not in (None, state.currency):
        was = Quoted(change.effective_from, state.currency)
        new["quoted_before"] = (*state.quoted_before, was)
    return replace(state, **new)
