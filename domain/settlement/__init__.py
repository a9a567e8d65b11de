"""Settlement: one instruction to the custodian, followed until it has settled or ended.

A report is never refused: repeated it is dropped by its id, surprising it is recorded and
flagged. A report about an instruction that does not exist is refused as `settlement_unknown`
and the gateway parks it where operations see it. Source: domain rules 8 to 10.
"""

from typing import assert_never

from msgspec.structs import replace

from domain.message import Decision, Refusal, Seen, refused
from domain.money import plain, round_money
from domain.settlement.commands import (
    CancelSettlement,
    InstructSettlement,
    MarkFailing,
    RecordSettlementCancel,
    RecordSettlementConfirmation,
    RecordSettlementStatus,
    SettlementCommand,
)
from domain.settlement.events import (
    Advice,
    Partial,
    SettlementCancelDenied,
    SettlementCancelled,
    SettlementCancelRequested,
    SettlementConfirmed,
    SettlementEvent,
    SettlementFailing,
    SettlementInstructed,
    SettlementStatusAdvised,
    StatusKind,
)
from domain.settlement.state import INITIAL, ZERO, Settlement, Status, derived

__all__ = [
    "CATEGORY",
    "COMMANDS",
    "EVENTS",
    "INITIAL",
    "Advice",
    "CancelSettlement",
    "InstructSettlement",
    "MarkFailing",
    "Partial",
    "RecordSettlementCancel",
    "RecordSettlementConfirmation",
    "RecordSettlementStatus",
    "Settlement",
    "SettlementCancelDenied",
    "SettlementCancelRequested",
    "SettlementCancelled",
    "SettlementConfirmed",
    "SettlementFailing",
    "SettlementInstructed",
    "SettlementRefusal",
    "SettlementStatusAdvised",
    "Status",
    "StatusKind",
    "decide",
    "derived",
    "evolve",
    "home",
    "key",
    "reads",
]


class SettlementRefusal(Refusal):
    SETTLEMENT_UNKNOWN = "settlement_unknown"
    CONFIRMATION_UNUSABLE = "confirmation_unusable"


CATEGORY = "settlement"
COMMANDS = (
    InstructSettlement,
    RecordSettlementStatus,
    RecordSettlementConfirmation,
    MarkFailing,
    CancelSettlement,
    RecordSettlementCancel,
)
EVENTS = (
    SettlementInstructed,
    SettlementStatusAdvised,
    SettlementFailing,
    SettlementConfirmed,
    SettlementCancelRequested,
    SettlementCancelled,
    SettlementCancelDenied,
)


def key(command: SettlementCommand) -> str:
    return command.obligation_id


def reads(command: SettlementCommand) -> tuple[str, ...]:
    return ()


def decide(command: SettlementCommand, state: Settlement, seen: Seen) -> Decision:
    if isinstance(command, InstructSettlement):
        return _instruct(command, state)
    if not state.account_id:
        unknown = SettlementRefusal.SETTLEMENT_UNKNOWN
        return refused(unknown, obligation_id=command.obligation_id)
    match command:
        case RecordSettlementStatus():
            return _advise(command, state)
        case RecordSettlementConfirmation():
            return _confirm(command, state)
        case MarkFailing():
            return _fail(command, state)
        case CancelSettlement() | RecordSettlementCancel():
            return _cancel(command, state)
        case _:
            assert_never(command)


def evolve(state: Settlement, event: SettlementEvent) -> Settlement:
    match event:
        case SettlementInstructed():
            return Settlement(
                account_id=event.account_id,
                isin=event.isin,
                side=event.side,
                currency=event.currency,
                settl_date=event.settl_date,
                qty=event.qty,
                amount=event.amount,
            )
        case SettlementStatusAdvised(status_kind=kind, status=status, reason=reason):
            return replace(
                state,
                statuses={**state.statuses, kind: status},
                reasons={**state.reasons, kind: reason},
            )
        case SettlementFailing(reason=reason, whose=whose):
            return replace(state, failing=True, failing_reason=reason, whose=whose)
        case SettlementConfirmed():
            return _settled(state, event)
        case SettlementCancelRequested():
            return replace(state, cancel_requested=True)
        case SettlementCancelled():
            return replace(state, cancelled=True, cancel_requested=False)
        case SettlementCancelDenied():
            return replace(state, cancel_requested=False)
        case _:
            assert_never(event)


def home(state: Settlement, stream: str) -> str:
    return state.account_id or stream


def _settled(state: Settlement, event: SettlementConfirmed) -> Settlement:
    """The rest starts afresh: what was pending or failing before says nothing about it yet."""
    kept = {k: v for k, v in state.statuses.items() if k != StatusKind.SETTLEMENT}
    return replace(
        state,
        settled_qty=state.settled_qty + event.qty,
        settled_amount=state.settled_amount + event.amount,
        statuses=kept,
        reasons={k: v for k, v in state.reasons.items() if k in kept},
        failing=False,
        failing_reason="",
        whose="",
        cancel_requested=state.cancel_requested and event.rest_qty > 0,
        confirmation_ids=(*state.confirmation_ids, event.confirmation_id),
    )


def _instruct(command: InstructSettlement, state: Settlement) -> Decision:
    """Once per obligation; the same again changes nothing."""
    if state.account_id:
        return ()
    return (
        SettlementInstructed(
            obligation_id=command.obligation_id,
            account_id=command.account_id,
            isin=command.isin,
            side=command.side,
            qty=plain(command.qty),
            amount=command.amount,
            currency=command.currency,
            trade_date=command.trade_date,
            settl_date=command.settl_date,
            country=command.country,
            instrument_id=command.instrument_id,
            free=command.free,
            replaces=command.replaces,
        ),
    )


def _advise(command: RecordSettlementStatus, state: Settlement) -> Decision:
    kind = command.status_kind
    known = (state.statuses.get(kind, ""), state.reasons.get(kind, ""))
    if known == (command.status, command.reason):
        return ()
    return (
        SettlementStatusAdvised(
            obligation_id=command.obligation_id,
            account_id=state.account_id,
            status_kind=kind,
            status=command.status,
            reason=command.reason,
        ),
    )


def _confirm(command: RecordSettlementConfirmation, state: Settlement) -> Decision:
    """Settlement wins: recorded whatever we believed, once per confirmation."""
    if command.confirmation_id in state.confirmation_ids:
        return ()
    qty, amount = command.qty, command.amount
    if not (qty.is_finite() and qty > 0 and amount.is_finite() and amount >= 0):
        unusable = SettlementRefusal.CONFIRMATION_UNUSABLE
        return refused(unusable, qty=qty, amount=amount)
    rest = max(state.rest_qty - qty, ZERO)
    return (
        SettlementConfirmed(
            obligation_id=command.obligation_id,
            account_id=state.account_id,
            confirmation_id=command.confirmation_id,
            qty=plain(qty),
            amount=round_money(amount, state.currency),
            value_date=command.value_date,
            rest_qty=plain(rest),
            partial=_partial(state, rest > ZERO),
            excess_qty=plain(max(qty - state.rest_qty, ZERO)),
            after_cancel=state.cancelled,
        ),
    )


def _partial(state: Settlement, leaves_rest: bool) -> Partial:
    if leaves_rest:
        return Partial.PAIN
    return Partial.PARC if state.settled_qty > 0 else Partial.WHOLE


def _fail(command: MarkFailing, state: Settlement) -> Decision:
    """Only what is open and due fails; the same failing again changes nothing: it ages."""
    early = command.close_of and state.settl_date and command.close_of < state.settl_date
    known = state.failing and (state.failing_reason, state.whose) == (
        command.reason,
        command.whose,
    )
    if not state.is_open or early or known:
        return ()
    return (
        SettlementFailing(
            obligation_id=command.obligation_id,
            account_id=state.account_id,
            reason=command.reason,
            whose=command.whose,
            rest_qty=plain(state.rest_qty),
            close_of=command.close_of,
        ),
    )


def _cancel(command: CancelSettlement | RecordSettlementCancel, state: Settlement) -> Decision:
    if not state.is_open:
        return ()
    ids = {"obligation_id": command.obligation_id, "account_id": state.account_id}
    match command:
        case CancelSettlement(reason=reason):
            if state.cancel_requested:
                return ()
            matched = Advice.MATCHED in state.statuses.values()
            return (SettlementCancelRequested(**ids, reason=reason, bilateral=matched),)
        case RecordSettlementCancel(accepted=True, reason=reason):
            rest = plain(state.rest_qty)
            return (SettlementCancelled(**ids, rest_qty=rest, reason=reason),)
        case RecordSettlementCancel(reason=reason):
            if not state.cancel_requested:
                return ()
            return (SettlementCancelDenied(**ids, reason=reason),)
        case _:
            assert_never(command)
