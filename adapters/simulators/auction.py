"""The price of an auction: the one at which most trades. Pure.

Of the limits of all orders and the last price, it is the one with the greatest volume; among equals
the one that leaves least unfilled, then the one nearest to the last price, then the lowest.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from domain.shared.money import ZERO


class Interest(NamedTuple):
    """A quantity that somebody wants at a limit or better; None: at any price."""

    qty: Decimal
    limit: Decimal | None


class Uncross(NamedTuple):
    price: Decimal
    volume: Decimal


def uncross(
    buys: Iterable[Interest], sells: Iterable[Interest], last: Decimal | None
) -> Uncross | None:
    """The single price and its volume; None if nothing can trade.

    Args:
        last: the last price, if there is one.
    """
    wanted, offered = list(buys), list(sells)
    limits = {one.limit for one in (*wanted, *offered) if one.limit is not None}
    candidates = sorted(limits if last is None else limits | {last})
    best: tuple[Decimal, Decimal, Decimal] | None = None
    chosen: Uncross | None = None
    for price in candidates:
        demand = sum((b.qty for b in wanted if b.limit is None or b.limit >= price), ZERO)
        supply = sum((s.qty for s in offered if s.limit is None or s.limit <= price), ZERO)
        volume = min(demand, supply)
        far = abs(price - last) if last is not None else ZERO
        rank = (-volume, abs(demand - supply), far)
        if volume > ZERO and (best is None or rank < best):
            best, chosen = rank, Uncross(price, volume)
    return chosen
