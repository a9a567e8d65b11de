"""Events on `client-{client_id}`: the client's particulars and the progress of the KYC file.

Personal fields are sealed under the client's data key and read as `Erased` once it is destroyed.
Other fields hold the bare facts (that a birth date was given, not which one), so that decisions
and views work without the key. An event that comes after the erasure is stored with its personal
fields erased.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar

from msgspec import Struct

from domain.shared.message import FIRM, PERSONAL, Erased, Event, PersonalText


class Kind(StrEnum):
    INDIVIDUAL = "individual"
    ORGANISATION = "organisation"


class RiskRating(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Screening(StrEnum):
    """The outcome of a screening against sanctions lists."""

    CLEAR = "clear"
    POSSIBLE = "possible"  # a hit that is not judged yet
    CONFIRMED = "confirmed"


class Regime(StrEnum):
    """The regulation that decides which facts an approval needs (`domain.client.rules`)."""

    DEVELOPMENT = "development"
    US = "us"
    EU = "eu"


class TaxResidence(Struct, frozen=True, kw_only=True):
    country: str
    tin: str


class NationalId(Struct, frozen=True, kw_only=True):
    scheme: str  # MiFIR: NIDN national number, CCPT passport, CONCAT
    value: str


class Document(Struct, frozen=True, kw_only=True):
    kind: str  # passport, utility_bill, register_extract ...
    reference: str  # its number, or its place in the object store
    issuer: str = ""
    issued_on: date | None = None
    expires_on: date | None = None


class Answer(Struct, frozen=True):
    question: str
    answer: str


KINDS = frozenset(
    {
        "passport",
        "id_card",
        "national_id",
        "driving_licence",
        "residence_permit",
        "birth_certificate",
        "utility_bill",
        "proof_of_address",
        "bank_statement",
        "tax_form",
        "tax_certificate",
        "source_of_funds",
        "source_of_wealth",
        "register_extract",
        "articles_of_association",
        "shareholder_list",
        "beneficial_owners",
        "power_of_attorney",
        "board_resolution",
    }
)
"""Document kinds that events store in clear. The kind as given is sealed with the document."""

# A union may hold only one struct type, here `Erased`: other structs and mappings go in a tuple.
PersonalDate = Annotated[date | Erased | None, PERSONAL]
PersonalWords = Annotated[tuple[str, ...] | Erased, PERSONAL]
PersonalResidences = Annotated[tuple[TaxResidence, ...] | Erased, PERSONAL]
PersonalIds = Annotated[tuple[NationalId, ...] | Erased, PERSONAL]
PersonalDocuments = Annotated[tuple[Document, ...] | Erased, PERSONAL]
PersonalAnswers = Annotated[tuple[Answer, ...] | Erased, PERSONAL]


class ClientOnboarded(Event, tag="client.onboarded"):
    NEEDS: ClassVar[tuple[str, ...]] = ("legal_name",)
    client_id: str
    kind: Kind
    legal_name: PersonalText
    country: str  # of domicile, ISO 3166 alpha-2
    lei: str | None = None  # public register, not personal
    tax_id: PersonalText | None = None
    email: PersonalText | None = None
    first_names: PersonalText | None = None
    surnames: PersonalText | None = None
    birth_date: PersonalDate = None
    nationality: PersonalWords = ()
    tax_residence: PersonalResidences = ()
    national_id: PersonalIds = ()  # none or one
    facts: tuple[str, ...] = ()  # names of the optional fields that were given


class KycSubmitted(Event, tag="client.kyc_submitted"):
    VERSION: ClassVar[int] = 2
    NEEDS: ClassVar[tuple[str, ...]] = ("documents",)
    client_id: str
    submitted_by: PersonalText  # the actor; an officer may not judge their own submission
    document_kinds: tuple[str, ...]  # which of `KINDS` were handed in; any other is "other"
    documents: PersonalDocuments
    risk_answers: PersonalAnswers = ()
    pep: bool = False  # the client declared to be a politically exposed person
    submitted_by_hmac: str = ""  # `domain.shared.digests` of the actor's normal form


class KycInformationRequested(Event, tag="client.kyc_information_requested"):
    VERSION: ClassVar[int] = 2
    client_id: str
    officer: PersonalText
    reason: PersonalText


class ClientScreened(Event, tag="client.screened"):
    VERSION: ClassVar[int] = 2
    client_id: str
    screening_id: str
    outcome: Screening
    screened_on: date
    pep: bool = False
    lists: PersonalWords = ()  # names of the lists searched


class KycApproved(Event, tag="client.kyc_approved"):
    VERSION: ClassVar[int] = 2
    client_id: str
    officer: PersonalText
    risk_rating: RiskRating
    review_on: date
    senior: bool = False
    regime: Regime = Regime.DEVELOPMENT


class KycRejected(Event, tag="client.kyc_rejected"):
    VERSION: ClassVar[int] = 2
    client_id: str
    officer: PersonalText
    reason: PersonalText


class ClientSuspended(Event, tag="client.suspended"):
    """Orders and payouts stop; settlement, income and fees go on."""

    client_id: str
    reason: PersonalText


class ClientReinstated(Event, tag="client.reinstated"):
    client_id: str
    reason: PersonalText = ""
    grace_until: date | None = None  # where the review is still overdue: a new grace period


class ClientBlocked(Event, tag="client.blocked"):
    """Sanctions: nothing may move. An officer or a confirmed screening hit sets the block."""

    client_id: str
    reason: PersonalText
    screening_id: str = ""


class ClientUnblocked(Event, tag="client.unblocked"):
    client_id: str
    reason: PersonalText = ""


class ClientExiting(Event, tag="client.exiting"):
    client_id: str
    reason: PersonalText = ""


class ReviewDue(Event, tag="client.review_due"):
    client_id: str
    review_on: date
    trigger: str = ""  # "": sixty days before the date; otherwise what happened


class ReviewOverdue(Event, tag="client.review_overdue"):
    """The review date passed: closing only, and suspension when the grace period ends."""

    client_id: str
    review_on: date
    grace_until: date


class ClientClosed(Event, tag="client.closed"):
    """The last account closed; the retention clock starts."""

    client_id: str


class ClientErased(Event, tag="client.erased"):
    """The client's data key was destroyed: data sealed with it reads as erased from now on."""

    SUBJECT: ClassVar[str] = FIRM
    client_id: str
    forced: bool = False  # before retention was over
    reason: PersonalText = ""  # the firm's, so it outlives the client's key
