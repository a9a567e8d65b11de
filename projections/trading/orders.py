"""Orders: the blotter, one row per order, folded by the order aggregate itself.

OrdStatus follows from many facts by precedence, and a bust can undo Filled. So the row keeps the
aggregate's state (`state`), and its columns are what `domain.order` derives from it.

Units: pieces; prices as quoted, in `currency`.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from msgspec.structs import replace

from domain.order import EVENTS, INITIAL, evolve
from domain.order import events as e
from domain.order.state import Order
from domain.order.status import ord_status
from domain.shared.envelope import Envelope
from domain.shared.message import Event
from domain.shared.money import ZERO
from projections.engine.words import Memory, clean
from projections.ports import Audience, Home, Key, Row

NAME = "orders"
VERSION = 3
AUDIENCE = Audience.OWN
HOME = Home("order_id", "order")


class OrderRow(Row, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("order_id",)
    INDEXES: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("account_id", "order_id"),
        ("ord_status", "order_id"),
        ("placed_at",),
    )

    order_id: str
    account_id: str = ""
    client_id: str = ""
    instrument_id: str = ""
    isin: str = ""
    mic: str = ""
    side: str = ""
    ord_type: str = ""
    time_in_force: str = ""
    expire_at: datetime | None = None
    currency: str = ""  # quoted
    settl_currency: str = ""
    qty: Decimal = ZERO
    limit_px: Decimal | None = None
    stop_px: Decimal | None = None
    ord_status: str = ""
    working: bool = False  # may still be executed
    cum_qty: Decimal = ZERO
    leaves_qty: Decimal = ZERO
    avg_px: Decimal = ZERO
    cl_ord_id: str = ""
    venue_order_id: str = ""
    capacity: str = ""
    decision_maker: str = ""
    advice: str = ""
    channel: str = ""
    ord_rej_reason: str = ""  # tag 103
    reason: str = ""  # the venue's, or a saga's; a person's text is sealed in the event
    placed_at: datetime
    updated_at: datetime  # effective time of the last event
    state: str = ""  # of `domain.order`, JSON


ROW: type[Row] = OrderRow
READS: frozenset[type[Event]] = frozenset(EVENTS)
_memory: Memory[Order] = Memory(INITIAL)


def facts(arrived: Envelope) -> Iterable[tuple[Key, Envelope]]:
    event: Any = arrived.event
    return [((event.order_id,), arrived)] if type(event) in READS else ()


def fold(row: OrderRow | None, key: Key, fact: Envelope) -> OrderRow:
    event: Any = fact.event
    at = fact.effective_at
    if isinstance(event, e.OrderPlaced):
        row = _placed(event, at)
    assert row is not None, f"{fact.stream} does not begin with its placement"
    order = evolve(_memory.state(row.state), event)
    row = _columns(row, order, at)
    match event:
        case e.OrderRejected():
            return replace(row, ord_rej_reason=str(event.ord_rej_reason), reason=clean(event.text))
        case e.OrderCanceled():
            return replace(row, reason=clean(event.text))
        case _:
            return row


def _placed(event: e.OrderPlaced, at: datetime) -> OrderRow:
    return OrderRow(
        order_id=event.order_id,
        account_id=event.account_id,
        client_id=event.client_id,
        instrument_id=event.instrument_id,
        isin=event.isin,
        mic=event.mic,
        side=str(event.side),
        ord_type=str(event.ord_type),
        time_in_force=str(event.time_in_force),
        expire_at=event.expire_at,
        currency=event.currency,
        settl_currency=event.settl_currency,
        stop_px=event.stop_px,
        capacity=str(event.capacity),
        advice=str(event.advice),
        channel=clean(event.channel),
        placed_at=at,
        updated_at=at,
    )


def _columns(row: OrderRow, order: Order, at: datetime) -> OrderRow:
    """The row with the columns that follow from the aggregate's state."""
    return replace(
        row,
        qty=order.qty,
        limit_px=order.limit_px,
        ord_status=str(ord_status(order)),
        working=not order.over and order.leaves_qty > 0,
        cum_qty=order.cum_qty,
        leaves_qty=order.leaves_qty,
        avg_px=order.avg_px,
        cl_ord_id=order.cl_ord_id,
        venue_order_id=order.venue_order_id,
        decision_maker=clean(order.decision_maker),
        updated_at=at,
        state=_memory.text(order),
    )
