"""Client: a person or organisation, and whether the firm may deal with it (KYC; see `state`).

An officer's decision may be refused; a report from a screening or from the timer is recorded. A
confirmed sanctions hit blocks at once, and a possible one on an approved client starts a review.
Source: domain rule 23.
"""

from domain.client.commands import (
    ApproveKyc,
    BlockClient,
    ClientCommand,
    CloseClient,
    EraseClient,
    MarkReviewDue,
    MarkReviewOverdue,
    OffboardClient,
    OnboardClient,
    RecordScreening,
    ReinstateClient,
    RejectKyc,
    RequestKycInformation,
    SubmitKyc,
    SuspendClient,
    UnblockClient,
)
from domain.client.decisions import decide
from domain.client.events import (
    ClientBlocked,
    ClientClosed,
    ClientErased,
    ClientExiting,
    ClientOnboarded,
    ClientReinstated,
    ClientScreened,
    ClientSuspended,
    ClientUnblocked,
    Document,
    Kind,
    KycApproved,
    KycInformationRequested,
    KycRejected,
    KycSubmitted,
    NationalId,
    Regime,
    ReviewDue,
    ReviewOverdue,
    RiskRating,
    Screening,
    TaxResidence,
)
from domain.client.refusal_table import REFUSALS
from domain.client.refusals import ClientRefusal
from domain.client.state import INITIAL, Client, Status, evolve

__all__ = [
    "CATEGORY",
    "COMMANDS",
    "EVENTS",
    "INITIAL",
    "REFUSALS",
    "ApproveKyc",
    "BlockClient",
    "Client",
    "ClientClosed",
    "ClientErased",
    "ClientRefusal",
    "CloseClient",
    "Document",
    "EraseClient",
    "Kind",
    "MarkReviewDue",
    "MarkReviewOverdue",
    "NationalId",
    "OffboardClient",
    "OnboardClient",
    "RecordScreening",
    "Regime",
    "ReinstateClient",
    "RejectKyc",
    "RequestKycInformation",
    "RiskRating",
    "Screening",
    "Status",
    "SubmitKyc",
    "SuspendClient",
    "TaxResidence",
    "UnblockClient",
    "decide",
    "evolve",
    "home",
    "key",
    "reads",
]

CATEGORY = "client"
COMMANDS = (
    OnboardClient,
    SubmitKyc,
    RequestKycInformation,
    RecordScreening,
    ApproveKyc,
    RejectKyc,
    SuspendClient,
    ReinstateClient,
    BlockClient,
    UnblockClient,
    OffboardClient,
    MarkReviewDue,
    MarkReviewOverdue,
    CloseClient,
    EraseClient,
)
EVENTS = (
    ClientOnboarded,
    KycSubmitted,
    KycInformationRequested,
    ClientScreened,
    KycApproved,
    KycRejected,
    ClientSuspended,
    ClientReinstated,
    ClientBlocked,
    ClientUnblocked,
    ClientExiting,
    ReviewDue,
    ReviewOverdue,
    ClientClosed,
    ClientErased,
)


def key(command: ClientCommand) -> str:
    return command.client_id


def reads(command: ClientCommand) -> tuple[str, ...]:
    return ()


def home(state: Client, stream: str) -> str:
    return stream
