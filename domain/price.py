"""Price: the marks of one instrument that figures were computed from.

Ticks are not in the log; a mark is the price that a valuation, a collar or a fee used. A mark is
never changed: a better one for the same day is another event, and the newest day's last one wins.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, Protocol, Self

from msgspec import Struct

from domain.shared.dates import DateRefusal, bad_date
from domain.shared.market_time import market_today
from domain.shared.message import Command, Decision, Event, Refusal, Refused, Seen, refused
from domain.shared.money import PRICE_DECIMALS, is_exact, plain


class PriceRefusal(Refusal):
    INSTRUMENT_UNKNOWN = "instrument_unknown"
    ISIN_DIFFERS = "isin_differs"
    PRICE_NOT_POSITIVE = "price_not_positive"
    PRICE_INEXACT = "price_inexact"
    CURRENCY_DIFFERS = "currency_differs"


class MarkPrice(Command):
    STATES_TIME: ClassVar[bool] = True

    instrument_id: str
    isin: str
    price: Decimal  # as quoted: in the quote currency, or percent of par
    currency: str  # of the quote
    price_date: date
    source: str


class PriceMarked(Event, tag="price.marked"):
    instrument_id: str
    isin: str
    price: Decimal  # as quoted, up to 10 decimals
    currency: str
    price_date: date
    source: str


class Mark(Struct, frozen=True, kw_only=True):
    """The newest mark; `price` None: there is none yet."""

    price: Decimal | None = None
    price_date: date | None = None
    currency: str = ""
    isin: str = ""
    source: str = ""


class InstrumentSeen(Protocol):
    """What a mark reads of `domain.instrument`."""

    status: Any  # "": not listed
    isin: str

    @property
    def market(self) -> str: ...

    def terms(self, on: date) -> Self: ...

    def quoted_in(self, on: date) -> str: ...


CATEGORY = "price"
COMMANDS = (MarkPrice,)
REFUSALS: Mapping[type[Command], tuple[Refusal, ...]] = {
    MarkPrice: (*PriceRefusal, DateRefusal.DATE_IN_FUTURE, DateRefusal.DATE_TOO_EARLY)
}
EVENTS = (PriceMarked,)
INITIAL = Mark()


def key(command: MarkPrice) -> str:
    return command.instrument_id


def reads(command: MarkPrice) -> tuple[str, ...]:
    return (f"instrument-{command.instrument_id}",)


def decide(command: MarkPrice, state: Mark, seen: Seen) -> Decision:
    """Mark the price. Refuse what is no price, or another currency or ISIN than the instrument's.

    The day of the mark must have begun in the instrument's market.
    """
    listed: InstrumentSeen = seen.streams[f"instrument-{command.instrument_id}"]
    terms = listed.terms(command.price_date)
    if wrong := _not_listed(command, terms):
        return wrong
    today = market_today(terms.market, seen.now)
    if wrong := bad_date("price_date", command.price_date, today):
        return wrong
    quoted_in = listed.quoted_in(command.price_date)
    if quoted_in != command.currency:
        return refused(PriceRefusal.CURRENCY_DIFFERS, currency=quoted_in)
    if not (command.price.is_finite() and command.price > 0):
        return refused(PriceRefusal.PRICE_NOT_POSITIVE, price=command.price)
    if not is_exact(command.price, PRICE_DECIMALS):
        return refused(PriceRefusal.PRICE_INEXACT, decimals=PRICE_DECIMALS)
    marked = PriceMarked(
        instrument_id=command.instrument_id,
        isin=command.isin,
        price=plain(command.price),
        currency=command.currency,
        price_date=command.price_date,
        source=command.source,
    )
    return () if _mark(marked) == state else (marked,)


def _not_listed(command: MarkPrice, terms: InstrumentSeen) -> Refused | None:
    """Refuse a mark of an instrument that is not listed, or with another ISIN than its own."""
    named = command.instrument_id
    if not terms.status:
        return refused(PriceRefusal.INSTRUMENT_UNKNOWN, instrument_id=named)
    if terms.isin != command.isin:
        cause = {"instrument_id": named, "isin": command.isin, "listed": terms.isin}
        return refused(PriceRefusal.ISIN_DIFFERS, **cause)
    return None


def evolve(state: Mark, event: PriceMarked) -> Mark:
    """The newest day's mark; a late one for an earlier day is history only."""
    if state.price_date is not None and event.price_date < state.price_date:
        return state
    return _mark(event)


def home(state: Mark, stream: str) -> str:
    return stream


def _mark(event: PriceMarked) -> Mark:
    return Mark(
        price=event.price,
        price_date=event.price_date,
        currency=event.currency,
        isin=event.isin,
        source=event.source,
    )
