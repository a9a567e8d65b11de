"""Applies a client's events without judging them: every event in the stream has happened."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from domain.client import events as e
from domain.client.state import Client, ClientStatus
from domain.shared.message import Event


def evolve(state: Client, event: Event) -> Client:
    """Apply one event, and set the status that others see."""
    after = _EVOLVE[type(event)](state, event)
    return replace(after, status=_visible(after))


def _visible(state: Client) -> ClientStatus:
    """The status that others see: closed, else the uppermost restriction, else the standing."""
    if state.standing is ClientStatus.CLOSED:
        return ClientStatus.CLOSED
    if state.blocked:
        return ClientStatus.BLOCKED
    return ClientStatus.SUSPENDED if state.suspended else state.standing


def _onboarded(state: Client, event: e.ClientOnboarded) -> Client:
    return replace(
        state,
        standing=ClientStatus.ONBOARDED,
        kind=event.kind,
        country=event.country,
        facts=event.facts,
    )


def _submitted(state: Client, event: e.KycSubmitted) -> Client:
    submitted = replace(
        state,
        submitted=True,
        submitted_by=event.submitted_by_hmac,
        document_kinds=event.document_kinds,
        pep=state.pep or event.pep,
    )
    return replace(submitted, standing=_after_submission(submitted))


def _after_submission(state: Client) -> ClientStatus:
    if state.standing is ClientStatus.REVIEW_DUE:
        return ClientStatus.IN_REFRESH
    if state.standing is ClientStatus.OVERDUE:
        return ClientStatus.OVERDUE  # closing only until it is approved
    return ClientStatus.ESCALATED if state.pep or state.possible_hit else ClientStatus.IN_REVIEW


def _information_requested(state: Client, event: e.KycInformationRequested) -> Client:
    return replace(state, standing=ClientStatus.INFO_REQUESTED, submitted=False)


def _screened(state: Client, event: e.ClientScreened) -> Client:
    """A politically exposed person stays one; `possible_hit` follows the latest screening."""
    hit = event.outcome is not e.Screening.CLEAR
    pep = state.pep or event.pep
    escalates = state.standing is ClientStatus.IN_REVIEW and (hit or pep)
    return replace(
        state,
        standing=ClientStatus.ESCALATED if escalates else state.standing,
        pep=pep,
        possible_hit=hit,
        screening_id=event.screening_id,
    )


def _approved(state: Client, event: e.KycApproved) -> Client:
    return replace(
        state,
        standing=ClientStatus.APPROVED,
        submitted=False,
        possible_hit=False,
        risk_rating=event.risk_rating,
        review_on=event.review_on,
        grace_until=None,
    )


def _rejected(state: Client, event: e.KycRejected) -> Client:
    return replace(state, standing=ClientStatus.REJECTED, submitted=False)


def _suspended(state: Client, event: e.ClientSuspended) -> Client:
    return replace(state, suspended=True)


def _reinstated(state: Client, event: e.ClientReinstated) -> Client:
    return replace(state, suspended=False, grace_until=event.grace_until or state.grace_until)


def _blocked(state: Client, event: e.ClientBlocked) -> Client:
    return replace(state, blocked=True)


def _unblocked(state: Client, event: e.ClientUnblocked) -> Client:
    return replace(state, blocked=False)


def _exiting(state: Client, event: e.ClientExiting) -> Client:
    return replace(state, standing=ClientStatus.EXITING, suspended=False, submitted=False)


def _review_due(state: Client, event: e.ReviewDue) -> Client:
    return replace(state, standing=ClientStatus.REVIEW_DUE)


def _review_overdue(state: Client, event: e.ReviewOverdue) -> Client:
    return replace(state, standing=ClientStatus.OVERDUE, grace_until=event.grace_until)


def _closed(state: Client, event: e.ClientClosed) -> Client:
    return replace(state, standing=ClientStatus.CLOSED)


def _erased(state: Client, event: e.ClientErased) -> Client:
    return replace(state, erased=True)


_EVOLVE: Mapping[type[Event], Callable[[Client, Any], Client]] = {
    e.ClientOnboarded: _onboarded,
    e.KycSubmitted: _submitted,
    e.KycInformationRequested: _information_requested,
    e.ClientScreened: _screened,
    e.KycApproved: _approved,
    e.KycRejected: _rejected,
    e.ClientSuspended: _suspended,
    e.ClientReinstated: _reinstated,
    e.ClientBlocked: _blocked,
    e.ClientUnblocked: _unblocked,
    e.ClientExiting: _exiting,
    e.ReviewDue: _review_due,
    e.ReviewOverdue: _review_overdue,
    e.ClientClosed: _closed,
    e.ClientErased: _erased,
}
EVENTS = tuple(_EVOLVE)
