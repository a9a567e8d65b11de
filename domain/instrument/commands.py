"""Commands to an instrument."""

from datetime import date
from decimal import Decimal
from typing import ClassVar

from domain.instrument.events import PriceType
from domain.shared.message import Command, Personal


class ListInstrument(Command):
    """List a security on an exchange, with its terms.

    Defaults: settlement currency and price factor follow the quote currency, the country (of the
    issuer) the ISIN's prefix, the market's country (whose calendar and charges apply) the MIC.

    A price settles in its own money: the settlement currency is the quote currency, or that of a
    minor quote unit (GBX: GBP at 0.01). Any other pair is refused, and so is another factor."""

    instrument_id: str
    symbol: str
    isin: str
    currency: str
    mic: str
    asset_class: str = "equity"
    lot_size: Decimal = Decimal(1)
    tick_size: Decimal = Decimal("0.01")
    settlement_currency: str | None = None
    country: str | None = None
    cfi: str = ""
    name: str = ""
    price_type: PriceType = PriceType.UNIT
    multiplier: Decimal = Decimal(1)
    price_factor: Decimal | None = None
    qty_increment: Decimal = Decimal(1)
    place_of_settlement: str = ""
    market_country: str | None = None


class AmendInstrument(Command):
    """Change terms from `effective_from` on (None: today); a term that is None stays.

    The price factor follows a changed quote or settlement currency unless it is stated. Marks keep
    the unit that they were made in; open orders keep the unit that they were placed in."""

    MAY_LIE_AHEAD: ClassVar[tuple[str, ...]] = ("effective_from",)

    instrument_id: str
    effective_from: date | None = None
    symbol: str | None = None
    isin: str | None = None
    currency: str | None = None
    settlement_currency: str | None = None
    mic: str | None = None
    name: str | None = None
    price_factor: Decimal | None = None
    tick_size: Decimal | None = None
    lot_size: Decimal | None = None
    qty_increment: Decimal | None = None
    place_of_settlement: str | None = None
    market_country: str | None = None


class HaltInstrument(Command):
    instrument_id: str
    reason: Personal = ""


class ResumeInstrument(Command):
    instrument_id: str
    reason: Personal = ""


class DelistInstrument(Command):
    MAY_LIE_AHEAD: ClassVar[tuple[str, ...]] = ("effective_from",)

    instrument_id: str
    reason: Personal = ""
    effective_from: date | None = None  # None: today


class UseInstrument(Command):
    """Report an order or a transfer that is the first of this listing, as far as it could see."""

    INTERNAL: ClassVar[bool] = True
    instrument_id: str
    isin: str  # as the order or the transfer has it
    order_id: str = ""  # the order that waits for the answer
