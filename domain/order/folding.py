"""How each event changes an order. Nothing is checked: everything in the stream has happened."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from domain.order import events as e
from domain.order.state import BUSTED, Asked, Execution, Order, Parked, exec_key
from domain.shared.fix import MULTI_DAY, CxlRejResponseTo, ExecType


def evolve(order: Order, event: Any) -> Order:
    """The order after one fact of its stream."""
    return _FOLDS[type(event)](order, event)


def _placed(order: Order, event: e.OrderPlaced) -> Order:
    return Order(
        order_id=event.order_id,
        account_id=event.account_id,
        client_id=event.client_id,
        instrument_id=event.instrument_id,
        isin=event.isin,
        side=event.side,
        qty=event.qty,
        ord_type=event.ord_type,
        limit_px=event.limit_px,
        stop_px=event.stop_px,
        time_in_force=event.time_in_force,
        settl_currency=event.settl_currency,
        price_factor=event.price_factor,
        qty_increment=event.qty_increment,
        tick_size=event.tick_size,
        country=event.country,
        hold_px=event.hold_px,
        hold_amount=event.hold_amount,
        decision_maker=event.decision_maker,
    )


def _released(order: Order, event: e.OrderReleased) -> Order:
    return replace(order, released=True, cl_ord_id=event.cl_ord_id, minted=order.minted + 1)


def _accepted(order: Order, event: e.OrderAccepted) -> Order:
    return replace(order, accepted=True, venue_order_id=event.venue_order_id)


def _filled(order: Order, event: e.OrderFilled) -> Order:
    key = exec_key(event.venue_order_id, event.exec_id, event.trade_date)
    corrected = exec_key(event.venue_order_id, event.exec_ref_id, event.trade_date)
    root = order.executions[corrected].root if event.exec_ref_id else key
    execution = Execution(
        exec_id=event.exec_id,
        venue_order_id=event.venue_order_id,
        trade_date=event.trade_date,
        transact_time=event.transact_time,
        last_qty=event.last_qty,
        last_px=event.last_px,
        root=root,
        trade_id=event.trade_id,
        late=event.late,
    )
    return replace(
        order,
        executions=_with(order.executions, key, execution),
        counting=_with(order.counting, root, key),
        trades=order.trades + 1,
        venue_order_id=order.venue_order_id or event.venue_order_id,
        done_at=None if _next_day(order, event) else order.done_at,
    )


def _trade_canceled(order: Order, event: e.TradeCanceled) -> Order:
    key = exec_key(event.venue_order_id, event.exec_ref_id, event.trade_date)
    return replace(
        order,
        counting=_with(order.counting, order.executions[key].root, BUSTED),
        parked=_parked_without(order, event),
    )


def _report_parked(order: Order, event: e.ReportParked) -> Order:
    key = exec_key(event.venue_order_id, event.exec_id, event.trade_date)
    referred = exec_key(event.venue_order_id, event.exec_ref_id, event.trade_date)
    if key in order.executions and event.exec_type is not ExecType.TRADE_CANCEL:
        order = replace(order, contradictions=(*order.contradictions, key))
    elif referred in order.executions:
        if event.exec_type is ExecType.TRADE_CORRECT:
            order = _with_superseded(order, event, referred)
    else:
        return replace(order, parked=(*order.parked, _parked_report(event)))
    return replace(order, parked=_parked_without(order, event))


def _cancel_requested(order: Order, event: e.CancelRequested) -> Order:
    asked = Asked(kind=CxlRejResponseTo.CANCEL, left=True)
    return replace(order, asked=_with(order.asked, event.cl_ord_id, asked), minted=order.minted + 1)


def _replace_requested(order: Order, event: e.ReplaceRequested) -> Order:
    asked = Asked(
        kind=CxlRejResponseTo.REPLACE,
        qty=event.qty,
        limit_px=event.limit_px,
        hold_px=event.hold_px,
        hold_amount=event.hold_amount,
        decision_maker=event.decision_maker,
    )
    return replace(order, asked=_with(order.asked, event.cl_ord_id, asked), minted=order.minted + 1)


def _replace_released(order: Order, event: e.ReplaceReleased) -> Order:
    asked = replace(order.asked[event.cl_ord_id], left=True)
    return replace(order, asked=_with(order.asked, event.cl_ord_id, asked))


def _replaced(order: Order, event: e.OrderReplaced) -> Order:
    asked = order.asked.get(event.cl_ord_id, Asked(kind=CxlRejResponseTo.REPLACE))
    return replace(
        order,
        asked=_with(order.asked, event.cl_ord_id, replace(asked, left=True, answer="accepted")),
        cl_ord_id=event.cl_ord_id,
        venue_order_id=event.venue_order_id or order.venue_order_id,
        qty=event.qty,
        limit_px=event.limit_px,
        hold_px=event.hold_px,
        hold_amount=event.hold_amount,
        decision_maker=asked.decision_maker or order.decision_maker,
    )


def _cancel_rejected(order: Order, event: e.CancelRejected) -> Order:
    asked = order.asked.get(event.cl_ord_id, Asked(kind=event.response_to))
    return replace(
        order, asked=_with(order.asked, event.cl_ord_id, replace(asked, answer="rejected"))
    )


def _canceled(order: Order, event: e.OrderCanceled) -> Order:
    asked = {
        cl_ord_id: replace(a, answer="accepted")
        if a.kind is CxlRejResponseTo.CANCEL and not a.answer
        else a
        for cl_ord_id, a in order.asked.items()
    }
    return replace(order, canceled=True, asked=asked)


def _restated(order: Order, event: e.OrderRestated) -> Order:
    return replace(
        order,
        done_at=None,
        stopped=False,
        suspended=False,
        qty=order.qty if event.qty is None else event.qty,
        hold_amount=order.hold_amount if event.hold_amount is None else event.hold_amount,
    )


_FOLDS: dict[type, Callable[[Order, Any], Order]] = {
    e.OrderPlaced: _placed,
    e.OrderReleased: _released,
    e.OrderRejected: lambda order, _: replace(order, rejected=True),
    e.OrderAccepted: _accepted,
    e.OrderFilled: _filled,
    e.TradeCanceled: _trade_canceled,
    e.ReportParked: _report_parked,
    e.CancelRequested: _cancel_requested,
    e.CancelRejected: _cancel_rejected,
    e.OrderCanceled: _canceled,
    e.ReplaceRequested: _replace_requested,
    e.ReplaceReleased: _replace_released,
    e.OrderReplaced: _replaced,
    e.OrderExpired: lambda order, _: replace(order, expired=True),
    e.OrderDoneForDay: lambda order, event: replace(order, done_at=event.at),
    e.OrderStopped: lambda order, _: replace(order, stopped=True),
    e.OrderSuspended: lambda order, _: replace(order, suspended=True),
    e.OrderCalculated: lambda order, _: replace(order, calculated=True),
    e.OrderRestated: _restated,
}
EVENTS = tuple(_FOLDS)


def _with(mapping: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    changed = mapping.copy()  # states are shared with caches: never changed in place
    changed[key] = value
    return changed


def _next_day(order: Order, event: e.OrderFilled) -> bool:
    """Whether a new execution shows that an order done for the day is active again."""
    return (
        order.done_at is not None
        and order.time_in_force in MULTI_DAY
        and not event.exec_ref_id
        and event.transact_time > order.done_at
    )


def _parked_without(order: Order, event: e.TradeCanceled | e.ReportParked) -> tuple[Parked, ...]:
    """The parked reports without the one that this event deals with."""
    dealt = (event.exec_type, event.venue_order_id, event.exec_id, event.trade_date)
    return tuple(
        p for p in order.parked if (p.exec_type, p.venue_order_id, p.exec_id, p.trade_date) != dealt
    )


def _parked_report(event: e.ReportParked) -> Parked:
    return Parked(
        exec_type=event.exec_type,
        exec_id=event.exec_id,
        exec_ref_id=event.exec_ref_id,
        venue_order_id=event.venue_order_id,
        trade_date=event.trade_date,
        settl_date=event.settl_date,
        transact_time=event.transact_time,
        last_qty=event.last_qty,
        last_px=event.last_px,
        reason=event.reason,
    )


def _with_superseded(order: Order, event: e.ReportParked, referred: str) -> Order:
    """Keep a correction that came too late to count, so that other reports may refer to it."""
    execution = Execution(
        exec_id=event.exec_id,
        venue_order_id=event.venue_order_id,
        trade_date=event.trade_date,
        transact_time=event.transact_time,
        last_qty=event.last_qty,
        last_px=event.last_px,
        root=order.executions[referred].root,
    )
    return replace(order, executions=_with(order.executions, execution.key, execution))
