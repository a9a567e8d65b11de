"""What happens on `order-{order_id}`: FIX 4.4 protocol state. Nothing here posts to the ledger."""

from datetime import date, datetime
from decimal import Decimal

from domain.fix import OrdRejReason, OrdType, Side, TimeInForce
from domain.message import Event


class OrderPlaced(Event, tag="order.placed"):
    """Pending New, with every fact frozen at order time (domain.md rule 17)."""

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
    country: str = "US"
    hold_px: Decimal  # worst price reserved for: limit, or last mark x (1 + collar)
    hold_amount: Decimal  # settlement currency, estimated charges included; 0 for a sale
    received_at: datetime
    capacity: str = "AOTC"
    client_id_code: str = ""
    decision_maker: str = ""
    investment_decision: str = ""
    execution_decision: str = ""
    branch_country: str = ""
    short_sale: str = ""
    open_close: str = ""
    solicited: bool = False
    advice: str = "execution_only"
    channel: str = "api"
    settl_type: str = "0"
    handl_inst: str = "1"
    ex_destination: str = ""


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
    exec_ref_id: str  # the execution that no longer counts
    trade_id: str
    settl_date: date  # for a reverse obligation, if the trade has settled
    reason: str = ""


class ReportParked(Event, tag="order.report_parked"):
    """A bust or correction that arrived before the execution it refers to."""

    order_id: str
    exec_id: str
    exec_ref_id: str
    exec_type: str  # H or G
    last_qty: Decimal = Decimal(0)
    last_px: Decimal = Decimal(0)


class CancelRequested(Event, tag="order.cancel_requested"):
    order_id: str
    cl_ord_id: str
    orig_cl_ord_id: str
    reason: str


class CancelRejected(Event, tag="order.cancel_rejected"):
    """OrderCancelReject (9) of a cancel or a replace request."""

    order_id: str
    cl_ord_id: str
    response_to: str  # 1 cancel, 2 replace
    reason: str = ""


class OrderCanceled(Event, tag="order.canceled"):
    order_id: str
    account_id: str
    reason: str = ""


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


class ReplaceReleased(Event, tag="order.replace_released"):
    order_id: str
    cl_ord_id: str


class OrderReplaced(Event, tag="order.replaced"):
    order_id: str
    account_id: str
    cl_ord_id: str
    qty: Decimal
    limit_px: Decimal | None
    hold_px: Decimal
    hold_amount: Decimal


class OrderExpired(Event, tag="order.expired"):
    order_id: str
    account_id: str


class OrderDoneForDay(Event, tag="order.done_for_day"):
    order_id: str


class OrderStopped(Event, tag="order.stopped"):
    order_id: str


class OrderSuspended(Event, tag="order.suspended"):
    order_id: str


class OrderCalculated(Event, tag="order.calculated"):
    order_id: str


class OrderRestated(Event, tag="order.restated"):
    """The venue resumed a suspended, stopped or done-for-day order."""

    order_id: str
