"""What holdings are worth: last marks, instruments' terms and the last fixings; pure.

    value of a position = quantity x mark x price_factor x multiplier (percent of par: / 100)
    NAV = traded cash + values of positions, in the base currency through the euro (ECB crosses)

Each currency is summed exactly, converted once, and rounded once to the base currency's minor
unit. What lacks a mark or a rate is named; the sum is then None rather than too small.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from domain.fx import BASE
from domain.instrument.events import PriceType
from domain.money import EXACT, ZERO, is_currency, round_money
from projections.instruments import InstrumentRow
from projections.marks import Mark

ONE, HUNDRED = Decimal(1), Decimal(100)


class Value(NamedTuple):
    amount: Decimal  # at the currency's minor unit
    currency: str  # settlement currency of the instrument


class NetValue(NamedTuple):
    amount: Decimal | None  # None: something is missing
    missing: tuple[str, ...] = ()  # "mark of X", "rate of EUR"


class Holding(NamedTuple):
    name: str
    value: Value | None  # None: it has no mark


def value_of(qty: Decimal, listing: InstrumentRow | None, mark: Mark | None) -> Value | None:
    """The quantity at its last mark; None without a mark in the listing's quote currency."""
    if listing is None or mark is None or mark.currency != listing.currency:
        return None
    factor = EXACT.multiply(listing.price_factor, listing.multiplier)
    gross = EXACT.multiply(EXACT.multiply(qty, mark.price), factor)
    if listing.price_type == PriceType.PERCENT_OF_PAR:
        gross = EXACT.divide(gross, HUNDRED)
    if not is_currency(listing.settlement_currency):
        return None
    currency = listing.settlement_currency
    return Value(round_money(gross, currency), currency)


def net_value(
    base: str,
    cash: Iterable[tuple[str, Decimal]],
    holdings: Iterable[Holding],
    per_euro: Mapping[str, Decimal],
) -> NetValue:
    """Cash by currency and holdings, in `base`; `per_euro` is units of a currency per EUR."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    missing: list[str] = []
    for currency, amount in cash:
        sums[currency] = EXACT.add(sums[currency], amount)
    for name, value in holdings:
        if value is None:
            missing.append(f"mark of {name}")
        else:
            sums[value.currency] = EXACT.add(sums[value.currency], value.amount)
    total = ZERO
    for currency, amount in sums.items():
        rate = _cross(currency, base, per_euro)
        if rate is None and amount:
            missing.append(f"rate of {currency} in {base}")
        elif rate is not None:
            bought, sold = rate
            total = EXACT.add(total, EXACT.divide(EXACT.multiply(amount, bought), sold))
    if missing:
        return NetValue(None, tuple(sorted(missing)))
    return NetValue(round_money(total, base))


def _cross(sell: str, buy: str, per_euro: Mapping[str, Decimal]) -> tuple[Decimal, Decimal] | None:
    """(units of `buy`, units of `sell`) that a euro is worth; None: not fixed."""
    if sell == buy:
        return ONE, ONE
    fixed = {BASE: ONE, **per_euro}
    return (fixed[buy], fixed[sell]) if buy in fixed and sell in fixed else None
