"""Manual entries against the house's error account, with a second person (domain.md rule 21)."""

from decimal import Decimal
from typing import ClassVar

from msgspec.structs import replace

from domain.account.changes import add_cash, in_debit
from domain.account.refusals import R, bad_amount, blank, first, refuse_closed, two_persons
from domain.account.state import State
from domain.shared.message import (
    Command,
    Decision,
    Event,
    Personal,
    PersonalText,
    Refused,
    Seen,
    refused,
)
from domain.shared.money import money


class PostAdjustment(Command):
    account_id: str
    adjustment_id: str
    currency: str
    amount: Decimal  # signed: + credits the client
    reason: Personal
    evidence: Personal
    requested_by: Personal
    approved_by: Personal


class AdjustmentPosted(Event, tag="adjustment.posted"):
    """A manual cash entry against the house's error account, with a second person."""

    VERSION: ClassVar[int] = 2
    account_id: str
    adjustment_id: str
    currency: str
    amount: Decimal  # signed: + credits the client
    reason: PersonalText
    evidence: PersonalText
    requested_by: PersonalText
    approved_by: PersonalText
    in_debit: bool = False
    client_id: str = ""


def post(command: PostAdjustment, state: State, seen: Seen) -> Decision:
    if wrong := first(
        refuse_closed(state),
        bad_amount(command.amount, command.currency),
        _grounds_fault(command, seen.actor),
    ):
        return wrong
    amount = money(command.amount, command.currency)
    event = AdjustmentPosted(
        account_id=command.account_id,
        adjustment_id=command.adjustment_id,
        currency=command.currency,
        amount=amount,
        reason=command.reason,
        evidence=command.evidence,
        requested_by=command.requested_by,
        approved_by=command.approved_by,
        client_id=state.client_id,
    )
    debit = in_debit(state, posted(state, event), command.currency, on=seen.now.date())
    return (replace(event, in_debit=debit),)


def _grounds_fault(command: PostAdjustment, actor: str) -> Refused | None:
    """Refuse without a reason, evidence, two persons (the actor approves), or an amount."""
    if blank((command.reason,)):
        return refused(R.REASON_MISSING)
    if blank((command.evidence,)):
        return refused(R.EVIDENCE_MISSING)
    if wrong := two_persons(command.requested_by, command.approved_by, actor):
        return wrong
    return refused(R.AMOUNT_ZERO) if command.amount.is_zero() else None


def posted(state: State, event: AdjustmentPosted) -> State:
    return add_cash(state, event.currency, event.amount)
