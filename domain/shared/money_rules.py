"""Checks of amounts that every aggregate makes, each with the refusals of its own enum."""

from decimal import Decimal
from typing import NamedTuple

from domain.shared.message import Refusal, Refused, refused
from domain.shared.money import MINOR_UNITS, is_currency, is_money

AMOUNT_LIMIT = Decimal(10) ** 15
"""Amounts and quantities must be below it: 15 digits before the point."""


class AmountRefusals(NamedTuple):
    """An aggregate's own refusals for an amount.

    An aggregate names each of them, because a test compares the refusals that its code names with
    those that it lists.
    """

    inexact: Refusal
    too_large: Refusal
    currency_unknown: Refusal


def bad_amount(amount: Decimal, currency: str, refusals: AmountRefusals) -> Refused | None:
    """Refuse an amount that its currency cannot hold exactly. It may be zero or negative."""
    if not is_currency(currency):
        return refused(refusals.currency_unknown, currency=currency)
    if is_too_large(amount):
        return refused(refusals.too_large, limit=AMOUNT_LIMIT)
    if not is_money(amount, currency):
        return refused(refusals.inexact, currency=currency, decimals=MINOR_UNITS[currency])
    return None


def is_too_large(number: Decimal) -> bool:
    """Whether a finite number reaches the limit; others fail the check for exactness."""
    return number.is_finite() and abs(number) >= AMOUNT_LIMIT
