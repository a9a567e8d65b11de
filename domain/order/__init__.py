"""Order: one instruction to trade, from Pending New to its last correction (FIX 4.4).

    none -place-> PENDING_NEW -release-> at the venue -ack-> NEW -fill-> PARTIALLY_FILLED -> FILLED
                   |  |                        |              |              |
             no funds cancel                reject     request | answer      cancel, expire, done
                   v  v                        v              v              v
           REJECTED, CANCELED              REJECTED   PENDING_CANCEL     CANCELED, EXPIRED,
                                                      PENDING_REPLACE    DONE_FOR_DAY

The states are not exclusive and none is final: a fill may follow a cancel, a bust may follow
anything, and FILLED may be taken back. So no status is stored. `ord_status` derives it from
independent facts by FIX's precedence; quantities are computed from the executions that count.

An intent (`PlaceOrder`, `CancelOrder`, `ReplaceOrder`) may be refused. A report (`Record*`) already
happened: it is recorded, flagged (`late`, `excess_qty`, `order.report_parked`), or a duplicate.
An order posts nothing to the ledger: a saga sends its trades to the account, which books them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from domain.order import changing, commands, desk_checks, executions, placing, reports
from domain.order.commands import PlaceOrder
from domain.order.folding import EVENTS as EVENTS
from domain.order.folding import evolve as evolve
from domain.order.refusal_table import REFUSALS as REFUSALS
from domain.order.refusals import OrderRefusal
from domain.order.state import INITIAL as INITIAL
from domain.order.state import Order
from domain.order.status import ord_status
from domain.shared.fix import OrdStatus
from domain.shared.message import Command, Decision, Seen, refused

_DECIDE: Mapping[type[Command], Callable[[Any, Order, Seen], Decision]] = {
    commands.PlaceOrder: placing.place,
    commands.CancelOrder: changing.cancel,
    commands.ReplaceOrder: changing.replace,
    commands.ReleaseOrder: reports.release,
    commands.RejectOrder: reports.reject,
    commands.RefuseReplace: changing.refuse_replace,
    commands.RecordAck: reports.record_ack,
    commands.RecordReject: reports.record_reject,
    commands.RecordFill: executions.fill,
    commands.RecordTradeCancel: executions.bust,
    commands.RecordTradeCorrect: executions.correct,
    commands.RecordCanceled: changing.record_canceled,
    commands.RecordCancelReject: changing.record_cancel_reject,
    commands.RecordReplaced: changing.record_replaced,
    commands.RecordExpired: reports.record_expired,
    commands.RecordStatus: reports.record_status,
}

CATEGORY = "order"
COMMANDS: tuple[type[Command], ...] = tuple(_DECIDE)


def key(command: Any) -> str:
    """The id part of the order's stream."""
    return str(command.order_id)


def reads(command: Command) -> tuple[str, ...]:
    """A placement reads the account, the instrument, its last mark and the desk's controls."""
    if not isinstance(command, PlaceOrder):
        return ()
    return (
        f"account-{command.account_id}",
        f"instrument-{command.instrument_id}",
        f"price-{command.instrument_id}",
        desk_checks.STREAM,
    )


def _of_order(order: Order) -> tuple[str, ...]:
    if not order.exists:
        return ()
    found = (
        f"account-{order.account_id}",
        f"instrument-{order.instrument_id}",
        desk_checks.STREAM,
    )
    return (*found, f"price-{order.instrument_id}")


READS_LATER: Mapping[type[Command], Callable[[Order], tuple[str, ...]]] = {
    commands.ReplaceOrder: _of_order,
    commands.ReleaseOrder: lambda order: (desk_checks.STREAM,) if order.exists else (),
}
"""Streams that a command reads but does not name: the order's state names them."""


def decide(command: Command, order: Order, seen: Seen) -> Decision:
    """Decide what `command` does to the order.

    Pure and total. A report about an order that does not exist is refused (`order_unknown`): its
    gateway parks it in suspense and answers DontKnowTrade.

    Returns:
        The events to append, in order; `()` for a report that is already known; or the refusal
        with the state that caused it.
    """
    if not order.exists and not isinstance(command, PlaceOrder):
        return refused(OrderRefusal.ORDER_UNKNOWN, order_id=key(command))
    return _DECIDE[type(command)](command, order, seen)


def settled(order: Order) -> bool:
    """The order has left PENDING_NEW."""
    return ord_status(order) is not OrdStatus.PENDING_NEW


SETTLED: Mapping[type[Command], Callable[[Order], bool]] = {PlaceOrder: settled}
"""Commands whose caller may wait for the outcome, and the state that ends the wait."""


def home(order: Order, stream: str) -> str:
    """The account that the order is for."""
    return order.account_id or stream
