"""The bank's channel: withdrawals out as payment instructions, booked entries and rejections in.

    cash.withdrawal_sent -> pain.001
    pain.002 RJCT -> RejectWithdrawal ; camt.054 BOOK debit -> CompleteWithdrawal
    camt.054 BOOK credit of a payment of ours -> ReturnWithdrawal ; any other status informs only

Only a booked entry posts (domain.md rule 12). The payment goes to the account's verified
reference bank account: a payee is personal data and does not pass through here.
"""

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from adapters.counterparties.payments import BankEntry, FromBank, PaymentInstruction, PaymentStatus
from domain.account.withdrawals import (
    CompleteWithdrawal,
    RejectWithdrawal,
    ReturnWithdrawal,
    WithdrawalCompleted,
    WithdrawalRejected,
    WithdrawalReturned,
    WithdrawalSent,
)
from domain.shared.envelope import Envelope
from domain.shared.message import Command
from sagas.engine.ports import Deadline, correlation
from streams.gateways.channels.channel import RESEND_FOR, Meaning, Unknown, conversation


class Paid(Struct, frozen=True, kw_only=True):
    account_id: str = ""
    sent: tuple[PaymentInstruction, ...] = ()
    over: bool = False
    last_at: datetime | None = None
    correlation_id: str = ""


class BankChannel:
    """Implements `Channel`."""

    NAME, VERSION = "bank", 2
    INITIAL = Paid()

    def __init__(self, name: str = NAME) -> None:
        self.NAME = name
        self.correlate = correlation(
            self.NAME,
            dict.fromkeys(
                (WithdrawalSent, WithdrawalCompleted, WithdrawalRejected, WithdrawalReturned),
                "payment_id",
            ),
        )

    def evolve(self, state: Paid, arrived: Envelope) -> Paid:
        at = arrived.meta.recorded_at
        match arrived.event:
            case WithdrawalSent() as e:
                instruction = PaymentInstruction(
                    end_to_end_id=e.payment_id, amount=e.amount, currency=e.currency, sent_at=at
                )
                return Paid(
                    account_id=e.account_id,
                    sent=(instruction,),
                    last_at=at,
                    correlation_id=conversation(arrived),
                )
            case _ if not state.sent:
                return state
            case WithdrawalCompleted() | WithdrawalRejected() | WithdrawalReturned():
                return replace(state, over=True, last_at=at)
            case _:
                return state

    def due(self, state: Paid) -> Deadline | None:
        return Deadline(state.last_at + RESEND_FOR, "forget") if state.last_at else None

    def ended(self, state: Paid) -> bool:
        return state.over

    def sent(self, state: Paid) -> tuple[PaymentInstruction, ...]:
        return state.sent

    def about(self, report: FromBank) -> str:
        return report.end_to_end_id

    def meaning(self, report: FromBank, state: Paid) -> Meaning | None:
        if not state.sent:
            raise Unknown(report.end_to_end_id)
        command, business_id = _command(report, state.account_id)
        if command is None:
            return None
        return Meaning(
            command=command,
            message_id=f"{self.NAME}|{business_id}",
            effective_at=report.at,
            correlation_id=state.correlation_id,
            causation_id=report.source,
        )

    def answer(self, report: FromBank) -> None:
        """No answer goes to the bank: an entry that we cannot place is a case for operations."""
        return


def _command(report: FromBank, account_id: str) -> tuple[Command | None, str]:
    match report:
        case PaymentStatus(status="RJCT", end_to_end_id=payment_id, reason=why):
            rejected = RejectWithdrawal(account_id=account_id, payment_id=payment_id, reason=why)
            return rejected, f"RJCT|{payment_id}"
        case PaymentStatus():
            return None, ""
        case BankEntry(credit=True, entry_ref=ref):
            returned = ReturnWithdrawal(
                account_id=account_id,
                payment_id=report.end_to_end_id,
                amount=report.amount,
                currency=report.currency,
                reason=report.reason,
            )
            return returned, ref
        case BankEntry(end_to_end_id=payment_id, entry_ref=ref):
            return CompleteWithdrawal(account_id=account_id, payment_id=payment_id), ref
