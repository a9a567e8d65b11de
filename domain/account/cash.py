"""Money in: receipts that the bank booked, and those that it took back.

A receipt is deduplicated by its command's idempotency key (the feed uses the bank's entry
reference). The bank's reference is sealed in the event. The state keeps only its digest, and only
while the receipt is uncollected, because a list of old references would grow for ever. Digests
from old events, which hold references in clear, are all kept: their number grows no more.
"""

from datetime import date
from decimal import Decimal
from typing import ClassVar

from msgspec.structs import replace

from domain.account.changes import add_cash, in_debit
from domain.account.refusals import bad_money, first, refuse_closed
from domain.account.state import Deposit, State
from domain.shared.digests import digest, is_plain, plain_digest, reference_form
from domain.shared.message import Command, Decision, Event, Personal, PersonalText, Seen
from domain.shared.money import money


class DepositCash(Command):
    """A receipt that the bank booked. Without `available_on` the money is available at once."""

    STATES_TIME: ClassVar[bool] = True
    MAY_LIE_AHEAD: ClassVar[tuple[str, ...]] = ("available_on",)

    account_id: str
    amount: Decimal
    currency: str
    reference: Personal
    available_on: date | None = None


class ReturnDeposit(Command):
    """The bank took a receipt back. Recorded even if the cash falls below zero."""

    STATES_TIME: ClassVar[bool] = True

    account_id: str
    amount: Decimal
    currency: str
    reference: Personal
    reason: Personal = ""


class CashDeposited(Event, tag="cash.deposited"):
    """J1: a booked receipt (camt BOOK), identified. Uncollected until `available_on`."""

    VERSION: ClassVar[int] = 2
    account_id: str
    amount: Decimal
    currency: str
    reference: PersonalText
    value_date: date
    available_on: date | None = None
    client_id: str = ""
    reference_hmac: str = ""  # `domain.shared.digests` of its normal form, scoped to the client


class DepositReturned(Event, tag="cash.deposit_returned"):
    """J1 undone: the bank took the receipt back (return, recall)."""

    VERSION: ClassVar[int] = 2
    account_id: str
    amount: Decimal
    currency: str
    reference: PersonalText
    value_date: date
    reason: PersonalText = ""
    in_debit: bool = False
    account_closed: bool = False  # booked after the account was closed: opens a case
    client_id: str = ""
    reference_hmac: str = ""  # the same as on the receipt


def deposit(command: DepositCash, state: State, seen: Seen) -> Decision:
    """Book a receipt unless the account is closed. A blocked account receives but cannot spend."""
    if wrong := first(refuse_closed(state), bad_money(command.amount, command.currency)):
        return wrong
    value_date = seen.effective_at.date()
    later = command.available_on is not None and command.available_on > value_date
    return (
        CashDeposited(
            account_id=command.account_id,
            amount=money(command.amount, command.currency),
            currency=command.currency,
            reference=command.reference,
            value_date=value_date,
            available_on=command.available_on if later else None,
            client_id=state.client_id,
            reference_hmac=reference_hmac(command.reference, state, seen),
        ),
    )


def return_deposit(command: ReturnDeposit, state: State, seen: Seen) -> Decision:
    """A report: recorded even if the cash falls below zero."""
    if wrong := bad_money(command.amount, command.currency):
        return wrong
    amount = money(command.amount, command.currency)
    event = DepositReturned(
        account_id=command.account_id,
        amount=amount,
        currency=command.currency,
        reference=command.reference,
        value_date=seen.effective_at.date(),
        reason=command.reason,
        client_id=state.client_id,
        reference_hmac=reference_hmac(command.reference, state, seen),
    )
    debit = in_debit(state, returned(state, event), command.currency, on=seen.now.date())
    return (replace(event, in_debit=debit),)


def reference_hmac(reference: str, state: State, seen: Seen) -> str:
    """The digest that the new event stores, to compare a command's reference with others.

    A receipt that was stored before texts were sealed has a digest without key. A command with the
    same reference takes over that digest, so that the two compare as equal.
    """
    form = reference_form(reference)
    if state.clear_references:
        before = plain_digest(form, scope=state.account_id)
        if before in state.clear_references:
            return before
    return digest(form, seen.digest_key, scope=state.client_id)


def deposited(state: State, event: CashDeposited) -> State:
    """Drop collected deposits by the new one's value date, because a fold does not know today."""
    if is_plain(event.reference_hmac) and event.reference_hmac not in state.clear_references:
        known = (*state.clear_references, event.reference_hmac)
        state = replace(state, clear_references=known)
    if event.available_on is None and not state.uncollected_deposits:
        return add_cash(state, event.currency, event.amount)
    kept = tuple(d for d in state.uncollected_deposits if d.available_on > event.value_date)
    if event.available_on is not None:
        kept += (
            Deposit(
                amount=event.amount,
                currency=event.currency,
                reference_hmac=event.reference_hmac,
                available_on=event.available_on,
            ),
        )
    return replace(add_cash(state, event.currency, event.amount), uncollected_deposits=kept)


def returned(state: State, event: DepositReturned) -> State:
    """Take the returned amount out of the uncollected deposits."""
    rest, kept = event.amount, list[Deposit]()
    for d in state.uncollected_deposits:
        same = (d.reference_hmac, d.currency) == (event.reference_hmac, event.currency)
        part = min(rest, d.amount) if same else rest * 0
        rest -= part
        if d.amount > part:
            kept.append(replace(d, amount=d.amount - part))
    state = add_cash(state, event.currency, -event.amount)
    return replace(state, uncollected_deposits=tuple(kept))
