"""Commands of an order: intents, the saga's steps, and a venue's reports (both INTERNAL).

A report is refused only if the order does not exist (`order_unknown`), if its figures cannot be
stored exactly (`report_invalid`), or if its trade date is impossible. Its gateway then parks it in
suspense and answers DontKnowTrade.
"""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from domain.shared.fix import (
    Advice,
    Capacity,
    CxlRejResponseTo,
    OrdRejReason,
    OrdType,
    Side,
    TimeInForce,
)
from domain.shared.message import Command, Internal, Personal


class VenueStatus(StrEnum):
    """Statuses that a venue may report without an execution: ExecType 3, 7, 9, B, D."""

    DONE_FOR_DAY = "done_for_day"
    STOPPED = "stopped"
    SUSPENDED = "suspended"
    CALCULATED = "calculated"
    RESTATED = "restated"


class PlaceOrder(Command):
    MAY_LIE_AHEAD: ClassVar[tuple[str, ...]] = ("expire_at",)

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
    capacity: Capacity = Capacity.AOTC
    decision_maker: str = ""
    investment_decision: str = ""
    execution_decision: str = ""
    solicited: bool = False
    advice: Advice = Advice.EXECUTION_ONLY
    channel: str = "api"


class CancelOrder(Command):
    order_id: str
    reason: Personal


class ReplaceOrder(Command):
    order_id: str
    qty: Decimal | None = None
    limit_px: Decimal | None = None
    decision_maker: str = ""  # "": the actor if it has a power, else the order's


class ReleaseOrder(Internal):
    """The hold is booked: send the order (or the pending replace) to the venue."""

    order_id: str


class RejectOrder(Internal):
    """Refused before release: no funds, account blocked."""

    order_id: str
    ord_rej_reason: OrdRejReason
    text: str = ""


class RefuseReplace(Internal):
    """The account refused the larger hold of a pending replace: the replace is never sent."""

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
    trade_date: date  # of the referenced execution: identifies it together with 37 and 19
    settl_date: date  # for the reverse obligation, if the trade has settled
    reason: str = ""


class RecordTradeCorrect(Internal):
    """ExecType G: the execution in `exec_ref_id` happened with these figures instead."""

    order_id: str
    venue_order_id: str
    exec_id: str
    exec_ref_id: str
    last_qty: Decimal
    last_px: Decimal
    transact_time: datetime  # of the correction: the latest one counts
    trade_date: date  # of the referenced execution: identifies it together with 37 and 19
    settl_date: date


class RecordCanceled(Internal):
    """ExecType 4, requested or not."""

    order_id: str
    reason: str = ""


class RecordCancelReject(Internal):
    order_id: str
    cl_ord_id: str
    response_to: CxlRejResponseTo = CxlRejResponseTo.CANCEL
    reason: str = ""


class RecordReplaced(Internal):
    """ExecType 5. Terms that the venue states override those that were requested."""

    order_id: str
    cl_ord_id: str
    venue_order_id: str = ""  # "": as before
    qty: Decimal | None = None
    limit_px: Decimal | None = None


class RecordExpired(Internal):
    order_id: str


class RecordStatus(Internal):
    """ExecType 3, 7, 9, B, D: done for day, stopped, suspended, calculated, restated."""

    order_id: str
    status: VenueStatus
    qty: Decimal | None = None  # restated: a new OrderQty (38), agreed by voice or declined in part
    reason: str = ""
