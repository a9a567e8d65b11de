"""Applies a settlement's events without judging them: every event in the stream has happened."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from domain.settlement import events as e
from domain.settlement.events import StatusKind
from domain.settlement.state import Settlement
from domain.shared.message import Event


def evolve(state: Settlement, event: Event) -> Settlement:
    return _EVOLVE[type(event)](state, event)


def _instructed(state: Settlement, event: e.SettlementInstructed) -> Settlement:
    return Settlement(
        account_id=event.account_id,
        isin=event.isin,
        side=event.side,
        currency=event.currency,
        settl_date=event.settl_date,
        qty=event.qty,
        amount=event.amount,
        on_hold=event.on_hold,
    )


def _released(state: Settlement, event: e.SettlementReleased) -> Settlement:
    return replace(state, on_hold=False)


def _advised(state: Settlement, event: e.SettlementStatusAdvised) -> Settlement:
    return replace(
        state,
        statuses={**state.statuses, event.status_kind: event.status},
        reasons={**state.reasons, event.status_kind: event.reason},
    )


def _failing(state: Settlement, event: e.SettlementFailing) -> Settlement:
    return replace(state, failing=True, failing_reason=event.reason, whose=event.whose)


def _confirmed(state: Settlement, event: e.SettlementConfirmed) -> Settlement:
    """Add a settled part. An earlier pending or failing status does not apply to the rest."""
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


def _cancel_requested(state: Settlement, event: e.SettlementCancelRequested) -> Settlement:
    return replace(state, cancel_requested=True)


def _cancelled(state: Settlement, event: e.SettlementCancelled) -> Settlement:
    return replace(state, cancelled=True, cancel_requested=False)


def _cancel_denied(state: Settlement, event: e.SettlementCancelDenied) -> Settlement:
    return replace(state, cancel_requested=False)


_EVOLVE: Mapping[type[Event], Callable[[Settlement, Any], Settlement]] = {
    e.SettlementInstructed: _instructed,
    e.SettlementReleased: _released,
    e.SettlementStatusAdvised: _advised,
    e.SettlementFailing: _failing,
    e.SettlementConfirmed: _confirmed,
    e.SettlementCancelRequested: _cancel_requested,
    e.SettlementCancelled: _cancelled,
    e.SettlementCancelDenied: _cancel_denied,
}
EVENTS = tuple(_EVOLVE)
