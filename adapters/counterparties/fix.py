"""The venue, as FIX 4.4 names its messages."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from domain.shared.fix import CxlRejResponseTo, OrdRejReason, OrdStatus, OrdType, Side, TimeInForce


class ExecType(StrEnum):
    """Tag 150, every value that a venue may send us."""

    NEW = "0"
    DONE_FOR_DAY = "3"
    CANCELED = "4"
    REPLACED = "5"
    PENDING_CANCEL = "6"
    STOPPED = "7"
    REJECTED = "8"
    SUSPENDED = "9"
    PENDING_NEW = "A"
    CALCULATED = "B"
    EXPIRED = "C"
    RESTATED = "D"
    PENDING_REPLACE = "E"
    TRADE = "F"
    TRADE_CORRECT = "G"
    TRADE_CANCEL = "H"
    ORDER_STATUS = "I"


class DkReason(StrEnum):
    """Tag 127."""

    UNKNOWN_SYMBOL = "A"
    WRONG_SIDE = "B"
    QUANTITY_EXCEEDS = "C"
    NO_MATCHING_ORDER = "D"
    OTHER = "Z"


class NewOrderSingle(Struct, frozen=True, kw_only=True, tag="D"):
    cl_ord_id: str  # 11
    secondary_cl_ord_id: str  # 526: our order id, the same for a whole chain of ClOrdIDs
    symbol: str  # 55
    security_id: str  # 48, an ISIN
    security_exchange: str = ""  # 207
    ex_destination: str = ""  # 100
    side: Side  # 54
    order_qty: Decimal  # 38
    ord_type: OrdType  # 40
    price: Decimal | None = None  # 44
    stop_px: Decimal | None = None  # 99
    time_in_force: TimeInForce = TimeInForce.DAY  # 59
    expire_time: datetime | None = None  # 126
    currency: str  # 15
    transact_time: datetime  # 60
    poss_resend: bool = False  # 97


class OrderCancelRequest(Struct, frozen=True, kw_only=True, tag="F"):
    cl_ord_id: str
    orig_cl_ord_id: str  # 41
    secondary_cl_ord_id: str
    symbol: str
    side: Side
    order_qty: Decimal
    transact_time: datetime
    poss_resend: bool = False


class OrderCancelReplaceRequest(Struct, frozen=True, kw_only=True, tag="G"):
    cl_ord_id: str
    orig_cl_ord_id: str
    secondary_cl_ord_id: str
    symbol: str
    side: Side
    order_qty: Decimal  # the new total, filled part included
    ord_type: OrdType
    price: Decimal | None = None
    transact_time: datetime
    poss_resend: bool = False


class OrderStatusRequest(Struct, frozen=True, kw_only=True, tag="H"):
    cl_ord_id: str
    secondary_cl_ord_id: str = ""
    symbol: str
    side: Side


class OrderMassCancelRequest(Struct, frozen=True, kw_only=True, tag="q"):
    cl_ord_id: str
    request_type: str = "7"  # 530: 7 all orders, 1 of one security
    symbol: str = ""
    side: Side | None = None
    transact_time: datetime
    poss_resend: bool = False


class DontKnowTrade(Struct, frozen=True, kw_only=True, tag="Q"):
    order_id: str  # 37
    exec_id: str  # 17
    dk_reason: DkReason
    symbol: str = ""
    side: Side | None = None
    order_qty: Decimal | None = None  # 38
    last_qty: Decimal | None = None
    last_px: Decimal | None = None
    text: str = ""  # 58


class ExecutionReport(Struct, frozen=True, kw_only=True, tag="8"):
    order_id: str  # 37, the venue's
    cl_ord_id: str
    secondary_cl_ord_id: str = ""  # as we sent it, if the venue returns it
    orig_cl_ord_id: str = ""
    exec_id: str  # 17
    exec_ref_id: str = ""  # 19
    exec_type: ExecType  # 150
    ord_status: OrdStatus  # 39
    symbol: str = ""
    side: Side
    order_qty: Decimal
    price: Decimal | None = None
    last_qty: Decimal = Decimal(0)  # 32
    last_px: Decimal = Decimal(0)  # 31
    leaves_qty: Decimal = Decimal(0)  # 151
    cum_qty: Decimal = Decimal(0)  # 14
    avg_px: Decimal = Decimal(0)  # 6
    trade_date: date  # 75: of the execution, or of the one referred to
    transact_time: datetime
    last_mkt: str = ""  # 30
    last_capacity: str = ""  # 29
    last_liquidity: str = ""  # 851
    contra: str = ""  # 375
    ord_rej_reason: OrdRejReason | None = None  # 103
    text: str = ""
    poss_resend: bool = False
    source: str = ""  # the recorded message that carried it, `stream@version`


class OrderCancelReject(Struct, frozen=True, kw_only=True, tag="9"):
    order_id: str
    cl_ord_id: str
    orig_cl_ord_id: str
    secondary_cl_ord_id: str = ""
    ord_status: OrdStatus
    cxl_rej_response_to: CxlRejResponseTo  # 434
    transact_time: datetime
    text: str = ""
    source: str = ""  # the recorded message that carried it, `stream@version`


ToVenue = (
    NewOrderSingle
    | OrderCancelRequest
    | OrderCancelReplaceRequest
    | OrderStatusRequest
    | OrderMassCancelRequest
    | DontKnowTrade
)
FromVenue = ExecutionReport | OrderCancelReject


class Venue(Protocol):
    async def submit(self, message: ToVenue, /) -> None:
        """Send; at least once. Returns when the message is on its way, not when answered."""
        ...

    async def advance(self, to: datetime, /) -> Sequence[FromVenue]:
        """The messages that have arrived by `to`, in order of arrival, each once.

        A simulator moves its market to `to`; a real session hands over what came in.
        """
        ...
