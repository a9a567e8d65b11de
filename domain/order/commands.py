"""What may be asked of an order (intents), and what a venue reports (INTERNAL, never refused)."""

from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

from domain.fix import OrdRejReason, OrdType, Side, TimeInForce
from domain.message import Command


class Internal(Command):
    INTERNAL: ClassVar[bool] = True


class PlaceOrder(Command):
    order_id: str
    account_id: str
    instrument_id: str
    side: Side
    qty: Decimal
    ord_type: OrdType
    limit_px: Decimal | None = None
    stop_px: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    expire_at: datetime | None = None
    capacity: str = "AOTC"
    decision_maker: str = ""
    investment_decision: str = ""
    execution_decision: str = ""
    solicited: bool = False
    advice: str = "execution_only"
    channel: str = "api"


class CancelOrder(Command):
    order_id: str
    reason: str


class ReplaceOrder(Command):
    order_id: str
    qty: Decimal | None = None
    limit_px: Decimal | None = None


class ReleaseOrder(Internal):
    """The reservation stands: let the order (or the pending replace) leave for the venue."""

    order_id: str


class RejectOrder(Internal):
    """Refused before release: no funds, account blocked."""

    order_id: str
    ord_rej_reason: OrdRejReason
    text: str = ""


class RefuseReplace(Internal):
    """The larger hold of a pending replace was refused: the replace never leaves."""

    order_id: str
    text: str = ""


class RecordAck(Internal):
    """ExecutionReport with ExecType 0."""

    order_id: str
    venue_order_id: str


class RecordReject(Internal):
    order_id: str
    reason: str = ""
    ord_rej_reason: OrdRejReason = OrdRejReason.OTHER


class RecordFill(Internal):
    """ExecType F."""

    order_id: str
    venue_order_id: str
    exec_id: str
    last_qty: Decimal
    last_px: Decimal
    transact_time: datetime
    trade_date: date
    settl_date: date
    last_mkt: str = ""
    last_capacity: str = ""
    last_liquidity: str = ""
    contra: str = ""


class RecordTradeCancel(Internal):
    """ExecType H: the execution in `exec_ref_id` did not happen."""

    order_id: str
    venue_order_id: str
    exec_id: str
    exec_ref_id: str
    trade_date: date
    settl_date: date  # for the reverse obligation, should the trade have settled
    reason: str = ""


class RecordTradeCorrect(Internal):
    """ExecType G: the execution in `exec_ref_id` happened with these figures instead."""

    order_id: str
    venue_order_id: str
    exec_id: str
    exec_ref_id: str
    last_qty: Decimal
    last_px: Decimal
    transact_time: datetime
    trade_date: date
    settl_date: date


class RecordCanceled(Internal):
    """ExecType 4, asked for or not."""

    order_id: str
    reason: str = ""


class RecordCancelReject(Internal):
    order_id: str
    cl_ord_id: str
    response_to: str = "1"
    reason: str = ""


class RecordReplaced(Internal):
    """ExecType 5."""

    order_id: str
    cl_ord_id: str


class RecordExpired(Internal):
    order_id: str


class RecordStatus(Internal):
    """ExecType 3, 7, 9, B, D: done for day, stopped, suspended, calculated, restated."""

    order_id: str
    status: str  # done_for_day stopped suspended calculated restated
