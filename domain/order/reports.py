"""To the venue and back: release or rejection, acknowledgement, and the venue's states.

A report of something already known changes nothing. A new state does not replace an old one: both
hold, and `status` shows the one that ranks highest. Only a restatement clears states.
"""

from collections.abc import Callable

from domain.order.commands import (
    RecordAck,
    RecordExpired,
    RecordReject,
    RecordStatus,
    RejectOrder,
    ReleaseOrder,
    VenueStatus,
)
from domain.order.desk_checks import KILL_SWITCH, is_stopped
from domain.order.desk_checks import STREAM as DESK
from domain.order.events import (
    CancelRejected,
    OrderAccepted,
    OrderCalculated,
    OrderDoneForDay,
    OrderExpired,
    OrderRejected,
    OrderReleased,
    OrderRestated,
    OrderStopped,
    OrderSuspended,
    ReplaceReleased,
)
from domain.order.figures import hold_for, is_qty
from domain.order.refusals import OrderRefusal
from domain.order.state import Order
from domain.shared.fix import MULTI_DAY, CxlRejResponseTo, OrdRejReason
from domain.shared.ids import child_id
from domain.shared.message import Decision, Event, Seen, refused
from domain.shared.money import plain


def release(command: ReleaseOrder, order: Order, seen: Seen) -> Decision:
    """Release the order, or else the replace that waits; `()` if the order has ended since.

    If a kill switch was engaged meanwhile, it does not leave: it is rejected.
    """
    if order.ended:
        return ()
    stopped = is_stopped(seen.streams.get(DESK), order.account_id, order.instrument_id)
    if not order.released and stopped:
        reason = OrdRejReason.BROKER_OPTION
        refusal = RejectOrder(order_id=order.order_id, ord_rej_reason=reason, text=KILL_SWITCH)
        return reject(refusal, order, seen)
    if not order.released:
        cl_ord_id = child_id(order.order_id, f".c{order.minted + 1}")
        return (OrderReleased(order_id=order.order_id, cl_ord_id=cl_ord_id),)
    pending = order.pending(CxlRejResponseTo.REPLACE)
    if not pending or order.asked[pending].left:
        return ()
    if stopped:
        kind = CxlRejResponseTo.REPLACE
        return (
            CancelRejected(
                order_id=order.order_id, cl_ord_id=pending, response_to=kind, reason=KILL_SWITCH
            ),
        )
    return (ReplaceReleased(order_id=order.order_id, cl_ord_id=pending),)


def reject(command: RejectOrder, order: Order, seen: Seen) -> Decision:
    """Reject an order before release: no funds, account blocked. Later only the venue rejects."""
    if order.released or order.ended:
        return ()
    return (
        OrderRejected(
            order_id=order.order_id,
            account_id=order.account_id,
            ord_rej_reason=command.ord_rej_reason,
            text=command.text,
        ),
    )


def record_ack(command: RecordAck, order: Order, seen: Seen) -> Decision:
    """ExecType 0. A repeated report with another OrderID (37) replaces the earlier id."""
    if order.accepted and order.venue_order_id == command.venue_order_id:
        return ()
    return (OrderAccepted(order_id=order.order_id, venue_order_id=command.venue_order_id),)


def record_reject(command: RecordReject, order: Order, seen: Seen) -> Decision:
    """ExecType 8: the venue rejected the order."""
    if order.rejected:
        return ()
    return (
        OrderRejected(
            order_id=order.order_id,
            account_id=order.account_id,
            ord_rej_reason=command.ord_rej_reason,
            text=command.reason,
        ),
    )


def record_expired(command: RecordExpired, order: Order, seen: Seen) -> Decision:
    """ExecType C."""
    return () if order.expired else (_expiry_event(order),)


def record_status(command: RecordStatus, order: Order, seen: Seen) -> Decision:
    """ExecType 3, 7, 9, B or D."""
    return _STATUSES[command.status](command, order, seen)


def _done_for_day(command: RecordStatus, order: Order, seen: Seen) -> Decision:
    """A day order that is done will not trade again: it expires, so that its hold is released."""
    if order.done_at is not None:
        return ()
    done = OrderDoneForDay(order_id=order.order_id, at=seen.effective_at)
    lapses = order.leaves_qty > 0 and order.time_in_force not in MULTI_DAY
    return (done, _expiry_event(order)) if lapses else (done,)


def _restate(command: RecordStatus, order: Order, seen: Seen) -> Decision:
    """Resume the order, or change its quantity, which is never less than the filled quantity.

    The hold is that of a new order of this quantity. The old hold in proportion would lack the
    minimum commission, or include it several times.
    """
    if command.qty is not None and not (is_qty(command.qty) and command.qty > 0):
        return refused(OrderRefusal.REPORT_INVALID, qty=command.qty)
    qty = order.qty if command.qty is None else plain(max(command.qty, order.cum_qty))
    resumes = order.done_at is not None or order.stopped or order.suspended
    if qty == order.qty and not resumes:
        return ()
    if qty == order.qty:
        return (OrderRestated(order_id=order.order_id, reason=command.reason),)
    return (
        OrderRestated(
            order_id=order.order_id,
            qty=qty,
            reason=command.reason,
            hold_amount=hold_for(order, qty, order.hold_px, on=seen.now.date()),
        ),
    )


def _once(
    known: Callable[[Order], bool], event: Callable[..., Event]
) -> Callable[[RecordStatus, Order, Seen], Decision]:
    def decide(command: RecordStatus, order: Order, seen: Seen) -> Decision:
        return () if known(order) else (event(order_id=order.order_id),)

    return decide


_STATUSES: dict[VenueStatus, Callable[[RecordStatus, Order, Seen], Decision]] = {
    VenueStatus.DONE_FOR_DAY: _done_for_day,
    VenueStatus.STOPPED: _once(lambda order: order.stopped, OrderStopped),
    VenueStatus.SUSPENDED: _once(lambda order: order.suspended, OrderSuspended),
    VenueStatus.CALCULATED: _once(lambda order: order.calculated, OrderCalculated),
    VenueStatus.RESTATED: _restate,
}


def _expiry_event(order: Order) -> OrderExpired:
    return OrderExpired(order_id=order.order_id, account_id=order.account_id)
