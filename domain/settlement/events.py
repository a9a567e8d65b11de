"""Events on `settlement-{obligation_id}`: one instruction to the custodian and its answers.

None of these events posts: the account's stream books a confirmation (`obligation.settled`).
Quantities up to 8 decimals, money at the currency's minor unit, both positive.
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum

from domain.shared.fix import Side
from domain.shared.message import Event


class StatusKind(StrEnum):
    """sese.024 carries these four side by side; none of them ever means settled."""

    PROCESSING = "processing"
    MATCHING = "matching"
    INFERRED_MATCHING = "inferred_matching"
    SETTLEMENT = "settlement"


class Advice(StrEnum):
    """The statuses that move the derived state; any other is kept and shown as it came."""

    ACCEPTED = "accepted"  # processing: AckdAccptd
    REJECTED = "rejected"  # processing: Rjctd
    MATCHED = "matched"  # matching, inferred matching: Mtchd
    UNMATCHED = "unmatched"  # matching, inferred matching: Umtchd
    PENDING = "pending"  # settlement: Pdg
    FAILING = "failing"  # settlement: Flng


class Partial(StrEnum):
    """sese.025: whether the confirmation leaves a rest, or is the last of several."""

    WHOLE = ""
    PAIN = "PAIN"
    PARC = "PARC"


class SettlementInstructed(Event, tag="settlement.instructed"):
    obligation_id: str
    account_id: str
    isin: str
    side: Side  # BUY: receive (RECE), SELL: deliver (DELI)
    qty: Decimal
    amount: Decimal  # against payment (APMT); 0 with `free`
    currency: str
    trade_date: date
    settl_date: date
    country: str  # of the market
    instrument_id: str = ""
    free: bool = False  # FREE of payment
    replaces: str = ""  # the rejected instruction that this one repairs
    on_hold: bool = False  # until released (domain.md rule 10)


class SettlementReleased(Event, tag="settlement.released"):
    """sese.030: the account's own settled stock covers the delivery."""

    obligation_id: str
    account_id: str


class SettlementStatusAdvised(Event, tag="settlement.status_advised"):
    obligation_id: str
    account_id: str
    status_kind: StatusKind
    status: str
    reason: str = ""


class SettlementFailing(Event, tag="settlement.failing"):
    """Unsettled at close of the intended date, or still so for another reason or rest."""

    obligation_id: str
    account_id: str
    reason: str
    whose: str  # ours, counterparty
    rest_qty: Decimal
    close_of: date | None = None  # the business date at whose close it was found


class SettlementConfirmed(Event, tag="settlement.confirmed"):
    """sese.025: a part or all has settled."""

    obligation_id: str
    account_id: str
    confirmation_id: str
    qty: Decimal
    amount: Decimal
    value_date: date  # the effective settlement date
    rest_qty: Decimal
    partial: Partial = Partial.WHOLE
    excess_qty: Decimal = Decimal(0)  # confirmed beyond what was instructed: a case
    after_cancel: bool = False  # confirmed after its cancellation: it has settled, a case


class SettlementCancelRequested(Event, tag="settlement.cancel_requested"):
    obligation_id: str
    account_id: str
    reason: str = ""
    bilateral: bool = False  # it is matched: the other side must cancel too


class SettlementCancelled(Event, tag="settlement.cancelled"):
    """sese.027: the rest will not settle."""

    obligation_id: str
    account_id: str
    rest_qty: Decimal
    reason: str = ""


class SettlementCancelDenied(Event, tag="settlement.cancel_denied"):
    obligation_id: str
    account_id: str
    reason: str = ""
