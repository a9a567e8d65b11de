"""Withdrawals: requested (held), sent (in flight), completed. A reject or return brings money back.

    requested -Send-> sent -Complete-> *
        `-Cancel-> *      `-Reject-> *        a return may follow completion, any time later

A bank report may arrive before we marked the payment as sent: the account then books the sending
first. A report about a payment that is not open is refused, and the saga parks it. A return is
booked in any case.
"""

from datetime import date
from decimal import Decimal
from typing import ClassVar

from msgspec.structs import replace

from domain.account.cash import reference_hmac
from domain.account.changes import add_cash, with_item
from domain.account.refusals import (
    R,
    bad_money,
    first,
    in_base_currency,
    lacking,
    powerless,
    refuse_unless,
)
from domain.account.state import BLOCKED, CLOSING, CLOSING_ONLY, DORMANT, OPEN, State, Withdrawal
from domain.shared.ids import child_id
from domain.shared.message import (
    Command,
    Decision,
    Event,
    Internal,
    Personal,
    PersonalText,
    Refused,
    Seen,
    refused,
)
from domain.shared.money import money


class WithdrawCash(Command):
    account_id: str
    amount: Decimal
    currency: str
    reference: Personal
    payee: Personal | None = None


class CancelWithdrawal(Command):
    account_id: str
    payment_id: str
    reason: Personal = "client"


class SendWithdrawal(Internal):
    """Refused while the account is blocked."""

    account_id: str
    payment_id: str


class CompleteWithdrawal(Internal):
    account_id: str
    payment_id: str


class RejectWithdrawal(Internal):
    account_id: str
    payment_id: str
    reason: Personal


class ReturnWithdrawal(Internal):
    account_id: str
    payment_id: str
    amount: Decimal
    currency: str
    reason: Personal


class WithdrawalRequested(Event, tag="cash.withdrawal_requested"):
    """J2: hold the amount. `payment_id` keys C.PAYOUT and the hold."""

    VERSION: ClassVar[int] = 2
    NEEDS: ClassVar[tuple[str, ...]] = ("payee",)
    account_id: str
    client_id: str
    payment_id: str
    amount: Decimal
    currency: str
    reference: PersonalText
    payee: PersonalText | None = None
    reference_hmac: str = ""


class WithdrawalSent(Event, tag="cash.withdrawal_sent"):
    """J2: the hold ends and the payment is in flight (pain.001 was sent)."""

    account_id: str
    payment_id: str
    amount: Decimal
    currency: str


class WithdrawalCompleted(Event, tag="cash.withdrawal_completed"):
    """J2: debited by the bank (camt BOOK)."""

    account_id: str
    payment_id: str
    amount: Decimal
    currency: str
    value_date: date


class WithdrawalRejected(Event, tag="cash.withdrawal_rejected"):
    """J2*: the bank rejected a payment in flight (pain.002 RJCT): the client gets it back."""

    VERSION: ClassVar[int] = 2
    account_id: str
    payment_id: str
    amount: Decimal
    currency: str
    reason: PersonalText  # the bank's text
    client_id: str = ""


class WithdrawalReturned(Event, tag="cash.withdrawal_returned"):
    """J2*: money came back after the debit."""

    VERSION: ClassVar[int] = 2
    account_id: str
    payment_id: str
    amount: Decimal
    currency: str
    value_date: date
    reason: PersonalText  # the bank's text
    account_closed: bool = False  # booked after the account was closed: opens a case
    client_id: str = ""


class WithdrawalCancelled(Event, tag="cash.withdrawal_cancelled"):
    """J2*: cancelled before it was sent, so the hold ends."""

    VERSION: ClassVar[int] = 2
    account_id: str
    payment_id: str
    amount: Decimal
    currency: str
    reason: PersonalText
    client_id: str = ""


def payment_id(account_id: str, number: int) -> str:
    """The id of an account's n-th payment: the same on each replay, at most 64 characters."""
    return child_id(account_id, f".W{number}", digest_chars=40, head=False)


def withdraw(command: WithdrawCash, state: State, seen: Seen) -> Decision:
    if wrong := first(
        refuse_unless(state, OPEN, CLOSING_ONLY, DORMANT, CLOSING),
        bad_money(command.amount, command.currency),
        powerless(
            state, seen, "withdraw", in_base_currency(state, command.amount, command.currency)
        ),
    ):
        return wrong
    free = state.available_to_withdraw(command.currency, seen.now.date())
    if wrong := lacking(command.amount, free, command.currency):
        return wrong
    return (
        WithdrawalRequested(
            account_id=command.account_id,
            client_id=state.client_id,
            payment_id=payment_id(command.account_id, state.payments + 1),
            amount=money(command.amount, command.currency),
            currency=command.currency,
            reference=command.reference,
            payee=command.payee,
            reference_hmac=reference_hmac(command.reference, state, seen),
        ),
    )


def cancel(command: CancelWithdrawal, state: State, seen: Seen) -> Decision:
    payment = state.withdrawals.get(command.payment_id)
    if payment is None:
        return _unknown(command.payment_id)
    if payment.sent:
        return refused(R.WITHDRAWAL_SENT, payment_id=command.payment_id)
    return (
        WithdrawalCancelled(
            account_id=command.account_id,
            payment_id=command.payment_id,
            amount=payment.amount,
            currency=payment.currency,
            reason=command.reason,
            client_id=state.client_id,
        ),
    )


def send(command: SendWithdrawal, state: State, seen: Seen) -> Decision:
    payment = state.withdrawals.get(command.payment_id)
    if payment is None:
        return _unknown(command.payment_id)
    if state.status == BLOCKED:  # blocked after the request: payouts stop
        return refused(R.ACCOUNT_NOT_OPEN, status=state.status)
    return _sending(command.account_id, command.payment_id, payment)


def complete(command: CompleteWithdrawal, state: State, seen: Seen) -> Decision:
    payment = state.withdrawals.get(command.payment_id)
    if payment is None:
        return _unknown(command.payment_id)
    return _completing(command.account_id, command.payment_id, payment, seen=seen)


def reject(command: RejectWithdrawal, state: State, seen: Seen) -> Decision:
    payment = state.withdrawals.get(command.payment_id)
    if payment is None:
        return _unknown(command.payment_id)
    return (
        *_sending(command.account_id, command.payment_id, payment),
        WithdrawalRejected(
            account_id=command.account_id,
            payment_id=command.payment_id,
            amount=payment.amount,
            currency=payment.currency,
            reason=command.reason,
            client_id=state.client_id,
        ),
    )


def give_back(command: ReturnWithdrawal, state: State, seen: Seen) -> Decision:
    """Book money that came back after the debit, and the debit first if it was not reported."""
    if wrong := bad_money(command.amount, command.currency):
        return wrong
    payment = state.withdrawals.get(command.payment_id)
    debit = (
        _completing(command.account_id, command.payment_id, payment, seen=seen) if payment else ()
    )
    return (
        *debit,
        WithdrawalReturned(
            account_id=command.account_id,
            payment_id=command.payment_id,
            amount=money(command.amount, command.currency),
            currency=command.currency,
            value_date=seen.effective_at.date(),
            reason=command.reason,
            client_id=state.client_id,
        ),
    )


def _unknown(payment_id: str) -> Refused:
    return refused(R.WITHDRAWAL_UNKNOWN, payment_id=payment_id)


def _sending(account_id: str, payment_id: str, payment: Withdrawal) -> tuple[WithdrawalSent, ...]:
    if payment.sent:
        return ()
    return (
        WithdrawalSent(
            account_id=account_id,
            payment_id=payment_id,
            amount=payment.amount,
            currency=payment.currency,
        ),
    )


def _completing(
    account_id: str, payment_id: str, payment: Withdrawal, *, seen: Seen
) -> tuple[WithdrawalSent | WithdrawalCompleted, ...]:
    return (
        *_sending(account_id, payment_id, payment),
        WithdrawalCompleted(
            account_id=account_id,
            payment_id=payment_id,
            amount=payment.amount,
            currency=payment.currency,
            value_date=seen.effective_at.date(),
        ),
    )


def requested(state: State, event: WithdrawalRequested) -> State:
    payment = Withdrawal(amount=event.amount, currency=event.currency)
    return replace(
        state,
        withdrawals=with_item(state.withdrawals, event.payment_id, payment),
        payments=state.payments + 1,
    )


def sent(state: State, event: WithdrawalSent) -> State:
    payment = Withdrawal(amount=event.amount, currency=event.currency, sent=True)
    state = add_cash(state, event.currency, -event.amount)
    return replace(state, withdrawals=with_item(state.withdrawals, event.payment_id, payment))


def ended(state: State, event: WithdrawalCompleted | WithdrawalCancelled) -> State:
    return replace(state, withdrawals=with_item(state.withdrawals, event.payment_id, None))


def rejected(state: State, event: WithdrawalRejected) -> State:
    state = add_cash(state, event.currency, event.amount)
    return replace(state, withdrawals=with_item(state.withdrawals, event.payment_id, None))


def returned(state: State, event: WithdrawalReturned) -> State:
    return add_cash(state, event.currency, event.amount)
