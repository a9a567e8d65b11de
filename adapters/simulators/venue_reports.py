"""Execution reports of the simulated venue."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from adapters.counterparties.fix import (
    ExecType,
    ExecutionReport,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderStatusRequest,
)
from adapters.simulators.venue_order import Fill, VenueOrder
from domain.shared.fix import CxlRejResponseTo, OrdStatus
from domain.shared.money import PRICE_DECIMALS, quantise

MIC = "XSIM"
_STATUS = {
    ExecType.NEW: OrdStatus.NEW,
    ExecType.REJECTED: OrdStatus.REJECTED,
    ExecType.CANCELED: OrdStatus.CANCELED,
    ExecType.EXPIRED: OrdStatus.EXPIRED,
}


def report(
    order: VenueOrder, kind: ExecType, label: str, *, at: datetime, **fields: Any
) -> ExecutionReport:
    """A report of the order's present state. `label` makes an ExecID that repeats when resent."""
    received = order.received
    avg_px = quantise(order.notional / order.cum, PRICE_DECIMALS) if order.cum else Decimal(0)
    known: dict[str, Any] = {
        "order_id": order.venue_order_id,
        "cl_ord_id": order.cl_ord_id,
        "secondary_cl_ord_id": received.secondary_cl_ord_id,
        "exec_id": f"{order.venue_order_id}.{label}",
        "exec_type": kind,
        "ord_status": _STATUS.get(kind) or _filled(order),
        "symbol": received.symbol,
        "side": received.side,
        "order_qty": order.qty,
        "price": order.limit,
        "leaves_qty": order.leaves,
        "cum_qty": order.cum,
        "avg_px": avg_px,
        "trade_date": at.date(),
        "transact_time": at,
    }
    return ExecutionReport(**(known | fields))


def executed(order: VenueOrder, fill: Fill, label: str, *, at: datetime) -> ExecutionReport:
    return report(
        order,
        ExecType.TRADE,
        label,
        at=at,
        last_qty=fill.qty,
        last_px=fill.price,
        last_mkt=MIC,
        last_capacity="1",
        last_liquidity="2",
    )


def miscounted(trade: ExecutionReport) -> ExecutionReport:
    """The execution itself is right; the order's totals beside it are not."""
    wrong = trade.cum_qty + trade.last_qty
    return replace(trade, cum_qty=wrong, leaves_qty=Decimal(0), avg_px=trade.avg_px + 1)


def undone(trade: ExecutionReport, *, at: datetime) -> ExecutionReport:
    """ExecType H: the trade is cancelled."""
    return _about(trade, ExecType.TRADE_CANCEL, "H", at=at, last_qty=Decimal(0))


def unreinstated(trade: ExecutionReport, *, at: datetime) -> ExecutionReport:
    """An expiry report: the quantity of a bust on a closed order is not traded again."""
    return _about(
        trade,
        ExecType.EXPIRED,
        "C",
        at=at,
        exec_ref_id="",
        last_qty=Decimal(0),
        last_px=Decimal(0),
        leaves_qty=Decimal(0),
        ord_status=OrdStatus.EXPIRED,
        trade_date=at.date(),
    )


def corrected(trade: ExecutionReport, price: Decimal, *, at: datetime) -> ExecutionReport:
    """ExecType G: the trade's price is corrected."""
    return _about(trade, ExecType.TRADE_CORRECT, "G", at=at, last_px=price)


def refused_request(
    request: OrderCancelRequest | OrderCancelReplaceRequest,
    order: VenueOrder | None,
    text: str,
) -> OrderCancelReject:
    cancel = isinstance(request, OrderCancelRequest)
    return OrderCancelReject(
        order_id=order.venue_order_id if order else "NONE",
        cl_ord_id=request.cl_ord_id,
        orig_cl_ord_id=request.orig_cl_ord_id,
        secondary_cl_ord_id=request.secondary_cl_ord_id,
        ord_status=_filled(order) if order else OrdStatus.REJECTED,
        cxl_rej_response_to=CxlRejResponseTo.CANCEL if cancel else CxlRejResponseTo.REPLACE,
        transact_time=request.transact_time,
        text=text,
    )


def unknown_order(request: OrderStatusRequest, at: datetime) -> ExecutionReport:
    """The answer to a status request for an order that never arrived."""
    return ExecutionReport(
        order_id="NONE",
        cl_ord_id=request.cl_ord_id,
        secondary_cl_ord_id=request.secondary_cl_ord_id,
        exec_id="I",
        exec_type=ExecType.ORDER_STATUS,
        ord_status=OrdStatus.REJECTED,
        symbol=request.symbol,
        side=request.side,
        order_qty=Decimal(0),
        trade_date=at.date(),
        transact_time=at,
        text="unknown order",
    )


def _about(
    trade: ExecutionReport, kind: ExecType, label: str, *, at: datetime, **fields: Any
) -> ExecutionReport:
    names = (f for f in trade.__struct_fields__ if f != "poss_resend")
    known: dict[str, Any] = {name: getattr(trade, name) for name in names}
    known |= {
        "exec_id": f"{trade.exec_id}.{label}",
        "exec_ref_id": trade.exec_id,
        "exec_type": kind,
        "transact_time": at,
    }
    return ExecutionReport(**(known | fields))


def _filled(order: VenueOrder) -> OrdStatus:
    if not order.cum:
        return OrdStatus.NEW
    return OrdStatus.FILLED if order.cum >= order.qty else OrdStatus.PARTIALLY_FILLED


def day_label(day: date, tick: int) -> str:
    return f"{day:%Y%m%d}.{tick}"
