"""Decides a settlement instruction's commands.

A status or a confirmation is recorded in any state; the rest needs an open instruction.
"""

from decimal import Decimal

from domain.settlement.commands import (
    CancelSettlement,
    InstructSettlement,
    MarkFailing,
    RecordSettlementCancel,
    RecordSettlementConfirmation,
    RecordSettlementStatus,
    ReleaseSettlement,
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
from domain.settlement.refusals import SettlementRefusal as R
from domain.settlement.state import Settlement
from domain.shared.dates import bad_date
from domain.shared.market_time import latest_today
from domain.shared.message import Decision, Refused, Seen, refused
from domain.shared.money import QTY_DECIMALS, ZERO, is_exact, is_money, money, plain


def instruct(command: InstructSettlement, state: Settlement, seen: Seen) -> Decision:
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


def release(command: ReleaseSettlement, state: Settlement, seen: Seen) -> Decision:
    """Release only what the account's own stock covers: no client delivers another's stock."""
    if not state.on_hold or not state.is_open:
        return ()
    account = seen.streams[f"account-{command.account_id}"]
    if not account.covers(command.obligation_id):
        settled = account.settled_qty(state.isin)
        return refused(R.SETTLEMENT_NOT_COVERED, settled=settled, needed=state.rest_qty)
    ids = {"obligation_id": command.obligation_id, "account_id": state.account_id}
    return (SettlementReleased(**ids),)


def advise(command: RecordSettlementStatus, state: Settlement, seen: Seen) -> Decision:
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


def confirm(command: RecordSettlementConfirmation, state: Settlement, seen: Seen) -> Decision:
    """Record each confirmation once, in any state: it overrides a cancellation or rejection."""
    if wrong := bad_date("value_date", command.value_date, latest_today(seen.now)):
        return wrong
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
    unusable = R.SETTLEMENT_UNUSABLE
    return refused(unusable, qty=qty, amount=amount, currency=currency)


def _partial(state: Settlement, leaves_rest: bool) -> Partial:
    if leaves_rest:
        return Partial.PAIN
    return Partial.PARC if state.settled_qty > 0 else Partial.WHOLE


def mark_failing(command: MarkFailing, state: Settlement, seen: Seen) -> Decision:
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


def cancel(command: CancelSettlement, state: Settlement, seen: Seen) -> Decision:
    """Ask the custodian, once, to cancel an open instruction."""
    if not state.is_open or state.cancel_requested:
        return ()
    return (
        SettlementCancelRequested(
            obligation_id=command.obligation_id,
            account_id=state.account_id,
            reason=command.reason,
            bilateral=Advice.MATCHED in state.statuses.values(),
        ),
    )


def record_cancel(command: RecordSettlementCancel, state: Settlement, seen: Seen) -> Decision:
    """Record the custodian's answer; a denial counts only if a cancel was requested."""
    if not state.is_open:
        return ()
    ids = {"obligation_id": command.obligation_id, "account_id": state.account_id}
    if command.accepted:
        rest = plain(state.rest_qty)
        return (SettlementCancelled(**ids, rest_qty=rest, reason=command.reason),)
    if not state.cancel_requested:
        return ()
    return (SettlementCancelDenied(**ids, reason=command.reason),)
