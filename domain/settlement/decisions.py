"""Decides a settlement instruction's commands."""

from decimal import Decimal
from typing import assert_never

from domain.settlement.commands import (
    CancelSettlement,
    InstructSettlement,
    MarkFailing,
    RecordSettlementCancel,
    RecordSettlementConfirmation,
    RecordSettlementStatus,
    ReleaseSettlement,
    SettlementCommand,
)
from domain.settlement.events import (
    Advice,
    Partial,
    SettlementCancelDenied,
    SettlementCancelled,
    SettlementCancelRequested,
    SettlementConfirmed,
    SettlementFailing,
    SettlementInstructed,
    SettlementReleased,
    SettlementStatusAdvised,
)
from domain.settlement.state import ZERO, Settlement
from domain.shared.dates import bad_date
from domain.shared.market_time import latest_today
from domain.shared.message import Decision, Refusal, Refused, Seen, refused
from domain.shared.money import QTY_DECIMALS, is_exact, is_money, money, plain


class SettlementRefusal(Refusal):
    SETTLEMENT_NOT_COVERED = "settlement_not_covered"
    SETTLEMENT_UNKNOWN = "settlement_unknown"
    SETTLEMENT_UNUSABLE = "settlement_unusable"


def decide(  # noqa: PLR0911 - a table of commands
    command: SettlementCommand, state: Settlement, seen: Seen
) -> Decision:
    """Record a status or a confirmation in any state; the rest needs an open instruction."""
    if isinstance(command, InstructSettlement):
        return _instruct(command, state)
    if not state.account_id:
        unknown = SettlementRefusal.SETTLEMENT_UNKNOWN
        return refused(unknown, obligation_id=command.obligation_id)
    match command:
        case ReleaseSettlement():
            return _release(command, state, seen)
        case RecordSettlementStatus():
            return _advise(command, state)
        case RecordSettlementConfirmation():
            wrong = bad_date("value_date", command.value_date, latest_today(seen.now))
            return wrong or _confirm(command, state)
        case MarkFailing():
            return _fail(command, state)
        case CancelSettlement() | RecordSettlementCancel():
            return _cancel(command, state)
        case _:
            assert_never(command)


def _instruct(command: InstructSettlement, state: Settlement) -> Decision:
    """Instruct once per obligation; a second instruction changes nothing."""
    if state.account_id:
        return ()
    fault = _fault(command.qty, command.amount, command.currency)
    if fault is not None:
        return fault
    return (
        SettlementInstructed(
            obligation_id=command.obligation_id,
            account_id=command.account_id,
            isin=command.isin,
            side=command.side,
            qty=plain(command.qty),
            amount=money(command.amount, command.currency),
            currency=command.currency,
            trade_date=command.trade_date,
            settl_date=command.settl_date,
            country=command.country,
            instrument_id=command.instrument_id,
            free=command.free,
            replaces=command.replaces,
            on_hold=command.hold,
        ),
    )


def _release(command: ReleaseSettlement, state: Settlement, seen: Seen) -> Decision:
    """Release only what the account's own stock covers: no client delivers another's stock."""
    if not state.on_hold or not state.is_open:
        return ()
    account = seen.streams[f"account-{command.account_id}"]
    if not account.covers(command.obligation_id):
        settled = account.settled_qty(state.isin)
        return refused(
            SettlementRefusal.SETTLEMENT_NOT_COVERED, settled=settled, needed=state.rest_qty
        )
    ids = {"obligation_id": command.obligation_id, "account_id": state.account_id}
    return (SettlementReleased(**ids),)


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
    """Record each confirmation once, in any state: settlement wins."""
    if command.confirmation_id in state.confirmation_ids:
        return ()
    qty, amount = command.qty, command.amount
    fault = _fault(qty, amount, state.currency)
    if fault is not None:
        return fault
    rest = max(state.rest_qty - qty, ZERO)
    return (
        SettlementConfirmed(
            obligation_id=command.obligation_id,
            account_id=state.account_id,
            confirmation_id=command.confirmation_id,
            qty=plain(qty),
            amount=money(amount, state.currency),
            value_date=command.value_date,
            rest_qty=plain(rest),
            partial=_partial(state, rest > ZERO),
            excess_qty=plain(max(qty - state.rest_qty, ZERO)),
            after_cancel=state.cancelled,
        ),
    )


def _fault(qty: Decimal, amount: Decimal, currency: str) -> Refused | None:
    """Refuse figures that no settlement can have; the gateway then parks the message."""
    if is_exact(qty, QTY_DECIMALS) and qty > 0 and is_money(amount, currency) and amount >= 0:
        return None
    unusable = SettlementRefusal.SETTLEMENT_UNUSABLE
    return refused(unusable, qty=qty, amount=amount, currency=currency)


def _partial(state: Settlement, leaves_rest: bool) -> Partial:
    if leaves_rest:
        return Partial.PAIN
    return Partial.PARC if state.settled_qty > 0 else Partial.WHOLE


def _fail(command: MarkFailing, state: Settlement) -> Decision:
    """Mark only an open, due instruction; the same reason and fault again changes nothing."""
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
