"""What a status page shows of an order book: its levels and its last trades."""

from itertools import groupby
from typing import Any

from adapters.simulators.order_book import OrderBook, Working
from domain.shared.money import ZERO

LEVELS_MAX = 10


def page(book: OrderBook) -> dict[str, Any]:
    """The book as JSON: decimals as strings, the best level and the latest trade first.

    A level's price is "market" for market orders that wait for an auction.
    """
    return {
        "symbol": book.symbol,
        "phase": book.phase.value,
        "last": None if book.last is None else str(book.last),
        "bids": _levels(book.bids()),
        "asks": _levels(book.asks()),
        "trades": [
            {"buyer": t.buyer, "seller": t.seller, "qty": str(t.qty), "price": str(t.price)}
            for t in reversed(book.trades)
        ],
    }


def _levels(side: list[Working]) -> list[dict[str, Any]]:
    levels = []
    for limit, group in groupby(side, key=lambda one: one.limit):
        orders = list(group)
        qty = sum((one.leaves for one in orders), ZERO)
        price = "market" if limit is None else str(limit)
        levels.append({"price": price, "qty": str(qty), "orders": len(orders)})
    return levels[:LEVELS_MAX]
