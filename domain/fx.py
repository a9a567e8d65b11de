"""FX: reference rates as fixed by a source, once a day, against the euro.

A rate is units of a currency per EUR, as the ECB publishes it. On a day without a fixing the last
one applies; `rate_date` is the day of the fixing. Source: domain rule 15.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import ClassVar

from msgspec import Struct

from domain.shared.dates import DateRefusal, bad_date
from domain.shared.market_time import house_today
from domain.shared.message import Command, Decision, Event, Refusal, Seen, refused
from domain.shared.money import EXACT, RATE_DECIMALS, is_currency, is_exact, plain, quantise

BASE = "EUR"
ONE = Decimal(1)


class FxRefusal(Refusal):
    RATE_NOT_POSITIVE = "rate_not_positive"
    RATE_INEXACT = "rate_inexact"
    CURRENCY_UNKNOWN = "currency_unknown"


class FixRates(Command):
    STATES_TIME: ClassVar[bool] = True

    source: str
    rate_date: date
    rates: dict[str, Decimal]  # currency -> units per EUR


class RatesFixed(Event, tag="fx.fixed"):
    source: str
    rate_date: date
    rates: dict[str, Decimal]  # currency -> units per EUR, up to 12 decimals


class Fixing(Struct, frozen=True, kw_only=True):
    """The newest fixing."""

    rate_date: date | None = None
    rates: dict[str, Decimal] = {}  # currency -> units per EUR

    def rate(self, sell: str, buy: str) -> Decimal | None:
        """How many units of `sell` one unit of `buy` costs (12 decimals); None: not fixed."""
        sold, bought = self._per_euro(sell), self._per_euro(buy)
        if sold is None or bought is None:
            return None
        return quantise(EXACT.divide(sold, bought), RATE_DECIMALS)

    def lacks(self, *currencies: str) -> tuple[str, ...]:
        """Those of the currencies that are not fixed, in their order."""
        return tuple(c for c in dict.fromkeys(currencies) if self._per_euro(c) is None)

    def _per_euro(self, currency: str) -> Decimal | None:
        return ONE if currency == BASE else self.rates.get(currency)


CATEGORY = "fx"
COMMANDS = (FixRates,)
REFUSALS: Mapping[type[Command], tuple[Refusal, ...]] = {
    FixRates: (*FxRefusal, DateRefusal.DATE_IN_FUTURE, DateRefusal.DATE_TOO_EARLY)
}
EVENTS = (RatesFixed,)
INITIAL = Fixing()


def key(command: FixRates) -> str:
    return command.source


def reads(command: FixRates) -> tuple[str, ...]:
    return ()


def decide(command: FixRates, state: Fixing, seen: Seen) -> Decision:
    """Record a day's fixing; the same one again changes nothing."""
    if wrong := bad_date("rate_date", command.rate_date, house_today(seen.now)):
        return wrong
    for currency, rate in command.rates.items():
        if not is_currency(currency) or currency == BASE:
            return refused(FxRefusal.CURRENCY_UNKNOWN, currency=currency)
        if not (rate.is_finite() and rate > 0):
            return refused(FxRefusal.RATE_NOT_POSITIVE, currency=currency, rate=rate)
        if not is_exact(rate, RATE_DECIMALS):
            return refused(FxRefusal.RATE_INEXACT, currency=currency, decimals=RATE_DECIMALS)
    rates = {currency: plain(rate) for currency, rate in sorted(command.rates.items())}
    if Fixing(rate_date=command.rate_date, rates=rates) == state or not rates:
        return ()
    return (RatesFixed(source=command.source, rate_date=command.rate_date, rates=rates),)


def evolve(state: Fixing, event: RatesFixed) -> Fixing:
    """The newest day's last fixing as a whole; a late one for an earlier day is history only."""
    if state.rate_date is not None and event.rate_date < state.rate_date:
        return state
    return Fixing(rate_date=event.rate_date, rates=event.rates)


def home(state: Fixing, stream: str) -> str:
    return stream
