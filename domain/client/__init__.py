"""Client: a person or organisation, and whether the firm may deal with it (KYC; see `state`).

An officer's decision may be refused; a report from a screening or from the timer is recorded. A
confirmed sanctions hit blocks at once, and a possible one on an approved client starts a review.
Source: domain rule 23.
"""

from collections.abc import Callable, Mapping
from typing import Any

from domain.client import commands, onboarding, restrictions, review
from domain.client.folding import EVENTS as EVENTS
from domain.client.folding import evolve as evolve
from domain.client.refusal_table import REFUSALS as REFUSALS
from domain.client.refusals import ClientRefusal
from domain.client.state import INITIAL as INITIAL
from domain.client.state import Client, ClientStatus
from domain.shared.message import Command, Decision, Seen, refused

_DECIDE: Mapping[type[Command], Callable[[Any, Client, Seen], Decision]] = {
    commands.OnboardClient: onboarding.onboard,
    commands.SubmitKyc: review.submit,
    commands.RequestKycInformation: review.request_information,
    commands.RecordScreening: review.record_screening,
    commands.ApproveKyc: review.approve,
    commands.RejectKyc: review.reject,
    commands.SuspendClient: restrictions.suspend,
    commands.ReinstateClient: restrictions.reinstate,
    commands.BlockClient: restrictions.block,
    commands.UnblockClient: restrictions.unblock,
    commands.OffboardClient: restrictions.offboard,
    commands.MarkReviewDue: review.mark_due,
    commands.MarkReviewOverdue: review.mark_overdue,
    commands.CloseClient: restrictions.close,
    commands.EraseClient: restrictions.erase,
}

CATEGORY = "client"
COMMANDS = tuple(_DECIDE)


def key(command: Any) -> str:
    return str(command.client_id)


def reads(command: Command) -> tuple[str, ...]:
    return ()


def decide(command: Command, state: Client, seen: Seen) -> Decision:
    """Judge `command` against the client; dates are measured from the handler's clock."""
    if state.standing is ClientStatus.NONE and not isinstance(command, commands.OnboardClient):
        return refused(ClientRefusal.CLIENT_UNKNOWN, client_id=key(command))
    return _DECIDE[type(command)](command, state, seen)


def home(state: Client, stream: str) -> str:
    return stream
