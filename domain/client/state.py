"""The state of a client's KYC file. It holds no personal data: snapshots store it in clear.

    "" -Onboard-> onboarded -Submit-> in_review -ask-> info_requested -Submit-> in_review
    in_review -possible hit, PEP-> escalated -senior-> approved ; in_review -Approve-> approved
    in_review | escalated -Reject-> rejected -Submit-> in_review
    approved -60 days before review_on | trigger-> review_due -Submit-> in_refresh
    in_refresh -Approve-> approved
    review_due | in_refresh -review_on passes-> overdue (closing only) -Submit, Approve-> approved
    approved | rejected | suspended -Offboard-> exiting -last account closed-> closed
    closed -Erase-> closed, erased

Suspension and block are restrictions on top of that standing: Reinstate and Unblock lift one, and
the standing beneath shows again. So a review goes on under a suspension, and both restrictions may
apply at once.

An erasure changes no standing: an erased client is reviewed, blocked and closed like any other.
Only onboarding and a KYC file, which are about personal data itself, are refused from then on.
"""

from datetime import date
from enum import StrEnum

from msgspec import Struct


class ClientStatus(StrEnum):
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
    status: ClientStatus = ClientStatus.NONE  # visible to others: restrictions included
    standing: ClientStatus = ClientStatus.NONE
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
