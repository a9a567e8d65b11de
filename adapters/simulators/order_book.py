"""A price-time order book of one instrument. Pure: no clock, no dice, no delivery.

    CLOSED -open: auction-> OPEN <-halt | resume: auction-> HALTED
       ^------------------ close: auction --------------------'

Outside OPEN, orders rest without trading, and IOC and FOK end at once. In OPEN the better price
trades first, at one price the earlier order; a trade is at the price of the order that rested. A
market order never rests: what finds no other side ends. Stops wait until a trade of ours reaches
their price in OPEN, and then enter as the latest order. OPG trades at the opening only, CLS at the
close only. All but GTC and GTD end with the session; an order sent while CLOSED is of the next one.

A replace keeps the order's place if it lowers the quantity only; else the order is the latest.
Orders of one owner may trade with each other: that is the sender's matter.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from adapters.simulators.auction import Interest, uncross
from domain.shared.fix import MULTI_DAY, OrdType, Side, TimeInForce
from domain.shared.money import ZERO

TRADES_KEPT = 50  # for the page
IMMEDIATE = frozenset({TimeInForce.IOC, TimeInForce.FOK})
STOPS = frozenset({OrdType.STOP, OrdType.STOP_LIMIT})
LIMITED = frozenset({OrdType.LIMIT, OrdType.STOP_LIMIT})


class Phase(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALTED = "halted"


class Why(StrEnum):
    """Why an order ended with something unfilled."""

    CANCELED = "canceled"
    REDUCED = "reduced"  # replaced to no more than it had traded
    NO_LIQUIDITY = "no liquidity"  # a market order, IOC or FOK
    NOT_OPEN = "not open"  # IOC and FOK outside trading
    TOO_LATE = "too late"  # OPG after the opening
    EXPIRED = "expired"


class BookOrder(Struct, frozen=True, kw_only=True):
    """An order as it is sent; `qty` in units, `limit` and `stop` in the book's price unit."""

    order_id: str
    side: Side
    qty: Decimal
    ord_type: OrdType = OrdType.LIMIT
    time_in_force: TimeInForce = TimeInForce.DAY
    limit: Decimal | None = None
    stop: Decimal | None = None
    expire_time: datetime | None = None


class Traded(Struct, frozen=True):
    buyer: str  # order ids
    seller: str
    qty: Decimal
    price: Decimal


class Triggered(Struct, frozen=True):
    order_id: str


class Ended(Struct, frozen=True):
    order_id: str
    qty: Decimal  # unfilled
    why: Why


BookEvent = Traded | Triggered | Ended
Key = tuple[int, Decimal, int]


class Working(Struct):
    """An open order; the greater its key, the sooner it trades."""

    order: BookOrder
    seq: int
    cum: Decimal = ZERO
    triggered: bool = False

    @property
    def leaves(self) -> Decimal:
        return self.order.qty - self.cum

    @property
    def limit(self) -> Decimal | None:
        return self.order.limit if self.order.ord_type in LIMITED else None

    @property
    def buys(self) -> bool:
        return self.order.side is Side.BUY

    @property
    def waits(self) -> bool:
        return self.order.ord_type in STOPS and not self.triggered

    def key(self) -> Key:
        if self.limit is None:
            return (1, ZERO, -self.seq)
        return (0, self.limit if self.buys else -self.limit, -self.seq)

    def takes(self, price: Decimal) -> bool:
        """Whether it trades at a price."""
        if self.limit is None:
            return True
        return price <= self.limit if self.buys else price >= self.limit


class OrderBook:
    """Args:
    symbol: whose book it is.
    last: the price of the last trade before, if any.
    """

    def __init__(self, symbol: str, *, last: Decimal | None = None) -> None:
        self.symbol, self.last, self.phase = symbol, last, Phase.CLOSED
        self.trades: deque[Traded] = deque(maxlen=TRADES_KEPT)
        self._seq = 0
        self._orders: dict[str, Working] = {}  # all that are open
        self._known: set[str] = set()
        self._bids: list[Working] = []  # the best last
        self._asks: list[Working] = []
        self._stops: list[Working] = []  # in order of arrival
        self._aside: list[Working] = []  # CLS until the close
        self._told: list[BookEvent] = []

    def enter(self, order: BookOrder) -> list[BookEvent]:
        """Take an order; what happens because of it, in its sequence.

        Raises:
            ValueError: the order is malformed, or its id was used before.
        """
        _check(order)
        if order.order_id in self._known:
            raise ValueError(f"order_id: {order.order_id} was used before")
        self._known.add(order.order_id)
        working = self._orders[order.order_id] = Working(order, self._next())
        self._place(working)
        return self._settled()

    def cancel(self, order_id: str) -> list[BookEvent]:
        """End an order; nothing happens if it is not open."""
        working = self._orders.get(order_id)
        if working is not None:
            self._remove(working)
            self._end(working, Why.CANCELED)
        return self._settled()

    def replace(
        self, order_id: str, *, qty: Decimal, limit: Decimal | None = None
    ) -> list[BookEvent]:
        """Change an order's whole quantity, or its limit; nothing happens if it is not open.

        Raises:
            ValueError: the changed order is malformed.
        """
        working = self._orders.get(order_id)
        if working is None:
            return []
        changed = replace(
            working.order, qty=qty, limit=working.order.limit if limit is None else limit
        )
        _check(changed)
        keeps = changed.limit == working.order.limit and qty <= working.order.qty
        if not keeps or qty <= working.cum:
            self._remove(working)
        working.order = changed
        if qty <= working.cum:
            self._end(working, Why.REDUCED)
        elif not keeps:
            working.seq = self._next()
            self._place(working)
        return self._settled()

    def open_session(self) -> list[BookEvent]:
        """The opening auction, then continuous trading."""
        self._expect(Phase.CLOSED)
        self._auction()
        self._end_where(lambda one: one.order.time_in_force is TimeInForce.OPG)
        self.phase = Phase.OPEN
        return self._settled()

    def halt(self) -> list[BookEvent]:
        """Stop trading; orders and cancels are still taken."""
        self._expect(Phase.OPEN)
        self.phase = Phase.HALTED
        return []

    def resume(self) -> list[BookEvent]:
        """The auction after a halt, then continuous trading."""
        self._expect(Phase.HALTED)
        self._auction()
        self.phase = Phase.OPEN
        return self._settled()

    def close_session(self) -> list[BookEvent]:
        """The closing auction, if the book is not halted; then the session's orders end."""
        self._expect(Phase.OPEN, Phase.HALTED)
        if self.phase is Phase.OPEN:
            for one in self._aside:
                self._rest(one)
            self._aside = []
            self._auction()
        self.phase = Phase.CLOSED
        self._end_where(lambda one: one.order.time_in_force not in MULTI_DAY)
        return self._settled()

    def expire(self, at: datetime) -> list[BookEvent]:
        """End the GTD orders whose time has come."""
        self._end_where(lambda one: _is_over(one.order, at))
        return self._settled()

    def bids(self) -> list[Working]:
        """What rests to buy, the best first."""
        return self._bids[::-1]

    def asks(self) -> list[Working]:
        """What rests to sell, the best first."""
        return self._asks[::-1]

    def open_orders(self) -> list[Working]:
        """All open orders, with stops that wait and orders for the close."""
        return list(self._orders.values())

    def _place(self, new: Working) -> None:
        when = new.order.time_in_force
        if when is TimeInForce.OPG and self.phase is not Phase.CLOSED:
            self._end(new, Why.TOO_LATE)
        elif when is TimeInForce.CLS:
            self._aside.append(new)
        elif new.waits:
            self._stops.append(new)
        elif self.phase is Phase.OPEN:
            self._match(new)
        elif when in IMMEDIATE:
            self._end(new, Why.NOT_OPEN)
        else:
            self._rest(new)

    def _match(self, new: Working) -> None:
        """Trade a new order as far as it goes; the rest of it rests, or ends."""
        against = self._asks if new.buys else self._bids
        when = new.order.time_in_force
        if when is TimeInForce.FOK and self._within_reach(new, against) < new.leaves:
            self._end(new, Why.NO_LIQUIDITY)
            return
        while new.leaves and against and new.takes(_price(against[-1])):
            resting = against[-1]
            self._trade(new, resting, min(new.leaves, resting.leaves), _price(resting))
            if not resting.leaves:
                against.pop()
        if not new.leaves:
            return
        if new.limit is None or when in IMMEDIATE:
            self._end(new, Why.NO_LIQUIDITY)
        else:
            self._rest(new)

    def _within_reach(self, new: Working, against: list[Working]) -> Decimal:
        reach = ZERO
        for resting in reversed(against):
            if reach >= new.leaves or not new.takes(_price(resting)):
                break
            reach += resting.leaves
        return reach

    def _auction(self) -> None:
        """Trade at one price; market orders that are left over end."""
        found = uncross(_interest(self._bids), _interest(self._asks), self.last)
        left = found.volume if found else ZERO
        while found and left:
            buy, sell = self._bids[-1], self._asks[-1]
            qty = min(buy.leaves, sell.leaves, left)
            self._trade(buy, sell, qty, found.price)
            left -= qty
            for side, one in ((self._bids, buy), (self._asks, sell)):
                if not one.leaves:
                    side.pop()
        for one in [*self.bids(), *self.asks()]:
            if one.limit is None:
                self._remove(one)
                self._end(one, Why.NO_LIQUIDITY)

    def _trade(self, one: Working, other: Working, qty: Decimal, price: Decimal) -> None:
        buy, sell = (one, other) if one.buys else (other, one)
        trade = Traded(buy.order.order_id, sell.order.order_id, qty, price)
        for each in (buy, sell):
            each.cum += qty
            if not each.leaves:
                del self._orders[each.order.order_id]
        self.last = price
        self.trades.append(trade)
        self._told.append(trade)

    def _settled(self) -> list[BookEvent]:
        """Let stops enter, one after another, until none is reached; then tell all."""
        while self.phase is Phase.OPEN:
            reached = next((one for one in self._stops if self._reaches(one.order)), None)
            if reached is None:
                break
            self._stops.remove(reached)
            reached.triggered, reached.seq = True, self._next()
            self._told.append(Triggered(reached.order.order_id))
            self._match(reached)
        told, self._told = self._told, []
        return told

    def _reaches(self, order: BookOrder) -> bool:
        if self.last is None or order.stop is None:
            return False
        return self.last >= order.stop if order.side is Side.BUY else self.last <= order.stop

    def _rest(self, working: Working) -> None:
        insort(self._side(working), working, key=Working.key)

    def _remove(self, working: Working) -> None:
        for apart in (self._stops, self._aside):
            if working in apart:
                apart.remove(working)
                return
        side = self._side(working)
        del side[bisect_left(side, working.key(), key=Working.key)]

    def _end(self, working: Working, why: Why) -> None:
        del self._orders[working.order.order_id]
        self._told.append(Ended(working.order.order_id, max(working.leaves, ZERO), why))

    def _end_where(self, ends: Callable[[Working], bool]) -> None:
        for one in [one for one in self._orders.values() if ends(one)]:
            self._remove(one)
            self._end(one, Why.EXPIRED)

    def _side(self, working: Working) -> list[Working]:
        return self._bids if working.buys else self._asks

    def _next(self) -> int:
        self._seq += 1
        return self._seq

    def _expect(self, *phases: Phase) -> None:
        if self.phase not in phases:
            raise ValueError(f"phase: the book is {self.phase}, not {' or '.join(phases)}")


def _price(resting: Working) -> Decimal:
    assert resting.limit is not None, "a market order never rests while the book is open"
    return resting.limit


def _interest(side: list[Working]) -> list[Interest]:
    return [Interest(one.leaves, one.limit) for one in side]


def _is_over(order: BookOrder, at: datetime) -> bool:
    until = order.expire_time
    return order.time_in_force is TimeInForce.GTD and until is not None and until <= at


def _check(order: BookOrder) -> None:
    if order.qty <= ZERO:
        raise ValueError(f"qty: must be more than 0, not {order.qty}")
    if order.ord_type in LIMITED and (order.limit is None or order.limit <= ZERO):
        raise ValueError(f"limit: a {order.ord_type} order needs one above 0")
    if order.ord_type in STOPS and (order.stop is None or order.stop <= ZERO):
        raise ValueError(f"stop: a {order.ord_type} order needs one above 0")
    if order.ord_type in STOPS and order.time_in_force in (TimeInForce.OPG, TimeInForce.CLS):
        raise ValueError(f"time_in_force: a {order.ord_type} order cannot be for an auction")
    if order.time_in_force is TimeInForce.GTD and order.expire_time is None:
        raise ValueError("expire_time: a GTD order needs one")
