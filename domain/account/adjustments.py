"""Manual entries against the house's error account, with a second person (domain.md rule 21)."""

from msgspec.structs import replace

from domain.account.changes import add_cash, in_debit
from domain.account.commands import PostAdjustment
from domain.account.events import AdjustmentPosted
from domain.account.refusals import R, bad_amount, blank, first, gone, two_persons
from domain.account.state import State
from domain.shared.message import Decision, Refused, Seen, refused
from domain.shared.money import money


def post(command: PostAdjustment, state: State, seen: Seen) -> Decision:
    if wrong := first(
        gone(state), bad_amount(command.amount, command.currency), _grounds(command, seen.actor)
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


def _grounds(command: PostAdjustment, actor: str) -> Refused | None:
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
