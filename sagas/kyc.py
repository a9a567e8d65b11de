"""KYC: apply a client's standing to its accounts, and its review dates to the client.

    review_on - 60 days    -> MarkReviewDue
    review_on has passed   -> MarkReviewOverdue -> accounts closing only
    the grace period ended -> SuspendClient     -> accounts blocked
    exiting, last account closed -> CloseClient

One rule sets the status of every account: blocked while the client is suspended or blocked,
closing only while the review is overdue, otherwise open. The saga compares it with the accounts'
statuses in the log and commands one step at a time, so that an account opened, or unblocked by
hand, at the wrong moment is corrected. It never lifts a restriction that it did not set. A refused
step (the account was closed first) is not repeated until the client or the account changes again.
"""

from datetime import UTC, date, datetime, time, timedelta

from msgspec import Struct
from msgspec.structs import replace

from domain.account.standing import (
    AccountOpened,
    AccountRestricted,
    BlockAccount,
    SetClosingOnly,
    UnblockAccount,
)
from domain.client.commands import CloseClient, MarkReviewDue, MarkReviewOverdue, SuspendClient
from domain.client.events import (
    ClientBlocked,
    ClientClosed,
    ClientExiting,
    ClientReinstated,
    ClientSuspended,
    ClientUnblocked,
    KycApproved,
    ReviewDue,
    ReviewOverdue,
)
from domain.saga import DeadlinePassed
from domain.shared.envelope import Envelope
from domain.shared.message import Command, Event
from sagas.engine.ports import Deadline, correlation

NAME, VERSION = "kyc", 1
NOTICE = timedelta(days=60)
OPEN, CLOSING_ONLY, BLOCKED, CLOSED = "open", "closing_only", "blocked", "closed"
REASON = "client_standing"  # the reason we give; it marks our own restrictions
REVIEW_DUE, OVERDUE, GRACE = "review_due", "review_overdue", "grace_ended"
COMMANDS: tuple[type[Command], ...] = (
    BlockAccount,
    SetClosingOnly,
    UnblockAccount,
    MarkReviewDue,
    MarkReviewOverdue,
    SuspendClient,
    CloseClient,
)


class Account(Struct, frozen=True, kw_only=True):
    status: str = OPEN  # from its stream
    ours: bool = False  # the restriction was set by this saga
    beneath: bool = False  # so was the restriction beneath a block
    told: str = ""  # the step commanded since the last event of its stream


class Kyc(Struct, frozen=True, kw_only=True):
    client_id: str = ""
    accounts: dict[str, Account] = {}  # those not closed
    suspended: bool = False
    blocked: bool = False
    overdue: bool = False
    exiting: bool = False
    closing: bool = False  # CloseClient was sent
    closed: bool = False
    review_on: date | None = None
    noticed: bool = False  # MarkReviewDue was sent, or is superseded
    lapsed: bool = False  # MarkReviewOverdue was sent
    grace_until: date | None = None

    @property
    def wanted(self) -> str:
        if self.suspended or self.blocked:
            return BLOCKED
        return CLOSING_ONLY if self.overdue else OPEN


INITIAL = Kyc()

correlate = correlation(
    NAME,
    dict.fromkeys(
        (
            AccountOpened,
            AccountRestricted,
            KycApproved,
            ReviewDue,
            ReviewOverdue,
            ClientSuspended,
            ClientReinstated,
            ClientBlocked,
            ClientUnblocked,
            ClientExiting,
            ClientClosed,
        ),
        "client_id",
    ),
)


def evolve(state: Kyc, arrived: Envelope) -> Kyc:
    return _steer(_note(state, arrived.event))[0]


def react(state: Kyc, arrived: Envelope) -> tuple[Command, ...]:
    noted = _note(state, arrived.event)
    return (*_at_deadline(state, arrived.event), *_steer(noted)[1])


def due(state: Kyc) -> Deadline | None:
    if state.exiting or state.closed or state.review_on is None:
        return None
    if state.grace_until is not None:
        return None if state.suspended else Deadline(_after(state.grace_until), GRACE)
    if not state.noticed:
        return Deadline(datetime.combine(state.review_on - NOTICE, time(), UTC), REVIEW_DUE)
    return None if state.lapsed else Deadline(_after(state.review_on), OVERDUE)


def ended(state: Kyc) -> bool:
    return state.closed


def _note(state: Kyc, event: Event) -> Kyc:
    match event:
        case AccountOpened() | AccountRestricted():
            return _account(state, event)
        case DeadlinePassed():
            return _note_deadline(state, event)
        case KycApproved(client_id=client_id, review_on=on):
            return replace(
                state,
                client_id=client_id,
                review_on=on,
                overdue=False,
                noticed=False,
                lapsed=False,
                grace_until=None,
            )
        case ReviewDue():
            return replace(state, noticed=True)
        case ReviewOverdue(grace_until=until):
            return replace(state, noticed=True, lapsed=True, overdue=True, grace_until=until)
        case _:
            return _note_restriction(state, event)


def _note_restriction(state: Kyc, event: Event) -> Kyc:  # noqa: PLR0911 - a table of events
    match event:
        case ClientSuspended(client_id=client_id):
            return replace(state, client_id=client_id, suspended=True)
        case ClientReinstated(grace_until=until):
            return replace(state, suspended=False, grace_until=until or state.grace_until)
        case ClientBlocked(client_id=client_id):
            return replace(state, client_id=client_id, blocked=True)
        case ClientUnblocked():
            return replace(state, blocked=False)
        case ClientExiting(client_id=client_id):
            return replace(state, client_id=client_id, exiting=True, suspended=False)
        case ClientClosed():
            return replace(state, closed=True)
        case _:
            return state


def _account(state: Kyc, event: AccountOpened | AccountRestricted) -> Kyc:
    accounts = {k: a for k, a in state.accounts.items() if k != event.account_id}
    if isinstance(event, AccountOpened):
        accounts[event.account_id] = Account()
    elif event.status != CLOSED:
        before = state.accounts.get(event.account_id, Account())
        accounts[event.account_id] = _account_after(before, event)
    return replace(state, client_id=event.client_id, accounts=accounts)


def _account_after(before: Account, event: AccountRestricted) -> Account:
    """Lifting a block exposes the restriction beneath it; `beneath` tells whether that is ours."""
    ours = event.status != OPEN and event.cause == REASON
    if event.status == BLOCKED:
        return Account(status=BLOCKED, ours=ours, beneath=before.ours)
    if before.status == BLOCKED and event.status == CLOSING_ONLY:
        return Account(status=CLOSING_ONLY, ours=before.beneath)
    return Account(status=event.status, ours=ours)


def _note_deadline(state: Kyc, event: DeadlinePassed) -> Kyc:
    if _stale(state, event):
        return state
    match event.name:
        case "review_due":
            return replace(state, noticed=True)
        case "review_overdue":
            return replace(state, lapsed=True)
        case _:
            return replace(state, grace_until=None)


def _at_deadline(state: Kyc, event: Event) -> tuple[Command, ...]:
    """The command that a passed deadline calls for; none if the deadline is stale."""
    if not isinstance(event, DeadlinePassed) or _stale(state, event) or state.review_on is None:
        return ()
    client_id, on = state.client_id, state.review_on
    match event.name:
        case "review_due":
            return (MarkReviewDue(client_id=client_id, review_on=on),)
        case "review_overdue":
            return (MarkReviewOverdue(client_id=client_id, review_on=on),)
        case _:
            return (SuspendClient(client_id=client_id, reason="review_overdue"),)


def _stale(state: Kyc, event: DeadlinePassed) -> bool:
    return due(state) != Deadline(event.due_at, event.name)


def _steer(state: Kyc) -> tuple[Kyc, tuple[Command, ...]]:
    """Move each account one step to the wanted status; close an exiting client without accounts."""
    sent: list[Command] = []
    accounts = dict(state.accounts)
    for account_id, account in state.accounts.items():
        step = _step(account, state.wanted)
        if step == account.told:
            continue
        accounts[account_id] = replace(account, told=step)
        if step:
            sent.append(_command(account_id, step))
    state = replace(state, accounts=accounts)
    if state.exiting and not accounts and not (state.blocked or state.closing or state.closed):
        sent.append(CloseClient(client_id=state.client_id))
        state = replace(state, closing=True)
    return state, tuple(sent)


def _step(account: Account, wanted: str) -> str:
    """The next status to command; "" for none."""
    severity = (OPEN, CLOSING_ONLY, BLOCKED)
    if account.status not in severity:
        return BLOCKED if wanted == BLOCKED else ""
    now, then = severity.index(account.status), severity.index(wanted)
    if now < then:
        return wanted
    return OPEN if now > then and account.ours else ""


def _command(account_id: str, step: str) -> Command:
    match step:
        case "blocked":
            return BlockAccount(account_id=account_id, reason=REASON)
        case "closing_only":
            return SetClosingOnly(account_id=account_id, reason=REASON)
        case _:
            return UnblockAccount(account_id=account_id, reason=REASON)


def _after(day: date) -> datetime:
    """The first moment after `day`."""
    return datetime.combine(day + timedelta(days=1), time(), UTC)
