"""The state of a client's KYC file. It holds no personal data: snapshots store it in clear.

    "" -Onboard-> onboarded -Submit-> in_review -ask-> info_requested -Submit-> in_review
    in_review -possible hit, PEP-> escalated -senior-> approved ; in_review -Approve-> approved
    in_review | escalated -Reject-> rejected -Submit-> in_review
    approved -60 days before review_on | trigger-> review_due -Submit-> in_refresh
    in_refresh -Approve-> approved
    review_due | in_refresh -review_on passes-> overdue (closing only) -Submit, Approve-> approved
    approved | rejected | suspended -Offboard-> exiting -last account closed-> closed
    closed -Erase-> closed, erased

Suspended and blocked cover that standing like lids: Reinstate and Unblock remove one and expose
what is beneath. So a review goes on under a suspension, and both lids may be on at once.

An erasure changes no standing: an erased client is reviewed, blocked and closed like any other.
Only onboarding and a KYC file, which are about personal data itself, are refused from then on.
"""

from datetime import date
from enum import StrEnum
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.client.events import (
    ClientBlocked,
    ClientClosed,
    ClientErased,
    ClientEvent,
    ClientExiting,
    ClientOnboarded,
    ClientReinstated,
    ClientScreened,
    ClientSuspended,
    ClientUnblocked,
    KycApproved,
    KycInformationRequested,
    KycRejected,
    KycSubmitted,
    ReviewDue,
    ReviewOverdue,
    Screening,
)


class Status(StrEnum):
    NONE = ""
    ONBOARDED = "onboarded"
    IN_REVIEW = "in_review"
    INFO_REQUESTED = "info_requested"
    ESCALATED = "escalated"
    REJECTED = "rejected"
    APPROVED = "approved"
    REVIEW_DUE = "review_due"
    IN_REFRESH = "in_refresh"
    OVERDUE = "overdue"
    SUSPENDED = "suspended"
    BLOCKED = "blocked"
    EXITING = "exiting"
    CLOSED = "closed"


class Client(Struct, frozen=True, kw_only=True, gc=False):
    status: Status = Status.NONE  # shown to others: the standing with its lids
    standing: Status = Status.NONE
    suspended: bool = False
    blocked: bool = False
    kind: str = ""
    country: str = ""
    risk_rating: str = ""
    review_on: date | None = None
    grace_until: date | None = None  # while overdue: the timer suspends after it
    submitted: bool = False  # a submission waits for a decision
    submitted_by: str = ""  # `domain.shared.digests` of the actor of that submission
    document_kinds: tuple[str, ...] = ()  # of that submission
    facts: tuple[str, ...] = ()  # names of the optional facts given at onboarding
    pep: bool = False
    possible_hit: bool = False  # the last screening found a hit; not judged yet
    screening_id: str = ""  # of the last screening
    erased: bool = False  # the data key was destroyed


INITIAL = Client()


def evolve(state: Client, event: ClientEvent) -> Client:  # noqa: PLR0911 - a table of events
    """Apply one event without judging it: every event in the stream has happened."""
    match event:
        case ClientOnboarded():
            return _shown(
                replace(
                    state,
                    standing=Status.ONBOARDED,
                    kind=event.kind,
                    country=event.country,
                    facts=event.facts,
                )
            )
        case KycSubmitted() | KycInformationRequested() | KycApproved() | KycRejected():
            return _shown(_reviewed(state, event))
        case ClientScreened():
            return _shown(_screened(state, event))
        case ReviewDue():
            return _shown(replace(state, standing=Status.REVIEW_DUE))
        case ReviewOverdue(grace_until=grace_until):
            return _shown(replace(state, standing=Status.OVERDUE, grace_until=grace_until))
        case ClientErased():
            return replace(state, erased=True)
        case _:
            return _shown(_lidded(state, event))


def _shown(state: Client) -> Client:
    """Set the status that others see: closed, else the uppermost lid, else the standing."""
    status = state.standing
    if status is not Status.CLOSED and state.suspended:
        status = Status.SUSPENDED
    if state.standing is not Status.CLOSED and state.blocked:
        status = Status.BLOCKED
    return replace(state, status=status)


def _reviewed(
    state: Client, event: KycSubmitted | KycInformationRequested | KycApproved | KycRejected
) -> Client:
    match event:
        case KycSubmitted():
            submitted = replace(
                state,
                submitted=True,
                submitted_by=event.submitted_by_hmac,
                document_kinds=event.document_kinds,
                pep=state.pep or event.pep,
            )
            return replace(submitted, standing=_after_submission(submitted))
        case KycInformationRequested():
            return replace(state, standing=Status.INFO_REQUESTED, submitted=False)
        case KycApproved():
            return replace(
                state,
                standing=Status.APPROVED,
                submitted=False,
                possible_hit=False,
                risk_rating=event.risk_rating,
                review_on=event.review_on,
                grace_until=None,
            )
        case KycRejected():
            return replace(state, standing=Status.REJECTED, submitted=False)
        case _:
            assert_never(event)


def _after_submission(state: Client) -> Status:
    if state.standing is Status.REVIEW_DUE:
        return Status.IN_REFRESH
    if state.standing is Status.OVERDUE:
        return Status.OVERDUE  # closing only until it is approved
    return Status.ESCALATED if state.pep or state.possible_hit else Status.IN_REVIEW


def _screened(state: Client, event: ClientScreened) -> Client:
    """A politically exposed person stays one; `possible_hit` follows the latest screening."""
    hit = event.outcome is not Screening.CLEAR
    pep = state.pep or event.pep
    escalates = state.standing is Status.IN_REVIEW and (hit or pep)
    return replace(
        state,
        standing=Status.ESCALATED if escalates else state.standing,
        pep=pep,
        possible_hit=hit,
        screening_id=event.screening_id,
    )


def _lidded(
    state: Client,
    event: (
        ClientSuspended
        | ClientReinstated
        | ClientBlocked
        | ClientUnblocked
        | ClientExiting
        | ClientClosed
    ),
) -> Client:
    match event:
        case ClientSuspended():
            return replace(state, suspended=True)
        case ClientReinstated(grace_until=grace_until):
            return replace(state, suspended=False, grace_until=grace_until or state.grace_until)
        case ClientBlocked():
            return replace(state, blocked=True)
        case ClientUnblocked():
            return replace(state, blocked=False)
        case ClientExiting():
            return replace(state, standing=Status.EXITING, suspended=False, submitted=False)
        case ClientClosed():
            return replace(state, standing=Status.CLOSED)
        case _:
            assert_never(event)
