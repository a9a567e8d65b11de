"""Payout: send a withdrawal whose money the account holds, and wait for the bank's answer.

    requested -> sending -sent-> sent -completed-> completed* -returned-> returned*
        | |                       |`-rejected-> rejected* (money back)
        | `-refused-> cancelling   `-5 days of silence-> overdue (a case) -> completed* | rejected*
        `-cancelled-> cancelled*

The bank's answers reach the account through its gateway. A payment is never sent again under a
new id: one that the bank does not answer becomes a case, the deadline `unanswered` on the saga's
stream. The compensation of the hold is CancelWithdrawal, for an account that was blocked between
the request and the sending.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from domain.account.withdrawals import (
    CancelWithdrawal,
    SendWithdrawal,
    WithdrawalCancelled,
    WithdrawalCompleted,
    WithdrawalRejected,
    WithdrawalRequested,
    WithdrawalReturned,
    WithdrawalSent,
)
from domain.saga import CommandRefused, DeadlinePassed
from domain.shared.envelope import Envelope
from domain.shared.message import Command
from sagas.engine.ports import Deadline, correlation

NAME, VERSION = "payout", 1
ANSWER_WITHIN = timedelta(days=5)  # a weekend with a holiday beside it
COMMANDS: tuple[type[Command], ...] = (SendWithdrawal, CancelWithdrawal)


class Step(StrEnum):
    NONE = ""
    SENDING = "sending"
    CANCELLING = "cancelling"
    SENT = "sent"
    OVERDUE = "overdue"
    COMPLETED = "completed"
    REJECTED = "rejected"
    RETURNED = "returned"
    CANCELLED = "cancelled"


class Payout(Struct, frozen=True, kw_only=True):
    step: Step = Step.NONE
    account_id: str = ""
    sent_at: datetime | None = None


INITIAL = Payout()

correlate = correlation(
    NAME,
    dict.fromkeys(
        (
            WithdrawalRequested,
            WithdrawalSent,
            WithdrawalCompleted,
            WithdrawalRejected,
            WithdrawalReturned,
            WithdrawalCancelled,
        ),
        "payment_id",
    ),
)
_ENDS: dict[type, Step] = {
    WithdrawalCompleted: Step.COMPLETED,
    WithdrawalRejected: Step.REJECTED,
    WithdrawalReturned: Step.RETURNED,
    WithdrawalCancelled: Step.CANCELLED,
}


def evolve(state: Payout, arrived: Envelope) -> Payout:
    match arrived.event:
        case WithdrawalRequested(account_id=account_id):
            return Payout(step=Step.SENDING, account_id=account_id)
        case WithdrawalSent():
            return replace(state, step=Step.SENT, sent_at=arrived.meta.recorded_at)
        case DeadlinePassed() if state.step == Step.SENT:
            return replace(state, step=Step.OVERDUE)
        case CommandRefused(command="SendWithdrawal") if state.step == Step.SENDING:
            return replace(state, step=Step.CANCELLING)
        case event:
            return replace(state, step=_ENDS.get(type(event), state.step))


def react(state: Payout, arrived: Envelope) -> tuple[Command, ...]:
    match arrived.event:
        case WithdrawalRequested(account_id=account_id, payment_id=payment_id):
            return (SendWithdrawal(account_id=account_id, payment_id=payment_id),)
        case CommandRefused(command="SendWithdrawal", saga_id=payment_id, refusal=why):
            if state.step != Step.SENDING:
                return ()
            account_id = state.account_id
            return (CancelWithdrawal(account_id=account_id, payment_id=payment_id, reason=why),)
        case _:
            return ()


def due(state: Payout) -> Deadline | None:
    if state.step != Step.SENT or state.sent_at is None:
        return None
    return Deadline(state.sent_at + ANSWER_WITHIN, "unanswered")


def ended(state: Payout) -> bool:
    return state.step in _ENDS.values()
