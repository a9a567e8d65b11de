"""The value of holdings, by last marks, instruments' terms and last fixings. Pure; not a view.

    value of a position = quantity x mark x factor x multiplier (percent of par: / 100)
    NAV = traded cash + values of positions, in the base currency through the euro (ECB crosses)

The factor is that of the unit the mark was made in (GBX: 0.01 GBP), so that an old mark keeps its
value when the listing's quotation changes. `value_of` rounds a position to its currency's minor
unit, as it is shown. `net_value` sums the given values exactly by currency, converts each currency
once, and rounds once to the base currency's minor unit. It names every missing mark or rate; the
sum is then None rather than too small. It also names each stale mark or rate that it used, with
its age; the sum is then still given, and the reader decides.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from domain.fx import BASE
from domain.instrument.events import PriceType
from domain.shared.freshness import is_stale
from domain.shared.money import EXACT, ZERO, is_currency, round_money
from domain.shared.quotation import money_of
from projections.market.instruments import InstrumentRow
from projections.market.marks import Mark

ONE, HUNDRED = Decimal(1), Decimal(100)


class Value(NamedTuple):
    amount: Decimal
    currency: str  # in which the mark's unit settles
    marked_on: date


class Stale(NamedTuple):
    """A mark or rate that a figure used though it is old."""

    kind: str  # "mark", "rate"
    name: str  # ISIN of a mark, currency of a rate
    as_of: date
    age_days: int


class NetValue(NamedTuple):
    amount: Decimal | None  # None: something is missing
    missing: tuple[str, ...] = ()  # "mark of X", "rate of EUR"
    stale: tuple[Stale, ...] = ()  # used, and old; oldest first


class Holding(NamedTuple):
    name: str
    value: Value | None  # None: it has no mark


class Fixed(NamedTuple):
    """A currency's last fixing."""

    per_euro: Decimal
    on: date


def value_of(qty: Decimal, listing: InstrumentRow | None, mark: Mark | None) -> Value | None:
    """The quantity at its last mark, in the money of the mark's unit; None without a mark."""
    if listing is None or mark is None:
        return None
    currency, units = money_of(mark.currency)
    if not is_currency(currency):
        return None
    factor = EXACT.multiply(units, listing.multiplier)
    gross = EXACT.multiply(EXACT.multiply(qty, mark.price), factor)
    if listing.price_type == PriceType.PERCENT_OF_PAR:
        gross = EXACT.divide(gross, HUNDRED)
    return Value(round_money(gross, currency), currency, mark.price_date)


def net_value(
    base: str,
    cash: Iterable[tuple[str, Decimal]],
    holdings: Iterable[Holding],
    fixed: Mapping[str, Fixed],
    *,
    today: date,
) -> NetValue:
    """Cash by currency and holdings, in `base`, by the last fixing of each currency."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    missing: list[str] = []
    used: set[tuple[str, str, date]] = set()
    for currency, amount in cash:
        sums[currency] = EXACT.add(sums[currency], amount)
    for name, value in holdings:
        if value is None:
            missing.append(f"mark of {name}")
        else:
            sums[value.currency] = EXACT.add(sums[value.currency], value.amount)
            used.add(("mark", name, value.marked_on))
    total = ZERO
    for currency, amount in sums.items():
        if not amount:
            continue
        rate = _cross(currency, base, fixed)
        if rate is None:
            missing.append(f"rate of {currency} in {base}")
            continue
        bought, sold = rate
        total = EXACT.add(total, EXACT.divide(EXACT.multiply(amount, bought), sold))
        legs = {currency, base} if currency != base else set()
        used |= {("rate", leg, fixed[leg].on) for leg in legs if leg in fixed}
    old = stale(used, today)
    if missing:
        return NetValue(None, tuple(sorted(missing)), old)
    return NetValue(round_money(total, base), stale=old)


def stale(used: Iterable[tuple[str, str, date]], today: date) -> tuple[Stale, ...]:
    """Those of the (kind, name, as of) used that are stale, oldest first."""
    aged = (Stale(kind, name, on, (today - on).days) for kind, name, on in used)
    return tuple(
        sorted(
            (s for s in aged if is_stale(s.as_of, today)), key=lambda s: (s.as_of, s.kind, s.name)
        )
    )


def _cross(sell: str, buy: str, fixed: Mapping[str, Fixed]) -> tuple[Decimal, Decimal] | None:
    """(units of `buy`, units of `sell`) that a euro is worth; None: not fixed."""
    if sell == buy:
        return ONE, ONE
    bought, sold = _per_euro(buy, fixed), _per_euro(sell, fixed)
    return None if bought is None or sold is None else (bought, sold)


def _per_euro(currency: str, fixed: Mapping[str, Fixed]) -> Decimal | None:
    if currency == BASE:
        return ONE
    found = fixed.get(currency)
    return found.per_euro if found else None
