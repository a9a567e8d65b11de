"""Sums that never round: the default decimal context rounds silently past 28 digits."""

from collections.abc import Iterable
from decimal import Decimal
from functools import reduce

from domain.shared.money import EXACT, ZERO

add = EXACT.add
subtract = EXACT.subtract


def total(amounts: Iterable[Decimal]) -> Decimal:
    return reduce(add, amounts, ZERO)
