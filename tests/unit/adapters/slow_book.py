"""A slow order book, to compare the product's with: one unit at a time, by whole scans."""

from decimal import Decimal

from adapters.simulators.order_book import BookOrder
from domain.shared.fix import OrdType, Side, TimeInForce

IMMEDIATE = (TimeInForce.IOC, TimeInForce.FOK)
Fills = dict[tuple[str, str, Decimal], int]  # (buyer, seller, price) -> units


class Rest:
    def __init__(self, order: BookOrder, place: int) -> None:
        self.order, self.place, self.left = order, place, int(order.qty)
        self.limit = None if order.ord_type is OrdType.MARKET else order.limit

    def accepts(self, price: Decimal) -> bool:
        if self.limit is None:
            return True
        return self.limit >= price if self.order.side is Side.BUY else self.limit <= price

    def rank(self) -> tuple[int, Decimal, int]:
        """The least trades first."""
        limit = self.limit or Decimal(0)
        sign = -1 if self.order.side is Side.BUY else 1
        return (int(self.limit is not None), sign * limit, self.place)


class SlowBook:
    """Market and limit orders of one session, as `OrderBook` has them; whole quantities."""

    def __init__(self, last: Decimal | None) -> None:
        self.last, self.opened, self.places = last, False, 0
        self.rests: dict[str, Rest] = {}

    def side(self, side: Side) -> list[Rest]:
        return sorted((r for r in self.rests.values() if r.order.side is side), key=Rest.rank)

    def enter(self, order: BookOrder) -> Fills:
        self.places += 1
        return self._take(Rest(order, self.places))

    def cancel(self, order_id: str) -> None:
        self.rests.pop(order_id, None)

    def replace(self, order_id: str, qty: int, limit: Decimal) -> Fills:
        rest = self.rests.get(order_id)
        if rest is None:
            return {}
        traded = int(rest.order.qty) - rest.left
        keeps = qty <= int(rest.order.qty) and limit == rest.order.limit
        was, rest.left = rest.order, qty - traded
        rest.order = BookOrder(
            order_id=was.order_id,
            side=was.side,
            qty=Decimal(qty),
            ord_type=was.ord_type,
            time_in_force=was.time_in_force,
            limit=limit,
        )
        rest.limit = None if was.ord_type is OrdType.MARKET else limit
        if rest.left <= 0:
            del self.rests[order_id]
        elif not keeps:
            del self.rests[order_id]
            self.places += 1
            rest.place = self.places
            return self._take(rest)
        return {}

    def open(self) -> Fills:
        """Try every price; at the best, trade unit by unit."""
        prices = {r.limit for r in self.rests.values() if r.limit is not None}
        prices |= {self.last} if self.last is not None else set()
        ranked = []
        for price in prices:
            demand = sum(r.left for r in self.side(Side.BUY) if r.accepts(price))
            supply = sum(r.left for r in self.side(Side.SELL) if r.accepts(price))
            far = abs(price - self.last) if self.last is not None else Decimal(0)
            ranked.append((-min(demand, supply), abs(demand - supply), far, price))
        fills: Fills = {}
        price = min(ranked)[-1] if ranked else Decimal(0)
        for _ in range(-min(ranked)[0] if ranked else 0):
            self._unit(self.side(Side.BUY)[0], self.side(Side.SELL)[0], price, fills)
        self.opened = True
        for one in list(self.rests.values()):
            if one.limit is None or one.order.time_in_force is TimeInForce.OPG:
                del self.rests[one.order.order_id]
        return fills

    def _take(self, new: Rest) -> Fills:
        when, name = new.order.time_in_force, new.order.order_id
        if not self.opened:
            if when not in IMMEDIATE:
                self.rests[name] = new
            return {}
        if when is TimeInForce.OPG:
            return {}
        against = Side.SELL if new.order.side is Side.BUY else Side.BUY
        reach = sum(r.left for r in self.side(against) if r.limit and new.accepts(r.limit))
        if when is TimeInForce.FOK and reach < new.left:
            return {}
        fills: Fills = {}
        self.rests[name] = new
        for _ in range(min(reach, new.left)):
            best = self.side(against)[0]
            assert best.limit is not None
            pair = (new, best) if new.order.side is Side.BUY else (best, new)
            self._unit(*pair, best.limit, fills)
        if new.limit is None or when in IMMEDIATE:
            self.rests.pop(name, None)
        return fills

    def _unit(self, buy: Rest, sell: Rest, price: Decimal, fills: Fills) -> None:
        key = (buy.order.order_id, sell.order.order_id, price)
        fills[key] = fills.get(key, 0) + 1
        self.last = price
        for rest in (buy, sell):
            rest.left -= 1
            if not rest.left:
                del self.rests[rest.order.order_id]
