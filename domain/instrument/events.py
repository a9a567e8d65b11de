"""Events on `instrument-{instrument_id}`: one listing of a security, and how it trades.

The ledger's unit is the ISIN; listings of one ISIN share positions. Prices are quoted in
`currency` (which may be a minor quote unit such as GBX) and settle in `settlement_currency`:
money = quantity x price x price_factor x multiplier (percent of par: / 100).
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from domain.shared.message import FIRM, Event, PersonalText


class PriceType(StrEnum):
    UNIT = "unit"  # currency per piece
    PERCENT_OF_PAR = "percent_of_par"


class InstrumentListed(Event, tag="instrument.listed"):
    instrument_id: str
    symbol: str
    isin: str
    currency: str  # of quotes: ISO 4217, or a minor quote unit (GBX, ZAC, ILA)
    settlement_currency: str  # ISO 4217
    mic: str  # ISO 10383, where it is listed
    country: str  # ISO 3166, of the issuer: information
    asset_class: str
    tick_size: Decimal
    lot_size: Decimal  # round lot: information, never a refusal
    cfi: str = ""  # ISO 10962
    name: str = ""
    price_type: PriceType = PriceType.UNIT
    multiplier: Decimal = Decimal(1)
    price_factor: Decimal = Decimal(1)  # settlement currency per unit of quote currency
    qty_increment: Decimal = Decimal(1)  # smallest step of a quantity
    place_of_settlement: str = ""  # BIC of the central securities depository
    market_country: str = ""  # ISO 3166; whose calendar and charges apply; "": that of the MIC


class InstrumentAmended(Event, tag="instrument.amended"):
    """What changes from `effective_from` on; None leaves a term as it is."""

    instrument_id: str
    effective_from: date
    decided_on: date  # business date of the amendment; earlier than effective_from: pending
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


class InstrumentHalted(Event, tag="instrument.halted"):
    VERSION: ClassVar[int] = 2
    SUBJECT: ClassVar[str] = FIRM
    instrument_id: str
    reason: PersonalText = ""


class InstrumentResumed(Event, tag="instrument.resumed"):
    VERSION: ClassVar[int] = 2
    SUBJECT: ClassVar[str] = FIRM
    instrument_id: str
    reason: PersonalText = ""


class InstrumentDelisted(Event, tag="instrument.delisted"):
    VERSION: ClassVar[int] = 2
    SUBJECT: ClassVar[str] = FIRM
    instrument_id: str
    effective_from: date
    decided_on: date
    reason: PersonalText = ""


class InstrumentUsed(Event, tag="instrument.used"):
    """The listing may be held from now on: its ISIN can no longer change."""

    instrument_id: str
    isin: str
    order_id: str = ""  # the order that waited for this event
