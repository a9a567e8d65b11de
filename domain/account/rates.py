"""What an amount is worth in an account's base currency, at the last fixing."""

from decimal import Decimal

from domain.account.refusals import R
from domain.account.state import State
from domain.shared.envelope import id_of
from domain.shared.message import Refused, Seen, refused
from domain.shared.money import EXACT, MINOR_UNITS, ZERO, money, plain, round_money
from domain.shared.shares import Value

RATES = "fx-ecb"


def base_rate(state: State, currency: str, seen: Seen) -> Decimal:
    """Base currency per unit of `currency` at the last fixing; 0 when there is none."""
    if currency == state.base_currency:
        return Decimal(1)
    fixing = seen.streams.get(RATES)
    rate = fixing.rate(state.base_currency, currency) if fixing is not None else None
    return plain(rate) if rate is not None else ZERO


def no_rate(sell: str, buy: str, seen: Seen) -> Refused:
    """The refusal for a missing rate: it names the source and the currencies without a rate."""
    fixing = seen.streams.get(RATES)
    lacks = fixing.lacks(sell, buy) if fixing is not None else (sell, buy)
    source = id_of(RATES)
    return refused(R.RATE_UNKNOWN, source=source, currency=",".join(lacks), sell=sell, buy=buy)


def in_base(state: State, amount: Decimal, currency: str, *, rate: Decimal) -> Value:
    """`amount` with its value in the account's base currency; unknown where `rate` is 0."""
    base = round_money(EXACT.multiply(amount, rate), state.base_currency)
    return Value(
        amount=money(amount, currency),
        base=base,
        cents=MINOR_UNITS[currency],
        base_cents=MINOR_UNITS[state.base_currency],
        currency=currency,
        base_known=rate != ZERO,
    )
