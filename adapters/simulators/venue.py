"""The simulated venue: trades orders on a given market, and misbehaves on demand.

    submit --> orders, worked tick by tick up to `to` --> mailbox --> advance(to)

Its behaviour depends only on the seed, the orders and the times at which they were sent. If it gets
the same orders again after a restart, it reports the same executions under the same ids. So it
keeps no file: a gateway restores it by sending the open orders again.
"""

from bisect import bisect_right
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec.structs import replace

from adapters.counterparties.fix import (
    DontKnowTrade,
    ExecType,
    ExecutionReport,
    FromVenue,
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderMassCancelRequest,
    OrderStatusRequest,
    ToVenue,
)
from adapters.simulators.dice import happens, throw, token
from adapters.simulators.mailbox import Mailbox
from adapters.simulators.market import Market, Session, Tick
from adapters.simulators.misbehaviour import VenueFaults
from adapters.simulators.venue_order import IMMEDIATE, VenueOrder
from adapters.simulators.venue_reports import (
    corrected,
    day_label,
    executed,
    miscounted,
    refused_request,
    report,
    undone,
    unknown_order,
    unreinstated,
)
from domain.shared.fix import OrdRejReason
from domain.shared.limits import EPOCH
from domain.shared.quotation import requoted

SLICES_MAX = 3
OVERTAKEN = timedelta(minutes=7)  # by at least one tick
AFTER_CLOSE, NEXT_DAY = timedelta(minutes=15), timedelta(hours=18)  # late reports, from the close
CORRECTED_AFTER, BUSTED_AFTER = timedelta(hours=19), timedelta(hours=20)


class SimulatedVenue:
    """Implements `adapters.counterparties.fix.Venue`.

    Args:
        market: sessions and prices.
        seed: of slices and faults.
        faults: probabilities of misbehaviour; all 0 by default.
        units: the unit of a symbol's prices; a symbol that is not listed has its orders' unit. An
            order in another unit of the same money trades at the converted price; an order in
            other money does not trade.
    """

    def __init__(
        self,
        market: Market,
        *,
        seed: int,
        faults: VenueFaults | None = None,
        units: Mapping[str, str] | None = None,
    ) -> None:
        self._market, self._seed, self._units = market, seed, units or {}
        self._faults = faults or VenueFaults()
        self._known: set[str] = set()  # ClOrdIDs, to ignore messages sent twice
        self._orders: dict[str, VenueOrder] = {}  # by any ClOrdID of the chain
        self._open: dict[str, VenueOrder] = {}  # by our order id, in order of arrival
        self._mailbox: Mailbox[FromVenue] = Mailbox()
        self.disputed: list[DontKnowTrade] = []
        self._asked = 0  # status requests, for the ids of their answers
        self._now = EPOCH  # the latest time it has been told

    async def submit(self, message: ToVenue) -> None:
        match message:
            case DontKnowTrade():
                self.disputed.append(message)
            case OrderStatusRequest():
                self._tell_status(message)
            case OrderMassCancelRequest():
                self._cancel_all(message)
            case _ if message.cl_ord_id in self._known:
                return
            case NewOrderSingle():
                self._known.add(message.cl_ord_id)
                self._accept(message)
            case OrderCancelRequest() | OrderCancelReplaceRequest():
                self._known.add(message.cl_ord_id)
                self._change(message)

    async def advance(self, to: datetime) -> list[FromVenue]:
        self._now = max(self._now, to)
        for order in list(self._open.values()):
            self._work(order, to)
        return self._mailbox.take(to)

    def _accept(self, message: NewOrderSingle) -> None:
        order_id = message.secondary_cl_ord_id
        order = VenueOrder(
            received=message,
            venue_order_id=f"V{token(self._seed, order_id)}",
            cl_ord_id=message.cl_ord_id,
            qty=message.order_qty,
            limit=message.price,
            slices=1 + int(throw(self._seed, "slices", order_id) * SLICES_MAX),
            at=message.transact_time,
        )
        self._orders[message.cl_ord_id] = order
        if self._throws("silent", order):
            order.closed = True
            return
        if not self._market.lists(message.symbol):
            self._reject(order, OrdRejReason.UNKNOWN_SYMBOL, "unknown symbol")
        elif self._throws("reject", order):
            self._reject(order, OrdRejReason.BROKER_OPTION, "not taken")
        else:
            self._open[order_id] = order
            self._post(report(order, ExecType.NEW, "0", at=order.at))

    def _reject(
        self, order: VenueOrder, reason: OrdRejReason, text: str, *, label: str = "8"
    ) -> None:
        order.closed = True
        answer = report(
            order, ExecType.REJECTED, label, at=order.at, ord_rej_reason=reason, text=text
        )
        self._post(answer)

    def _change(self, message: OrderCancelRequest | OrderCancelReplaceRequest) -> None:
        """Work the order up to the request's time, then answer the request."""
        order = self._orders.get(message.orig_cl_ord_id)
        if order is None:
            self._refuse(message, None, "unknown order")
            return
        self._orders[message.cl_ord_id] = order
        if self._throws("silent", order):
            return
        self._work(order, message.transact_time)
        if order.closed:
            self._refuse(message, order, "too late")
        elif isinstance(message, OrderCancelRequest):
            self._cancel(order, message)
        else:
            self._replace(order, message)

    def _tell_status(self, message: OrderStatusRequest) -> None:
        """Answer with a report of type I; an order that never arrived is reported as rejected."""
        order = self._orders.get(message.cl_ord_id)
        self._asked += 1
        at = self._now
        answer = (
            unknown_order(message, at)
            if order is None
            else report(order, ExecType.ORDER_STATUS, "", at=at)
        )
        answer = replace(answer, exec_id=f"I.{message.cl_ord_id}.{self._asked}")
        self._mailbox.post(answer, at=at, label=answer.exec_id)

    def _cancel_all(self, message: OrderMassCancelRequest) -> None:
        """Cancel every open order, or those of one symbol and side."""
        for order in list(self._open.values()):
            asked = order.received
            if message.symbol in ("", asked.symbol) and message.side in (None, asked.side):
                self._close(order)
                at = max(order.at, message.transact_time)
                self._post(report(order, ExecType.CANCELED, f"4.{message.cl_ord_id}", at=at))

    def _refuse(
        self,
        message: OrderCancelRequest | OrderCancelReplaceRequest,
        order: VenueOrder | None,
        text: str,
    ) -> None:
        at = max(message.transact_time, order.at) if order else message.transact_time
        self._mailbox.post(refused_request(message, order, text), at=at, label=message.cl_ord_id)

    def _cancel(self, order: VenueOrder, message: OrderCancelRequest) -> None:
        order.cl_ord_id = message.cl_ord_id
        self._close(order)
        at, original = max(order.at, message.transact_time), message.orig_cl_ord_id
        label = f"4.{message.cl_ord_id}"
        self._post(report(order, ExecType.CANCELED, label, at=at, orig_cl_ord_id=original))

    def _replace(self, order: VenueOrder, message: OrderCancelReplaceRequest) -> None:
        if message.order_qty <= order.cum:
            self._refuse(message, order, "below what is filled")
            return
        order.cl_ord_id, order.qty = message.cl_ord_id, message.order_qty
        order.limit = message.price if message.price is not None else order.limit
        at, original = max(order.at, message.transact_time), message.orig_cl_ord_id
        label = f"5.{message.cl_ord_id}"
        self._post(report(order, ExecType.REPLACED, label, at=at, orig_cl_ord_id=original))

    def _work(self, order: VenueOrder, to: datetime) -> None:
        """Trade an order against all ticks after `order.at` up to `to`."""
        day = order.at.date()
        while not order.closed and day <= to.date():
            session = self._market.session(order.received.symbol, day)
            if session is not None:
                self._trade(order, session, to)
            day += timedelta(days=1)
        if not order.closed:
            self._expire_by(order, to)
        order.at = max(order.at, to)

    def _trade(self, order: VenueOrder, session: Session, to: datetime) -> None:
        first = bisect_right(session.ticks, order.at, key=_at)
        for number in range(first, bisect_right(session.ticks, to, key=_at)):
            tick = self._quoted(order, session.ticks[number])
            if tick is not None and not order.closed:
                self._tick(order, session, number, tick)

    def _quoted(self, order: VenueOrder, tick: Tick) -> Tick | None:
        """The tick in the order's own unit; None: it is in other money."""
        unit, own = self._units.get(order.received.symbol), order.received.currency
        if unit is None or unit == own:
            return tick
        price = requoted(tick.price, unit, own)
        return None if price is None else Tick(tick.at, price)

    def _tick(self, order: VenueOrder, session: Session, number: int, tick: Tick) -> None:
        if self._expire_by(order, tick.at):
            return
        order.at = tick.at
        if not order.cum and not order.busts and self._throws("reject_late", order):
            self._close(order)
            self._reject(order, OrdRejReason.BROKER_OPTION, "not taken after all", label="8.late")
            return
        self._bust(order, tick.at)
        label = day_label(session.day, number)
        fill = order.meets(tick, session)
        if fill is not None:
            self._execution(order, executed(order, fill, label, at=tick.at), session)
        if not order.leaves:
            self._overfill(order, tick, label, session)
            self._close(order)
        elif self._throws("cancel", order):
            self._close(order)
            answer = report(order, ExecType.CANCELED, "4", at=tick.at, text="unsolicited")
            self._post(answer)
        elif order.lapses(tick, session):
            self._end(order, tick.at)

    def _end(self, order: VenueOrder, at: datetime) -> None:
        """Close an order: immediate orders are cancelled, others expire."""
        self._close(order)
        immediate = order.received.time_in_force in IMMEDIATE
        kind = ExecType.CANCELED if immediate else ExecType.EXPIRED
        self._post(report(order, kind, f"{kind}.end", at=at))

    def _expire_by(self, order: VenueOrder, at: datetime) -> bool:
        until = order.expires_by(at)
        if until is not None:
            self._end(order, max(until, order.at))
        return until is not None

    def _bust(self, order: VenueOrder, to: datetime) -> None:
        """Bust the executions due by `to`; an open order trades their quantity again."""
        for at, trade in [b for b in order.busts if b[0] <= to]:
            order.busts.remove((at, trade))
            order.undo(trade.last_qty, trade.last_px)
            self._post(undone(trade, at=at))

    def _close(self, order: VenueOrder) -> None:
        """Close an order and announce its later busts, whose quantity is not traded again."""
        order.closed = True
        self._open.pop(order.received.secondary_cl_ord_id, None)
        for at, trade in order.busts:
            self._post(undone(trade, at=at))
            self._post(unreinstated(trade, at=at + timedelta(seconds=1)))
        order.busts.clear()

    def _overfill(self, order: VenueOrder, tick: Tick, label: str, session: Session) -> None:
        if self._throws("overfill", order):
            fill = order.execute(max(order.qty // 10, Decimal(1)), tick.price)
            answer = executed(order, fill, f"{label}.over", at=tick.at)
            self._execution(order, answer, session)

    def _execution(self, order: VenueOrder, trade: ExecutionReport, session: Session) -> None:
        """Report an execution with its faults: when, with what totals, what follows it."""
        at, close, label = trade.transact_time, session.close_at, trade.exec_id
        if self._falls("late", label):
            same_day = throw(self._seed, "next day", label) < 0.5
            at = close + (AFTER_CLOSE if same_day else NEXT_DAY)
        elif self._falls("out_of_order", label):
            at += OVERTAKEN
        told = miscounted(trade) if self._falls("miscount", label) else trade
        self._post(told, at=at)
        if self._falls("reuse_id", label):
            other = replace(told, last_qty=told.last_qty + 1)
            self._post(other, at=at + timedelta(seconds=2))
        if self._falls("duplicate", label):
            self._post(replace(told, poss_resend=True), at=at + timedelta(seconds=1))
        if self._falls("bust", label):
            order.busts.append((close + BUSTED_AFTER, trade))
        elif self._falls("correct", label):
            price = trade.last_px + Decimal("0.01")
            self._post(corrected(trade, price, at=close + CORRECTED_AFTER))

    def _post(self, answer: ExecutionReport, *, at: datetime | None = None) -> None:
        self._mailbox.post(answer, at=at or answer.transact_time, label=answer.exec_id)

    def _throws(self, fault: str, order: VenueOrder) -> bool:
        return self._falls(fault, order.received.secondary_cl_ord_id)

    def _falls(self, fault: str, label: str) -> bool:
        return happens(getattr(self._faults, fault), self._seed, fault, label)


def _at(tick: Tick) -> datetime:
    return tick.at
