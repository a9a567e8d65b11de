"""Reject (3) and BusinessMessageReject (j): what they mean for a request of ours."""

from datetime import datetime
from typing import Any, Protocol

from adapters.counterparties.fix import (
    ExecType,
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
)
from adapters.fix.orders import from_fields
from adapters.fix.text import Fields, text_of, utc_time
from domain.shared.fix import CxlRejResponseTo, OrdRejReason, OrdStatus

REASON_OTHER = "0"  # BusinessRejectReason (380)


class Sent(Protocol):
    messages: dict[int, bytes]  # ours of this session day, by number
    day: int


def rejected(fields: Fields, ours: Sent) -> Any | None:
    """The report that a reject of one of our requests amounts to; None: it is no such reject.

    A venue that refuses an order's message has not accepted the order: it is rejected.
    """
    if fields.msg_type not in ("3", "j"):
        return None
    raw = ours.messages.get(fields.whole(45))
    request = from_fields(Fields.parse(text_of(raw))) if raw else None
    at = utc_time(fields.need(52), 52)
    name = f"{fields.msg_type}.{ours.day}.{fields.whole(45)}"
    text = fields.get(58) or "rejected by the session"
    if isinstance(request, NewOrderSingle):
        return _order_rejected(request, name, at, text)
    if isinstance(request, OrderCancelRequest | OrderCancelReplaceRequest):
        return _change_rejected(request, at, text)
    return None


def _order_rejected(
    request: NewOrderSingle, exec_id: str, at: datetime, text: str
) -> ExecutionReport:
    return ExecutionReport(
        order_id="NONE",
        cl_ord_id=request.cl_ord_id,
        secondary_cl_ord_id=request.secondary_cl_ord_id,
        exec_id=exec_id,
        exec_type=ExecType.REJECTED,
        ord_status=OrdStatus.REJECTED,
        symbol=request.symbol,
        side=request.side,
        order_qty=request.order_qty,
        trade_date=at.date(),
        transact_time=at,
        ord_rej_reason=OrdRejReason.OTHER,
        text=text,
    )


def _change_rejected(
    request: OrderCancelRequest | OrderCancelReplaceRequest, at: datetime, text: str
) -> OrderCancelReject:
    cancel = isinstance(request, OrderCancelRequest)
    return OrderCancelReject(
        order_id="NONE",
        cl_ord_id=request.cl_ord_id,
        orig_cl_ord_id=request.orig_cl_ord_id,
        secondary_cl_ord_id=request.secondary_cl_ord_id,
        ord_status=OrdStatus.NEW,
        cxl_rej_response_to=CxlRejResponseTo.CANCEL if cancel else CxlRejResponseTo.REPLACE,
        transact_time=at,
        text=text,
    )


def business_reject(fields: Fields, why: str) -> list[tuple[int, str]]:
    """The body of a BusinessMessageReject that answers a message which we cannot read."""
    return [
        (45, str(fields.number)),
        (372, fields.msg_type),
        (380, REASON_OTHER),
        (58, why[:200]),
    ]
