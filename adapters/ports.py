"""Counterparties as we talk to them: venue (FIX 4.4), custodian (sese), bank (pain, camt).

    gateway --submit--> counterparty --advance--> reports --> gateway

The messages carry the standards' fields under our spelling of their names, and their tags are
the standards' message types, so that a real session replaces a simulator without a change on this
side. Sending is at least once: `poss_resend` marks what may have been sent before, and whoever
receives drops what it knows by its business id (ClOrdID, TxId, EndToEndId). Times are UTC; money
and quantities Decimal.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from domain.fix import CxlRejResponseTo, OrdRejReason, OrdStatus, OrdType, Side, TimeInForce
from domain.settlement.events import StatusKind


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


class DontKnowTrade(Struct, frozen=True, kw_only=True, tag="Q"):
    order_id: str  # 37
    exec_id: str  # 17
    dk_reason: DkReason
    symbol: str = ""
    side: Side | None = None
    last_qty: Decimal | None = None
    last_px: Decimal | None = None
    text: str = ""  # 58


class ExecutionReport(Struct, frozen=True, kw_only=True, tag="8"):
    order_id: str  # 37, the venue's
    cl_ord_id: str
    secondary_cl_ord_id: str = ""  # as we gave it, where the venue gives it back
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


class OrderCancelReject(Struct, frozen=True, kw_only=True, tag="9"):
    order_id: str
    cl_ord_id: str
    orig_cl_ord_id: str
    secondary_cl_ord_id: str = ""
    ord_status: OrdStatus
    cxl_rej_response_to: CxlRejResponseTo  # 434
    transact_time: datetime
    text: str = ""


ToVenue = NewOrderSingle | OrderCancelRequest | OrderCancelReplaceRequest | DontKnowTrade
FromVenue = ExecutionReport | OrderCancelReject


class SettlementInstruction(Struct, frozen=True, kw_only=True, tag="sese.023"):
    tx_id: str  # our obligation
    side: Side  # BUY: RECE, SELL: DELI
    isin: str
    qty: Decimal
    amount: Decimal  # APMT; 0 when free
    currency: str
    trade_date: date
    settl_date: date
    country: str = "US"
    free: bool = False
    hold: bool = False  # matched, but not settled before a release
    sent_at: datetime
    poss_resend: bool = False


class SettlementRelease(Struct, frozen=True, kw_only=True, tag="sese.030"):
    tx_id: str
    sent_at: datetime
    poss_resend: bool = False


class SettlementCancellation(Struct, frozen=True, kw_only=True, tag="sese.020"):
    tx_id: str
    sent_at: datetime
    poss_resend: bool = False


class SettlementStatus(Struct, frozen=True, kw_only=True, tag="sese.024"):
    """Statuses stand side by side; none of them ever means settled."""

    tx_id: str
    kind: StatusKind
    status: str
    reason: str = ""
    at: datetime


class SettlementConfirmation(Struct, frozen=True, kw_only=True, tag="sese.025"):
    tx_id: str
    confirmation_id: str
    qty: Decimal
    amount: Decimal
    remaining_qty: Decimal
    effective_date: date
    at: datetime


class CancellationAnswer(Struct, frozen=True, kw_only=True, tag="sese.027"):
    tx_id: str
    accepted: bool
    reason: str = ""
    at: datetime


ToCustodian = SettlementInstruction | SettlementCancellation | SettlementRelease
FromCustodian = SettlementStatus | SettlementConfirmation | CancellationAnswer


class PaymentInstruction(Struct, frozen=True, kw_only=True, tag="pain.001"):
    """Pays to the account's verified reference bank account; the payee is never sent in clear."""

    end_to_end_id: str  # our payment
    amount: Decimal
    currency: str
    sent_at: datetime
    poss_resend: bool = False


class PaymentStatus(Struct, frozen=True, kw_only=True, tag="pain.002"):
    """Information; books nothing but a rejection."""

    end_to_end_id: str
    status: str  # ACTC ACCP ACSP RJCT
    reason: str = ""
    at: datetime


class BankEntry(Struct, frozen=True, kw_only=True, tag="camt.054"):
    """A booked (BOOK) entry on the client money account: a debit, or its return (a credit)."""

    entry_ref: str  # the bank's, unique
    end_to_end_id: str
    amount: Decimal
    currency: str
    credit: bool  # money came back
    reason: str = ""
    value_date: date
    at: datetime


ToBank = PaymentInstruction
FromBank = PaymentStatus | BankEntry


class Venue(Protocol):
    async def submit(self, message: ToVenue, /) -> None:
        """Send; at least once. Returns when the message is on its way, not when answered."""
        ...

    def advance(self, to: datetime, /) -> Sequence[FromVenue]:
        """What has arrived by `to`, in order of arrival, each once.

        A simulator moves its market to `to`; a real session hands over what came in.
        """
        ...


class Custodian(Protocol):
    async def submit(self, message: ToCustodian, /) -> None: ...

    def advance(self, to: datetime, /) -> Sequence[FromCustodian]: ...


class Bank(Protocol):
    async def submit(self, message: ToBank, /) -> None: ...

    def advance(self, to: datetime, /) -> Sequence[FromBank]: ...
