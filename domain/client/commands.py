"""Commands to a client. Personal values are marked, so that they reach no log file."""

from datetime import date
from typing import Annotated, ClassVar

from domain.client.events import (
    Document,
    Kind,
    NationalId,
    Regime,
    RiskRating,
    Screening,
    TaxResidence,
)
from domain.shared.message import PERSONAL, Command, Internal, Personal


class OnboardClient(Command):
    client_id: str
    kind: Kind
    legal_name: Personal
    country: str
    lei: str | None = None
    tax_id: Personal | None = None
    email: Personal | None = None
    first_names: Personal | None = None
    surnames: Personal | None = None
    birth_date: Annotated[date | None, PERSONAL] = None
    nationality: Annotated[tuple[str, ...], PERSONAL] = ()
    tax_residence: Annotated[tuple[TaxResidence, ...], PERSONAL] = ()
    national_id: Annotated[NationalId | None, PERSONAL] = None


class SubmitKyc(Command):
    """Hand in the KYC file; the actor is the submitter. Answering "pep" with yes declares it."""

    client_id: str
    documents: Annotated[tuple[Document, ...], PERSONAL]
    risk_answers: Annotated[dict[str, str], PERSONAL] = {}


class RequestKycInformation(Command):
    client_id: str
    officer: Personal
    reason: Personal


class RecordScreening(Command):
    """A report of the screening provider, deduplicated by `screening_id`."""

    STATES_TIME: ClassVar[bool] = True

    client_id: str
    screening_id: str
    outcome: Screening
    screened_on: date
    pep: bool = False
    lists: Annotated[tuple[str, ...], PERSONAL] = ()


class ApproveKyc(Command):
    """Approve the KYC file. The officer must be the actor, unless the caller is anonymous.

    `senior`: the officer is a senior one. `regime`: the rules that apply.

    In the development regime the caller states both; an identity provider's roles and the
    deployment's settings overwrite them at the edge.
    """

    MAY_LIE_AHEAD: ClassVar[tuple[str, ...]] = ("review_on",)

    client_id: str
    officer: Personal
    risk_rating: RiskRating
    review_on: date
    senior: bool = False
    regime: Regime = Regime.DEVELOPMENT


class RejectKyc(Command):
    client_id: str
    officer: Personal
    reason: Personal


class SuspendClient(Command):
    client_id: str
    reason: Personal


class ReinstateClient(Command):
    client_id: str
    reason: Personal = ""


class BlockClient(Command):
    client_id: str
    reason: Personal


class UnblockClient(Command):
    client_id: str
    reason: Personal = ""


class OffboardClient(Command):
    client_id: str
    reason: Personal = ""


class MarkReviewDue(Internal):
    """Sent by the timer for the `review_on` it was set for, or by a trigger, which it names."""

    client_id: str
    review_on: date | None = None
    trigger: str = ""


class MarkReviewOverdue(Internal):
    client_id: str
    review_on: date


class CloseClient(Internal):
    client_id: str


class EraseClient(Internal):
    """Record that the client's data key was destroyed; `forced`: before it was due.

    `closed_on` is the date on which the client was closed, from the envelope of that event.
    """

    client_id: str
    closed_on: date | None = None
    forced: bool = False
    reason: Personal = ""
