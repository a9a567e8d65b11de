"""The venue's channel: orders out as FIX 4.4 requests, execution reports in as Record* commands.

    order.released         -> NewOrderSingle (D)
    order.cancel_requested -> OrderCancelRequest (F)
    order.replace_released -> OrderCancelReplaceRequest (G)
    desk.kill_switch_engaged -> OrderMassCancelRequest (q)
    ExecutionReport (8), OrderCancelReject (9) -> the order's reports ; unknown -> DontKnowTrade (Q)

An execution's business id is (venue, OrderID 37, ExecID 17, TradeDate 75): domain.md rule 5.
"""

from collections.abc import Callable, Collection
from datetime import date, datetime
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from adapters.counterparties.fix import (
    DkReason,
    DontKnowTrade,
    ExecType,
    ExecutionReport,
    FromVenue,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderMassCancelRequest,
)
from domain.desk.commands import Scope
from domain.desk.events import KillSwitchEngaged
from domain.order.commands import (
    RecordAck,
    RecordCanceled,
    RecordCancelReject,
    RecordExpired,
    RecordFill,
    RecordReject,
    RecordReplaced,
    RecordStatus,
    RecordTradeCancel,
    RecordTradeCorrect,
    VenueStatus,
)
from domain.order.events import (
    CancelRequested,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderPlaced,
    OrderRejected,
    OrderReleased,
    OrderReplaced,
    OrderRestated,
    ReplaceReleased,
    ReplaceRequested,
    TradeCanceled,
)
from domain.shared.envelope import Envelope
from domain.shared.fix import OrdRejReason
from domain.shared.message import Command
from domain.shared.money import ZERO
from sagas.engine.ports import Deadline, correlation
from streams.gateways.channels.channel import RESEND_FOR, Meaning, Unknown, conversation

Request = NewOrderSingle | OrderCancelRequest | OrderCancelReplaceRequest | OrderMassCancelRequest
ALL_ORDERS, BY_SECURITY = "7", "1"  # MassCancelRequestType (530)
SettlDate = Callable[[str, date], date]
"""The settlement date of a trade: (country of the market, trade date)."""


class Routed(Struct, frozen=True, kw_only=True):
    """One order as the venue knows it."""

    draft: NewOrderSingle | None = None  # the order as placed, before it is released
    country: str = "US"  # of the market
    asked: dict[str, OrderCancelReplaceRequest] = {}  # replaces not sent yet, by ClOrdID
    sent: tuple[Request, ...] = ()
    qty: Decimal = ZERO
    filled: Decimal = ZERO
    over: bool = False
    last_at: datetime | None = None
    correlation_id: str = ""


class VenueChannel:
    """Implements `Channel`.

    Args:
        settl_date: gives the settlement date of a trade; the caller owns the calendars.
        name: the session's key; it begins the message id of every report.
        destinations: the values of ExDestination (100) whose orders go to this venue; "" stands
            for an order that names none. By default every order does.
    """

    NAME, VERSION = "venue", 2
    INITIAL = Routed()

    def __init__(
        self,
        settl_date: SettlDate,
        name: str = NAME,
        *,
        destinations: Collection[str] | None = None,
    ) -> None:
        self._settl_date, self._destinations = settl_date, destinations
        self.NAME = name
        self._correlate = correlation(
            name, dict.fromkeys((OrderPlaced, *_CHANGES, *_FACTS), "order_id")
        )

    def correlate(self, arrived: Envelope) -> str | None:
        """The order's id; of a kill switch an id of its own."""
        if isinstance(arrived.event, KillSwitchEngaged):
            return f"switch.{arrived.event.version}"
        return self._correlate(arrived)

    def evolve(self, state: Routed, arrived: Envelope) -> Routed:
        event, at = arrived.event, arrived.meta.recorded_at
        if isinstance(event, KillSwitchEngaged):
            return self._mass_cancel(event, at)
        if isinstance(event, OrderPlaced):
            if not self._serves(event):
                return state
            return _placed(event, conversation(arrived), at)
        draft = state.draft
        if draft is None:
            return state
        state = replace(state, last_at=at)
        if isinstance(event, _CHANGES):
            return _with_sent(state, draft, event, at)
        return _happened(state, event)

    def _mass_cancel(self, event: KillSwitchEngaged, at: datetime) -> Routed:
        """Have the venue cancel all that is open of the firm, or of this venue or instrument.

        FIX 4.4 has no mass cancel by account.
        """
        match event.scope:
            case Scope.FIRM:
                symbol = ""
            case Scope.VENUE if self._destinations is None or event.scope_id in self._destinations:
                symbol = ""
            case Scope.INSTRUMENT:
                symbol = event.scope_id
            case _:
                return self.INITIAL
        request = OrderMassCancelRequest(
            cl_ord_id=f"switch.{event.version}",
            request_type=BY_SECURITY if symbol else ALL_ORDERS,
            symbol=symbol,
            transact_time=at,
        )
        return Routed(sent=(request,), over=True)

    def _serves(self, order: OrderPlaced) -> bool:
        return self._destinations is None or order.ex_destination in self._destinations

    def due(self, state: Routed) -> Deadline | None:
        return Deadline(state.last_at + RESEND_FOR, "forget") if state.last_at else None

    def ended(self, state: Routed) -> bool:
        return not state.sent or state.over or state.filled >= state.qty

    def sent(self, state: Routed) -> tuple[Request, ...]:
        return state.sent

    def about(self, report: FromVenue) -> str:
        """Our order id: as the venue returns it, or the ClOrdID without its counter."""
        return report.secondary_cl_ord_id or report.cl_ord_id.rpartition(".")[0]

    def meaning(self, report: FromVenue, state: Routed) -> Meaning | None:
        order_id = self.about(report)
        if state.draft is None:
            raise Unknown(order_id)
        if isinstance(report, OrderCancelReject):
            reject = RecordCancelReject(
                order_id=order_id,
                cl_ord_id=report.cl_ord_id,
                response_to=report.cxl_rej_response_to,
                reason=report.text,
            )
            return self._meaning(report, reject, f"9|{report.cl_ord_id}", state)
        command = self._command(report, order_id, state)
        if command is None:
            return None
        return self._meaning(report, command, f"{report.exec_id}|{report.trade_date}", state)

    def _meaning(
        self, report: FromVenue, command: Command, business_id: str, state: Routed
    ) -> Meaning:
        return Meaning(
            command=command,
            message_id=f"{self.NAME}|{report.order_id}|{business_id}",
            effective_at=report.transact_time,
            correlation_id=state.correlation_id,
            causation_id=report.source,
        )

    def answer(self, report: FromVenue) -> DontKnowTrade | None:
        if isinstance(report, OrderCancelReject):
            return None
        return DontKnowTrade(
            order_id=report.order_id,
            exec_id=report.exec_id,
            dk_reason=DkReason.NO_MATCHING_ORDER,
            symbol=report.symbol,
            side=report.side,
            last_qty=report.last_qty,
            last_px=report.last_px,
        )

    def _command(self, report: ExecutionReport, order_id: str, state: Routed) -> Command | None:
        match report.exec_type:
            case ExecType.TRADE:
                return self._fill(report, order_id, state)
            case ExecType.TRADE_CORRECT:
                return self._correct(report, order_id, state)
            case ExecType.TRADE_CANCEL:
                return RecordTradeCancel(
                    order_id=order_id,
                    venue_order_id=report.order_id,
                    exec_id=report.exec_id,
                    exec_ref_id=report.exec_ref_id,
                    trade_date=report.trade_date,
                    settl_date=self._settl_date(state.country, report.transact_time.date()),
                    reason=report.text,
                )
            case _:
                return _status_command(report, order_id)

    def _fill(self, report: ExecutionReport, order_id: str, state: Routed) -> RecordFill:
        return RecordFill(
            order_id=order_id,
            venue_order_id=report.order_id,
            exec_id=report.exec_id,
            last_qty=report.last_qty,
            last_px=report.last_px,
            transact_time=report.transact_time,
            trade_date=report.trade_date,
            settl_date=self._settl_date(state.country, report.trade_date),
            last_mkt=report.last_mkt,
            last_capacity=report.last_capacity,
            last_liquidity=report.last_liquidity,
            contra=report.contra,
        )

    def _correct(self, report: ExecutionReport, order_id: str, state: Routed) -> RecordTradeCorrect:
        return RecordTradeCorrect(
            order_id=order_id,
            venue_order_id=report.order_id,
            exec_id=report.exec_id,
            exec_ref_id=report.exec_ref_id,
            last_qty=report.last_qty,
            last_px=report.last_px,
            transact_time=report.transact_time,
            trade_date=report.trade_date,
            settl_date=self._settl_date(state.country, report.trade_date),
        )


_CHANGES = (OrderReleased, CancelRequested, ReplaceRequested, ReplaceReleased)
_FACTS = (
    OrderReplaced,
    OrderRestated,
    OrderFilled,
    TradeCanceled,
    OrderCanceled,
    OrderRejected,
    OrderExpired,
)
_STATUSES = {
    ExecType.DONE_FOR_DAY: VenueStatus.DONE_FOR_DAY,
    ExecType.STOPPED: VenueStatus.STOPPED,
    ExecType.SUSPENDED: VenueStatus.SUSPENDED,
    ExecType.CALCULATED: VenueStatus.CALCULATED,
    ExecType.RESTATED: VenueStatus.RESTATED,
}


def _placed(order: OrderPlaced, correlation_id: str, at: datetime) -> Routed:
    draft = NewOrderSingle(
        cl_ord_id="",
        secondary_cl_ord_id=order.order_id,
        symbol=order.instrument_id,
        security_id=order.isin,
        security_exchange=order.mic,
        ex_destination=order.ex_destination,
        side=order.side,
        order_qty=order.qty,
        ord_type=order.ord_type,
        price=order.limit_px,
        stop_px=order.stop_px,
        time_in_force=order.time_in_force,
        expire_time=order.expire_at,
        currency=order.currency,
        transact_time=at,
    )
    return Routed(
        draft=draft,
        country=order.market_country or order.country,
        qty=order.qty,
        last_at=at,
        correlation_id=correlation_id,
    )


def _with_sent(state: Routed, draft: NewOrderSingle, event: object, at: datetime) -> Routed:
    """Add what the event sends to the venue; `at` is its TransactTime, also in a resend."""
    match event:
        case OrderReleased(cl_ord_id=cl_ord_id):
            leaves: Request = replace(draft, cl_ord_id=cl_ord_id, transact_time=at)
        case CancelRequested():
            leaves = OrderCancelRequest(
                cl_ord_id=event.cl_ord_id,
                orig_cl_ord_id=event.orig_cl_ord_id,
                secondary_cl_ord_id=event.order_id,
                symbol=draft.symbol,
                side=draft.side,
                order_qty=state.qty,
                transact_time=at,
            )
        case ReplaceRequested():
            return replace(state, asked=state.asked | {event.cl_ord_id: _replace(draft, event, at)})
        case ReplaceReleased(cl_ord_id=cl_ord_id) if cl_ord_id in state.asked:
            leaves = replace(state.asked[cl_ord_id], transact_time=at)
            rest = {k: r for k, r in state.asked.items() if k != cl_ord_id}
            state = replace(state, asked=rest)
        case _:
            return state
    return replace(state, sent=(*state.sent, leaves))


def _replace(
    draft: NewOrderSingle, event: ReplaceRequested, at: datetime
) -> OrderCancelReplaceRequest:
    return OrderCancelReplaceRequest(
        cl_ord_id=event.cl_ord_id,
        orig_cl_ord_id=event.orig_cl_ord_id,
        secondary_cl_ord_id=event.order_id,
        symbol=draft.symbol,
        side=draft.side,
        order_qty=event.qty,
        ord_type=draft.ord_type,
        price=event.limit_px,
        transact_time=at,
    )


def _happened(state: Routed, event: object) -> Routed:
    match event:
        case OrderReplaced(qty=qty) | OrderRestated(qty=Decimal() as qty):
            return replace(state, qty=qty)
        case OrderFilled(last_qty=qty):
            return replace(state, filled=state.filled + qty)
        case TradeCanceled(last_qty=qty):
            return replace(state, filled=state.filled - qty)
        case OrderCanceled() | OrderRejected() | OrderExpired():
            return replace(state, over=True)
        case _:
            return state


def _status_command(report: ExecutionReport, order_id: str) -> Command | None:
    """The command for a report without an execution; None where it only informs."""
    kind = report.exec_type
    if status := _STATUSES.get(kind):
        qty = report.order_qty if kind == ExecType.RESTATED else None
        return RecordStatus(order_id=order_id, status=status, qty=qty, reason=report.text)
    match kind:
        case ExecType.NEW:
            return RecordAck(order_id=order_id, venue_order_id=report.order_id)
        case ExecType.REJECTED:
            why = report.ord_rej_reason or OrdRejReason.OTHER
            return RecordReject(order_id=order_id, reason=report.text, ord_rej_reason=why)
        case ExecType.CANCELED:
            return RecordCanceled(order_id=order_id, reason=report.text)
        case ExecType.EXPIRED:
            return RecordExpired(order_id=order_id)
        case _:
            return _replaced(report, order_id) if kind == ExecType.REPLACED else None


def _replaced(report: ExecutionReport, order_id: str) -> RecordReplaced:
    return RecordReplaced(
        order_id=order_id,
        cl_ord_id=report.cl_ord_id,
        venue_order_id=report.order_id,
        qty=report.order_qty,
        limit_px=report.price,
    )
