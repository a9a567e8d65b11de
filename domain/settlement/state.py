"""A settlement instruction: the custodian's statuses side by side, and the one derived from them.

    on_hold (a delivery, until it is released) -released-> the custodian's status
    sent -accepted-> accepted -unmatched-> unmatched -matched-> matched -pending-> pending
    sent -rejected-> rejected* ; matched | pending -close of the settlement date-> failing
    any open -025 with a rest-> part_settled -> pending | failing for the rest
    any open -025, rest 0-> settled*
    any open -020-> cancel_requested -027 done-> cancelled* ; -027 denied-> back
    cancel_requested | cancelled | rejected -025-> settled: a confirmation overrides them

Source: domain rule 10; ISO 20022 sese.023, .024, .025, .020, .027.
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from domain.settlement.events import Advice, StatusKind
from domain.shared.fix import Side
from domain.shared.money import ZERO


class InstructionStatus(StrEnum):
    NONE = ""
    ON_HOLD = "on_hold"
    SENT = "sent"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNMATCHED = "unmatched"
    MATCHED = "matched"
    PENDING = "pending"
    FAILING = "failing"
    PART_SETTLED = "part_settled"
    SETTLED = "settled"
    CANCEL_REQUESTED = "cancel_requested"
    CANCELLED = "cancelled"


ENDED = frozenset(
    {InstructionStatus.SETTLED, InstructionStatus.CANCELLED, InstructionStatus.REJECTED}
)


class Settlement(Struct, frozen=True, kw_only=True, gc=False):
    account_id: str = ""  # "" before the instruction
    isin: str = ""
    side: Side = Side.BUY
    currency: str = ""
    settl_date: date | None = None
    qty: Decimal = ZERO
    amount: Decimal = ZERO
    settled_qty: Decimal = ZERO
    settled_amount: Decimal = ZERO
    statuses: dict[str, str] = {}  # StatusKind -> the last status advised
    reasons: dict[str, str] = {}  # StatusKind -> its reason
    failing: bool = False
    whose: str = ""  # whose fault it is, while failing
    failing_reason: str = ""
    cancel_requested: bool = False
    cancelled: bool = False
    on_hold: bool = False
    confirmation_ids: tuple[str, ...] = ()

    @property
    def rest_qty(self) -> Decimal:
        """What is still to settle; never negative."""
        return max(self.qty - self.settled_qty, ZERO)

    @property
    def status(self) -> InstructionStatus:
        return derived(self)

    @property
    def is_open(self) -> bool:
        return bool(self.account_id) and derived(self) not in ENDED


INITIAL = Settlement()


def derived(state: Settlement) -> InstructionStatus:
    """The one status to show, derived from all the other fields."""
    advised = state.statuses.get
    matching = advised(StatusKind.MATCHING) or advised(StatusKind.INFERRED_MATCHING)
    settling = advised(StatusKind.SETTLEMENT)
    known = (
        (not state.account_id, InstructionStatus.NONE),
        (state.settled_qty >= state.qty, InstructionStatus.SETTLED),
        (state.cancelled, InstructionStatus.CANCELLED),
        (advised(StatusKind.PROCESSING) == Advice.REJECTED, InstructionStatus.REJECTED),
        (state.cancel_requested, InstructionStatus.CANCEL_REQUESTED),
        (state.failing or settling == Advice.FAILING, InstructionStatus.FAILING),
        (state.on_hold, InstructionStatus.ON_HOLD),
        (settling == Advice.PENDING, InstructionStatus.PENDING),
        (state.settled_qty > 0, InstructionStatus.PART_SETTLED),
        (matching == Advice.MATCHED, InstructionStatus.MATCHED),
        (matching == Advice.UNMATCHED, InstructionStatus.UNMATCHED),
        (advised(StatusKind.PROCESSING) == Advice.ACCEPTED, InstructionStatus.ACCEPTED),
    )
    return next((status for holds, status in known if holds), InstructionStatus.SENT)
