"""One order at the simulated venue, and the effect of a tick on it. No dice, no delivery.

    open -tick-> executions ... -filled | canceled | expired-> closed

MARKET takes the next tick; LIMIT one that crosses its price. Once a tick reaches its price, STOP
becomes a market order and STOP_LIMIT a limit order. An order is executed in up to three slices, one
per tick. OPG trades at the open only, CLS at the close only; IOC takes one slice of the next tick,
FOK all of it or nothing. DAY ends with its session, GTD at its time, GTC never.
"""

from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from adapters.counterparties.fix import ExecutionReport, NewOrderSingle
from adapters.simulators.market import Session, Tick
from domain.shared.fix import OrdType, Side, TimeInForce
from domain.shared.money import ZERO

IMMEDIATE = frozenset({TimeInForce.IOC, TimeInForce.FOK})
ONE_SESSION = frozenset({TimeInForce.DAY, TimeInForce.OPG, TimeInForce.CLS})


class Fill(Struct, frozen=True):
    qty: Decimal
    price: Decimal


class VenueOrder(Struct, kw_only=True):
    """The state of an order; it depends only on the order's messages, their times and the ticks."""

    received: NewOrderSingle
    venue_order_id: str
    cl_ord_id: str
    qty: Decimal
    limit: Decimal | None
    slices: int
    at: datetime  # the order has been worked up to this time
    cum: Decimal = ZERO
    notional: Decimal = ZERO
    triggered: bool = False
    closed: bool = False
    busts: list[tuple[datetime, ExecutionReport]] = []  # executions that will be undone, and when

    @property
    def leaves(self) -> Decimal:
        return ZERO if self.closed else max(self.qty - self.cum, ZERO)

    def meets(self, tick: Tick, session: Session) -> Fill | None:
        """Apply a tick and return the execution that it causes, if any."""
        order = self.received
        when = order.time_in_force
        if when == TimeInForce.OPG and tick.at != session.ticks[0].at:
            return None
        if when == TimeInForce.CLS and tick.at != session.ticks[-1].at:
            return None
        if not self._triggers(tick.price) or not self._crosses(tick.price):
            return None
        qty = self.leaves if when == TimeInForce.FOK else min(self.leaves, self._slice())
        return self.execute(qty, tick.price)

    def execute(self, qty: Decimal, price: Decimal) -> Fill:
        self.cum += qty
        self.notional += qty * price
        return Fill(qty, price)

    def undo(self, qty: Decimal, price: Decimal) -> None:
        """Bust an execution while the order is open: it trades the quantity again."""
        self.cum -= qty
        self.notional -= qty * price

    def lapses(self, tick: Tick, session: Session) -> bool:
        """Whether the order ends with this tick, though it is not wholly filled."""
        when = self.received.time_in_force
        if when in IMMEDIATE:
            return True
        if when == TimeInForce.OPG:
            return tick.at == session.ticks[0].at
        return when in ONE_SESSION and tick.at == session.ticks[-1].at

    def expires_by(self, at: datetime) -> datetime | None:
        """The time at which a GTD order ends, if it is not after `at`."""
        until = self.received.expire_time
        if self.received.time_in_force != TimeInForce.GTD or until is None:
            return None
        return until if until <= at else None

    def _slice(self) -> Decimal:
        whole = self.qty == self.qty.to_integral_value() and self.qty >= self.slices
        return self.qty // self.slices if whole else self.qty

    def _triggers(self, price: Decimal) -> bool:
        stop = self.received.stop_px
        if self.received.ord_type not in (OrdType.STOP, OrdType.STOP_LIMIT) or stop is None:
            return True
        reached = price >= stop if self.received.side == Side.BUY else price <= stop
        self.triggered = self.triggered or reached
        return self.triggered

    def _crosses(self, price: Decimal) -> bool:
        if self.received.ord_type not in (OrdType.LIMIT, OrdType.STOP_LIMIT):
            return True
        if self.limit is None:
            return True
        return price <= self.limit if self.received.side == Side.BUY else price >= self.limit
