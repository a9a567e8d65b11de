"""Events of `order-{order_id}`: FIX 4.4 protocol state. None of them posts to the ledger."""

from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

from domain.shared.fix import (
    Advice,
    Capacity,
    CxlRejResponseTo,
    ExecType,
    OrdRejReason,
    OrdType,
    Side,
    TimeInForce,
)
from domain.shared.message import Event, PersonalText


class OrderPlaced(Event, tag="order.placed", kw_only=True):
    """Pending New, with every fact frozen at order time."""

    order_id: str
    account_id: str
    client_id: str
    instrument_id: str
    isin: str
    mic: str
    side: Side
    qty: Decimal
    ord_type: OrdType
    limit_px: Decimal | None = None
    stop_px: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    expire_at: datetime | None = None
    currency: str  # quoted
    settl_currency: str
    price_factor: Decimal = Decimal(1)  # money per quoted price unit (GBX: 0.01), with multiplier
    qty_increment: Decimal = Decimal(1)
    tick_size: Decimal = Decimal(0)  # 0: any price
    country: str = "US"  # whose levies and taxes apply; "": none
    hold_px: Decimal  # worst price reserved for: limit, or last mark x (1 + collar)
    hold_amount: Decimal  # settlement currency, estimated charges included; 0 for a sale
    received_at: datetime
    capacity: Capacity = Capacity.AOTC
    client_id_code: str = ""  # our client id; its LEI or national id is looked up when reported
    decision_maker: str = ""
    investment_decision: str = ""
    execution_decision: str = ""
    branch_country: str = ""
    short_sale: str = ""  # SESH SSEX SELL UNDI; "" for a purchase
    open_close: str = ""  # O C
    solicited: bool = False
    advice: Advice = Advice.EXECUTION_ONLY
    channel: str = "api"
    settl_type: str = "0"
    handl_inst: str = "1"
    ex_destination: str = ""
    market_country: str = ""  # whose settlement calendar applies; "": `country` (older orders)
    first_use: bool = False  # the instrument must record its use before the saga reserves


class OrderReleased(Event, tag="order.released"):
    """Funds are reserved: the order leaves for the venue under this ClOrdID."""

    order_id: str
    cl_ord_id: str


class OrderRejected(Event, tag="order.rejected"):
    """By us before release (funds: reason 3) or by the venue."""

    order_id: str
    account_id: str
    ord_rej_reason: OrdRejReason
    text: str = ""


class OrderAccepted(Event, tag="order.accepted"):
    order_id: str
    venue_order_id: str  # tag 37 of the venue


class OrderFilled(Event, tag="order.filled"):
    """ExecType F, or G re-stated: `exec_ref_id` names the execution that this one corrects."""

    order_id: str
    account_id: str
    instrument_id: str
    isin: str
    side: Side
    exec_id: str
    trade_id: str  # ours, unique in the ledger
    venue_order_id: str
    last_qty: Decimal
    last_px: Decimal
    currency: str  # settlement currency
    gross: Decimal  # settlement currency, rounded once
    transact_time: datetime
    trade_date: date
    settl_date: date
    last_mkt: str = ""
    last_capacity: str = ""
    last_liquidity: str = ""
    contra: str = ""
    country: str = "US"
    exec_ref_id: str = ""
    excess_qty: Decimal = Decimal(0)  # beyond the order: flagged, never dropped
    late: bool = False  # after the order had ended


class TradeCanceled(Event, tag="order.trade_canceled"):
    """ExecType H (bust), or the first half of a correction (G)."""

    order_id: str
    account_id: str
    exec_id: str  # of the cancel report
    exec_type: ExecType  # H, or G when the corrected execution follows
    exec_ref_id: str  # the execution that no longer counts
    venue_order_id: str
    trade_date: date
    trade_id: str
    last_qty: Decimal  # of that execution: CumQty falls by it
    last_px: Decimal
    settl_date: date  # for a reverse obligation, if the trade has settled
    reason: str = ""


class ReportParked(Event, tag="order.report_parked"):
    """A report that changes no figure, kept for operations to see: a bust or correction that came
    before its execution (applied when that comes), a correction of what a later one or a bust has
    already undone, or an execution reported again with other figures.
    """

    order_id: str
    exec_id: str
    exec_ref_id: str
    exec_type: ExecType
    venue_order_id: str
    trade_date: date
    settl_date: date
    transact_time: datetime | None = None  # None: a bust, which has none
    last_qty: Decimal = Decimal(0)
    last_px: Decimal = Decimal(0)
    reason: str = ""


class CancelRequested(Event, tag="order.cancel_requested"):
    VERSION: ClassVar[int] = 2
    order_id: str
    cl_ord_id: str
    orig_cl_ord_id: str
    reason: PersonalText  # the requester's text
    client_id: str = ""


class CancelRejected(Event, tag="order.cancel_rejected"):
    """OrderCancelReject (9) of a cancel or a replace request."""

    order_id: str
    cl_ord_id: str
    response_to: CxlRejResponseTo
    reason: str = ""


class OrderCanceled(Event, tag="order.canceled"):
    VERSION: ClassVar[int] = 2
    order_id: str
    account_id: str
    reason: PersonalText = ""  # the requester's text
    client_id: str = ""
    text: str = ""  # the venue's text, if the venue canceled it


class ReplaceRequested(Event, tag="order.replace_requested"):
    """Pending Replace: the new terms; a larger hold is reserved before the request leaves."""

    order_id: str
    account_id: str
    cl_ord_id: str
    orig_cl_ord_id: str
    qty: Decimal
    limit_px: Decimal | None
    hold_px: Decimal
    hold_amount: Decimal
    decision_maker: str = ""  # of the new terms, under a power; "": as before


class ReplaceReleased(Event, tag="order.replace_released"):
    order_id: str
    cl_ord_id: str


class OrderReplaced(Event, tag="order.replaced", kw_only=True):
    """The new terms are in force. OrderQty never falls below the filled quantity."""

    order_id: str
    account_id: str
    cl_ord_id: str
    venue_order_id: str = ""
    qty: Decimal
    limit_px: Decimal | None
    hold_px: Decimal
    hold_amount: Decimal


class OrderExpired(Event, tag="order.expired"):
    order_id: str
    account_id: str


class OrderDoneForDay(Event, tag="order.done_for_day"):
    """No more executions today. An open order that is not GTC or GTD ends with `order.expired`."""

    order_id: str
    at: datetime  # an execution after this moment shows that the order is active again


class OrderStopped(Event, tag="order.stopped"):
    order_id: str


class OrderSuspended(Event, tag="order.suspended"):
    order_id: str


class OrderCalculated(Event, tag="order.calculated"):
    order_id: str


class OrderRestated(Event, tag="order.restated"):
    """The venue resumed a suspended, stopped or done-for-day order, or restated its quantity."""

    order_id: str
    qty: Decimal | None = None  # the new OrderQty
    reason: str = ""
    hold_amount: Decimal | None = None  # to hold for all of it; None: unchanged, or an older event
