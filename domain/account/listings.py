"""The listing that an account's command names: it must exist and have the command's ISIN.

The ledger's unit is the ISIN. The named listing gives the price that values the shares, so a
listing of another ISIN would value them wrongly.
"""

from decimal import Decimal
from typing import Any, Protocol

from domain.account.refusals import R
from domain.shared.message import Refused, Seen, refused
from domain.shared.money import EXACT, plain

PERCENT_OF_PAR = Decimal("0.01")


class Listing(Protocol):
    """The part of `domain.instrument`'s terms on a day that an account reads."""

    status: Any  # "" listed halted delisted
    isin: str
    settlement_currency: str
    currency: str
    price_type: Any
    price_factor: Decimal
    multiplier: Decimal
    qty_increment: Decimal
    used: bool


def listing(seen: Seen, instrument_id: str, isin: str) -> Listing | Refused:
    """Today's terms of the listing; a refusal if it is unknown or has another ISIN than `isin`."""
    instrument = seen.streams.get(f"instrument-{instrument_id}")
    if instrument is None or not str(instrument.status):
        return refused(R.INSTRUMENT_UNKNOWN, instrument_id=instrument_id)
    terms: Listing = instrument.terms(seen.now.date())
    if terms.isin != isin:
        return refused(R.ISIN_DIFFERS, instrument_id=instrument_id, isin=isin, listed=terms.isin)
    return terms


def factor(terms: Listing) -> Decimal:
    """Settlement currency per unit of quoted price and quantity."""
    whole = EXACT.multiply(terms.price_factor, terms.multiplier)
    par = str(terms.price_type) == "percent_of_par"
    return plain(EXACT.multiply(whole, PERCENT_OF_PAR) if par else whole)
