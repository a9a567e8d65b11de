"""A client's restrictions (suspension, block), and the end of the relationship.

A repeated Reinstate or Unblock is refused. Any other repeat changes nothing.
"""

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
from domain.client.state import Client, ClientStatus
from domain.shared.market_time import house_today
from domain.shared.message import Decision, Seen, refused

ACTIVE = frozenset(
    {ClientStatus.APPROVED, ClientStatus.REVIEW_DUE, ClientStatus.IN_REFRESH, ClientStatus.OVERDUE}
)


def suspend(command: SuspendClient, state: Client, seen: Seen) -> Decision:
    if state.standing not in ACTIVE:
        return refused(ClientRefusal.CLIENT_NOT_ACTIVE, status=state.status)
    if state.suspended:
        return ()
    return (ClientSuspended(client_id=command.client_id, reason=command.reason),)


def reinstate(command: ReinstateClient, state: Client, seen: Seen) -> Decision:
    if not state.suspended:
        return refused(ClientRefusal.CLIENT_NOT_SUSPENDED, status=state.status)
    overdue = state.standing is ClientStatus.OVERDUE
    until = house_today(seen.now) + REVIEW_GRACE if overdue else None
    return (
        ClientReinstated(client_id=command.client_id, reason=command.reason, grace_until=until),
    )


def block(command: BlockClient, state: Client, seen: Seen) -> Decision:
    if state.standing is ClientStatus.CLOSED:
        return refused(ClientRefusal.CLIENT_CLOSED, status=state.status)
    if state.blocked:
        return ()
    return (ClientBlocked(client_id=command.client_id, reason=command.reason),)


def unblock(command: UnblockClient, state: Client, seen: Seen) -> Decision:
    if not state.blocked:
        return refused(ClientRefusal.CLIENT_NOT_BLOCKED, status=state.status)
    return (ClientUnblocked(client_id=command.client_id, reason=command.reason),)


def offboard(command: OffboardClient, state: Client, seen: Seen) -> Decision:
    if state.standing is ClientStatus.EXITING:
        return ()
    if state.blocked or state.standing not in ACTIVE | {ClientStatus.REJECTED}:
        return refused(ClientRefusal.CLIENT_NOT_ACTIVE, status=state.status)
    return (ClientExiting(client_id=command.client_id, reason=command.reason),)


def close(command: CloseClient, state: Client, seen: Seen) -> Decision:
    """Close a client that is leaving; `()` for any other, or while it is blocked."""
    leaves = state.standing is ClientStatus.EXITING and not state.blocked
    return (ClientClosed(client_id=command.client_id),) if leaves else ()


def erase(command: EraseClient, state: Client, seen: Seen) -> Decision:
    """Erase after closing and retention; before that only if `forced`, with a reason."""
    if state.erased:
        return ()
    if command.forced:
        if not command.reason.strip():
            return refused(ClientRefusal.REASON_MISSING, forced=command.forced)
    elif state.standing is not ClientStatus.CLOSED or command.closed_on is None:
        return refused(ClientRefusal.CLIENT_NOT_CLOSED, status=state.status)
    elif house_today(seen.now) < (until := months_after(command.closed_on, RETENTION_MONTHS)):
        return refused(ClientRefusal.RETENTION_NOT_OVER, until=until)
    return (
        ClientErased(client_id=command.client_id, forced=command.forced, reason=command.reason),
    )
