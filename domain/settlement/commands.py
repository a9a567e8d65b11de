"""Commands to a settlement instruction, and the custodian's reports about it."""

from datetime import date
from decimal import Decimal

from domain.settlement.events import StatusKind
from domain.shared.fix import Side
from domain.shared.message import Internal


class InstructSettlement(Internal):
    """Tell the custodian to receive (BUY) or deliver (SELL) against payment, or free."""

    obligation_id: str
    account_id: str
    isin: str
    side: Side
    qty: Decimal
    amount: Decimal
    currency: str
    trade_date: date
    settl_date: date
    country: str = "US"
    instrument_id: str = ""
    free: bool = False
    replaces: str = ""
    hold: bool = False  # a delivery: sent early, released when the account's own stock covers it


class ReleaseSettlement(Internal):
    """sese.030: send a held delivery, once the account's own settled stock covers it."""

    obligation_id: str
    account_id: str


class RecordSettlementStatus(Internal):
    """sese.024: a status. `status` is a value of `Advice` where one fits."""

    obligation_id: str
    status_kind: StatusKind
    status: str
    reason: str = ""


class RecordSettlementConfirmation(Internal):
    """sese.025, deduplicated by `confirmation_id`."""

    obligation_id: str
    confirmation_id: str
    qty: Decimal
    amount: Decimal
    value_date: date


class MarkFailing(Internal):
    """Sent at the end of day: still open at the close of its settlement date (`close_of`)."""

    obligation_id: str
    reason: str
    whose: str = "counterparty"
    close_of: date | None = None


class CancelSettlement(Internal):
    obligation_id: str
    reason: str = ""


class RecordSettlementCancel(Internal):
    """sese.027: the custodian has cancelled the rest, or denies it."""

    obligation_id: str
    accepted: bool
    reason: str = ""
