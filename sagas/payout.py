"""Payout: send a withdrawal that the account holds the money for, and watch until the bank answers.

    requested -> sending -sent-> sent -completed-> completed* -returned-> returned*
        |                         |`-rejected-> rejected* (money back)
        `-cancelled-> cancelled*   `-5 days of silence-> overdue (a case) -> completed* | rejected*

The bank's answers reach the account through its gateway. A payment is never sent again under a
new id: what the bank does not answer becomes a case, the deadline `unanswered` on the saga's
stream. A refused sending (the withdrawal was cancelled first) needs no compensation: nothing left.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from domain.account.commands import SendWithdrawal
from domain.account.events import (
    WithdrawalCancelled,
    WithdrawalCompleted,
    WithdrawalRejected,
    WithdrawalRequested,
    WithdrawalReturned,
    WithdrawalSent,
)
from domain.envelope import Envelope
from domain.message import Command
from domain.saga import CommandRefused, DeadlinePassed
from sagas.ports import Deadline, correlation

NAME, VERSION = "payout", 1
ANSWER_WITHIN = timedelta(days=5)  # a weekend with a holiday beside it
COMMANDS: tuple[type[Command], ...] = (SendWithdrawal,)


class Step(StrEnum):
    NONE = ""
    SENDING = "sending"
    SENT = "sent"
    OVERDUE = "overdue"
    COMPLETED = "completed"
    REJECTED = "rejected"
    RETURNED = "returned"
    CANCELLED = "cancelled"
    REFUSED = "refused"


class Payout(Struct, frozen=True):
    step: Step = Step.NONE
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
        case WithdrawalRequested():
            return Payout(Step.SENDING)
        case WithdrawalSent():
            return Payout(Step.SENT, arrived.effective_at)
        case DeadlinePassed() if state.step == Step.SENT:
            return Payout(Step.OVERDUE, state.sent_at)
        case CommandRefused() if state.step == Step.SENDING:
            return Payout(Step.REFUSED)
        case event:
            end = _ENDS.get(type(event))
            return Payout(end, state.sent_at) if end else state


def react(state: Payout, arrived: Envelope) -> tuple[Command, ...]:
    match arrived.event:
        case WithdrawalRequested(account_id=account_id, payment_id=payment_id):
            return (SendWithdrawal(account_id=account_id, payment_id=payment_id),)
        case _:
            return ()


def due(state: Payout) -> Deadline | None:
    if state.step != Step.SENT or state.sent_at is None:
        return None
    return Deadline(state.sent_at + ANSWER_WITHIN, "unanswered")


def ended(state: Payout) -> bool:
    return state.step not in (Step.NONE, Step.SENDING, Step.SENT, Step.OVERDUE)
