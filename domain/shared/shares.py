"""Shares of a total: rounded, and exact in sum."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from domain.shared.money import EXACT, ZERO, quantise


class Value(Struct, frozen=True, kw_only=True):
    """A total with its decimals, in the trade's and in the account's base currency."""

    amount: Decimal
    base: Decimal
    cents: int = 2
    base_cents: int = 2
    currency: str = ""  # of amount
    base_known: bool = True  # False: no rate was fixed, base is 0 and means nothing

    def shares(self, parts: Sequence[Decimal]) -> list["Value"]:
        """Split pro rata to `parts` (> 0 in sum); the last part takes the remainder."""
        amounts = split(self.amount, parts, self.cents)
        bases = split(self.base, parts, self.base_cents)
        return [replace(self, amount=a, base=b) for a, b in zip(amounts, bases, strict=True)]


def split(total: Decimal, parts: Sequence[Decimal], decimals: int) -> list[Decimal]:
    """`total` in proportion to `parts`, each rounded, exact in sum: the last takes the remainder.

    Each share is the difference of two rounded running totals, so none is off by more than one
    unit of the last decimal, however many there are.
    """
    whole, done, cut, shares = sum(parts, ZERO), ZERO, ZERO, list[Decimal]()
    for part in parts:
        done += part
        upto = total if done == whole else _share(total, done, whole, decimals)
        shares.append(upto - cut)
        cut = upto
    return shares


def _share(total: Decimal, part: Decimal, whole: Decimal, decimals: int) -> Decimal:
    return quantise(EXACT.divide(EXACT.multiply(total, part), whole), decimals)
