"""Executions as the venue reports them: F; H, which undoes one; G, which restates one.

    F ------------------> filled
    H(F) ---------------> trade_canceled             F is known
    G(F) ---------------> trade_canceled, filled     F is known and G is its latest correction
    H(F) | G(F), no F --> report_parked, and applied right after F when it comes

Reports may come in any order, twice and late: the final figures are the same. A bust overrides
every correction. Of two corrections, the one that refers to the other counts, or else the later by
TransactTime. No report is refused for coming early or late.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import reduce

from domain.order.commands import RecordFill, RecordTradeCancel, RecordTradeCorrect
from domain.order.events import OrderFilled, ReportParked, TradeCanceled
from domain.order.figures import is_px, is_qty
from domain.order.folding import evolve
from domain.order.refusals import OrderRefusal
from domain.order.state import Execution, Order, Parked, exec_key
from domain.shared.dates import bad_date
from domain.shared.fix import ExecType
from domain.shared.ids import child_id
from domain.shared.market_time import latest_today
from domain.shared.message import Decision, Event, Refused, Seen, refused
from domain.shared.money import EXACT, ZERO, plain, round_money


def fill(command: RecordFill, order: Order, seen: Seen) -> Decision:
    """ExecType F: record the execution, then apply the reports that were parked for it."""
    if wrong := _report_fault(command, seen):
        return wrong
    key = exec_key(command.venue_order_id, command.exec_id, command.trade_date)
    if key in order.executions:
        return _reported_again(command, order, key)
    return _with_parked(order, (_fill_event(command, order),))


def correct(command: RecordTradeCorrect, order: Order, seen: Seen) -> Decision:
    """ExecType G: the execution happened with these figures instead."""
    if wrong := _report_fault(command, seen):
        return wrong
    key = exec_key(command.venue_order_id, command.exec_id, command.trade_date)
    if key in order.executions:
        return _reported_again(command, order, key)
    report = Parked(
        exec_type=ExecType.TRADE_CORRECT,
        exec_id=command.exec_id,
        exec_ref_id=command.exec_ref_id,
        venue_order_id=command.venue_order_id,
        trade_date=command.trade_date,
        settl_date=command.settl_date,
        transact_time=_utc(command.transact_time),
        last_qty=plain(command.last_qty),
        last_px=plain(command.last_px),
    )
    return () if _is_parked(order, report) else _with_parked(order, _apply(order, report))


def bust(command: RecordTradeCancel, order: Order, seen: Seen) -> Decision:
    """ExecType H: the execution and its corrections did not happen."""
    if wrong := bad_date("trade_date", command.trade_date, latest_today(seen.now)):
        return wrong
    report = Parked(
        exec_type=ExecType.TRADE_CANCEL,
        exec_id=command.exec_id,
        exec_ref_id=command.exec_ref_id,
        venue_order_id=command.venue_order_id,
        trade_date=command.trade_date,
        settl_date=command.settl_date,
        transact_time=None,
        last_qty=ZERO,
        last_px=ZERO,
        reason=command.reason,
    )
    if _is_parked(order, report):
        return ()
    if report.ref in order.executions and order.live(report.ref) is None:
        return ()
    return _apply(order, report)


def _with_parked(order: Order, events: Sequence[Event]) -> tuple[Event, ...]:
    """The events, and after them those of every parked report that can now be applied."""
    out = list(events)
    order = reduce(evolve, events, order)
    while due := _due(order):
        more = _apply(order, due)
        out += more
        order = reduce(evolve, more, order)
    return tuple(out)


def _due(order: Order) -> Parked | None:
    """The next parked report whose execution is known: busts, then corrections by time."""
    due = [p for p in order.parked if p.ref in order.executions]
    return min(due, key=_turn) if due else None


def _turn(report: Parked) -> datetime:
    return report.transact_time or datetime.min.replace(tzinfo=UTC)  # a bust has none


def _apply(order: Order, report: Parked) -> tuple[Event, ...]:
    """The events that a bust or correction causes on the order as it is."""
    live = order.live(report.ref) if report.ref in order.executions else None
    if live is None or not _counts(order, report, live):
        return (_parking_event(order, report),)
    undone = _cancel_event(order, report, live)
    if report.exec_type is ExecType.TRADE_CANCEL:
        return (undone,)
    return (undone, _correction_event(evolve(order, undone), report, late=live.late))


def _counts(order: Order, report: Parked, live: Execution) -> bool:
    if report.exec_type is ExecType.TRADE_CANCEL:
        return True
    key = exec_key(report.venue_order_id, report.exec_id, report.trade_date)
    if key in order.executions:
        return False
    if report.ref == live.key or report.transact_time is None or live.transact_time is None:
        return True
    return report.transact_time >= live.transact_time


def _fill_event(command: RecordFill, order: Order) -> OrderFilled:
    return OrderFilled(
        order_id=order.order_id,
        account_id=order.account_id,
        instrument_id=order.instrument_id,
        isin=order.isin,
        side=order.side,
        exec_id=command.exec_id,
        trade_id=child_id(order.order_id, f".t{order.trades + 1}"),
        venue_order_id=command.venue_order_id,
        last_qty=plain(command.last_qty),
        last_px=plain(command.last_px),
        currency=order.settl_currency,
        gross=_gross(order, command.last_qty, command.last_px),
        transact_time=_utc(command.transact_time),
        trade_date=command.trade_date,
        settl_date=command.settl_date,
        last_mkt=command.last_mkt,
        last_capacity=command.last_capacity,
        last_liquidity=command.last_liquidity,
        contra=command.contra,
        country=order.country,
        excess_qty=_excess(order, command.last_qty),
        late=order.over,
    )


def _correction_event(order: Order, report: Parked, *, late: bool) -> OrderFilled:
    assert report.transact_time is not None  # of a correction
    return OrderFilled(
        order_id=order.order_id,
        account_id=order.account_id,
        instrument_id=order.instrument_id,
        isin=order.isin,
        side=order.side,
        exec_id=report.exec_id,
        exec_ref_id=report.exec_ref_id,
        trade_id=child_id(order.order_id, f".t{order.trades + 1}"),
        venue_order_id=report.venue_order_id,
        last_qty=report.last_qty,
        last_px=report.last_px,
        currency=order.settl_currency,
        gross=_gross(order, report.last_qty, report.last_px),
        transact_time=report.transact_time,
        trade_date=report.trade_date,
        settl_date=report.settl_date,
        country=order.country,
        excess_qty=_excess(order, report.last_qty),
        late=late,
    )


def _cancel_event(order: Order, report: Parked, live: Execution) -> TradeCanceled:
    return TradeCanceled(
        order_id=order.order_id,
        account_id=order.account_id,
        exec_id=report.exec_id,
        exec_type=report.exec_type,
        exec_ref_id=live.exec_id,
        venue_order_id=live.venue_order_id,
        trade_date=live.trade_date,
        trade_id=live.trade_id,
        last_qty=live.last_qty,
        last_px=live.last_px,
        settl_date=report.settl_date,
        reason=report.reason,
    )


def _parking_event(order: Order, report: Parked) -> ReportParked:
    return ReportParked(
        order_id=order.order_id,
        exec_id=report.exec_id,
        exec_ref_id=report.exec_ref_id,
        exec_type=report.exec_type,
        venue_order_id=report.venue_order_id,
        trade_date=report.trade_date,
        settl_date=report.settl_date,
        transact_time=report.transact_time,
        last_qty=report.last_qty,
        last_px=report.last_px,
        reason=report.reason,
    )


def _reported_again(command: RecordFill | RecordTradeCorrect, order: Order, key: str) -> Decision:
    """A duplicate changes nothing; the same execution with other figures is flagged, once."""
    known = order.executions[key]
    same = (known.last_qty, known.last_px) == (command.last_qty, command.last_px)
    if same or key in order.contradictions:
        return ()
    correction = isinstance(command, RecordTradeCorrect)
    return (
        ReportParked(
            order_id=order.order_id,
            exec_id=command.exec_id,
            exec_ref_id=command.exec_ref_id if isinstance(command, RecordTradeCorrect) else "",
            exec_type=ExecType.TRADE_CORRECT if correction else ExecType.TRADE,
            venue_order_id=command.venue_order_id,
            trade_date=command.trade_date,
            settl_date=command.settl_date,
            transact_time=_utc(command.transact_time),
            last_qty=plain(command.last_qty),
            last_px=plain(command.last_px),
            reason="other figures than before",
        ),
    )


def _is_parked(order: Order, report: Parked) -> bool:
    return any(
        (p.exec_type, p.exec_id, p.ref) == (report.exec_type, report.exec_id, report.ref)
        for p in order.parked
    )


def _gross(order: Order, qty: Decimal, px: Decimal) -> Decimal:
    """Principal in the settlement currency: multiplied exactly, rounded once."""
    money = EXACT.multiply(EXACT.multiply(qty, px), order.price_factor)
    return round_money(money, order.settl_currency)


def _excess(order: Order, qty: Decimal) -> Decimal:
    """The part of the next fill of `qty` that exceeds the order's quantity."""
    return plain(min(qty, max(order.cum_qty + qty - order.qty, ZERO)))


def _is_exact(command: RecordFill | RecordTradeCorrect) -> bool:
    return is_qty(command.last_qty) and command.last_qty > 0 and is_px(command.last_px)


def _report_fault(command: RecordFill | RecordTradeCorrect, seen: Seen) -> Refused | None:
    """Refuse figures that cannot be stored, or a trade date that has begun nowhere on earth.

    The gateway then parks the report.
    """
    qty, px = command.last_qty, command.last_px
    if not _is_exact(command):
        return refused(OrderRefusal.REPORT_INVALID, last_qty=qty, last_px=px)
    return bad_date("trade_date", command.trade_date, latest_today(seen.now))


def _utc(moment: datetime) -> datetime:
    """The moment in UTC. A venue's time without a zone is UTC."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
