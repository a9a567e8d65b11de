"""A client's restrictions (suspension, block), and the end of the relationship."""

from datetime import date
from typing import assert_never

from domain.client.commands import (
    BlockClient,
    CloseClient,
    EraseClient,
    OffboardClient,
    ReinstateClient,
    SuspendClient,
    UnblockClient,
)
from domain.client.events import (
    ClientBlocked,
    ClientClosed,
    ClientErased,
    ClientExiting,
    ClientReinstated,
    ClientSuspended,
    ClientUnblocked,
)
from domain.client.refusals import ClientRefusal
from domain.client.rules import RETENTION_MONTHS, REVIEW_GRACE, months_after
from domain.client.state import Client, Status
from domain.shared.message import Decision, refused

ACTIVE = frozenset({Status.APPROVED, Status.REVIEW_DUE, Status.IN_REFRESH, Status.OVERDUE})

Lid = (
    SuspendClient
    | ReinstateClient
    | BlockClient
    | UnblockClient
    | OffboardClient
    | CloseClient
    | EraseClient
)


def decide(command: Lid, state: Client, today: date) -> Decision:
    """Decide a restriction, its lifting, or an exit. A repeated lifting is refused.

    Any other repeat changes nothing.
    """
    match command:
        case SuspendClient() | ReinstateClient():
            return _suspension(command, state, today)
        case BlockClient() | UnblockClient():
            return _block(command, state)
        case OffboardClient():
            return _offboard(command, state)
        case CloseClient(client_id=client_id):
            leaves = state.standing is Status.EXITING and not state.blocked
            return (ClientClosed(client_id=client_id),) if leaves else ()
        case EraseClient():
            return _erase(command, state, today)
        case _:
            assert_never(command)


def _offboard(command: OffboardClient, state: Client) -> Decision:
    if state.standing is Status.EXITING:
        return ()
    if state.blocked or state.standing not in ACTIVE | {Status.REJECTED}:
        return refused(ClientRefusal.CLIENT_NOT_ACTIVE, status=state.status)
    return (ClientExiting(client_id=command.client_id, reason=command.reason),)


def _erase(command: EraseClient, state: Client, today: date) -> Decision:
    """Erase after closing and retention; before that only if `forced`, with a reason."""
    if state.erased:
        return ()
    if command.forced:
        if not command.reason.strip():
            return refused(ClientRefusal.REASON_MISSING, forced=command.forced)
    elif state.standing is not Status.CLOSED or command.closed_on is None:
        return refused(ClientRefusal.CLIENT_NOT_CLOSED, status=state.status)
    elif today < (until := months_after(command.closed_on, RETENTION_MONTHS)):
        return refused(ClientRefusal.RETENTION_NOT_OVER, until=until)
    return (
        ClientErased(client_id=command.client_id, forced=command.forced, reason=command.reason),
    )


def _suspension(command: SuspendClient | ReinstateClient, state: Client, today: date) -> Decision:
    match command:
        case SuspendClient(client_id=client_id, reason=reason):
            if state.standing not in ACTIVE:
                return refused(ClientRefusal.CLIENT_NOT_ACTIVE, status=state.status)
            if state.suspended:
                return ()
            return (ClientSuspended(client_id=client_id, reason=reason),)
        case ReinstateClient(client_id=client_id, reason=reason):
            if not state.suspended:
                return refused(ClientRefusal.CLIENT_NOT_SUSPENDED, status=state.status)
            until = today + REVIEW_GRACE if state.standing is Status.OVERDUE else None
            return (ClientReinstated(client_id=client_id, reason=reason, grace_until=until),)
        case _:
            assert_never(command)


def _block(command: BlockClient | UnblockClient, state: Client) -> Decision:
    match command:
        case BlockClient(client_id=client_id, reason=reason):
            if state.standing is Status.CLOSED:
                return refused(ClientRefusal.CLIENT_CLOSED, status=state.status)
            return () if state.blocked else (ClientBlocked(client_id=client_id, reason=reason),)
        case UnblockClient(client_id=client_id, reason=reason):
            if not state.blocked:
                return refused(ClientRefusal.CLIENT_NOT_BLOCKED, status=state.status)
            return (ClientUnblocked(client_id=client_id, reason=reason),)
        case _:
            assert_never(command)
