"""The refusals that each command of a client may get.

The OpenAPI document and the last column of `docs/commands.md` are made from it. A test that sees
another refusal fails (`tests/unit/domain/scenario.py`).
"""

from collections.abc import Mapping

from domain.client import commands
from domain.client.refusals import ClientRefusal as R
from domain.shared.dates import DateRefusal
from domain.shared.message import Command, Refusal

_Refusals = tuple[Refusal, ...]

_DATE: _Refusals = (DateRefusal.DATE_IN_FUTURE, DateRefusal.DATE_TOO_EARLY)
_OFFICER: _Refusals = (R.KYC_NOT_IN_REVIEW, R.OFFICER_MISSING, R.OFFICER_IS_NOT_ACTOR)

_JUDGED: Mapping[type[Command], _Refusals] = {
    commands.SubmitKyc: (
        R.CLIENT_ERASED,
        R.KYC_NOT_EXPECTED,
        R.DOCUMENTS_MISSING,
        *_DATE,
        DateRefusal.DATES_OUT_OF_ORDER,
    ),
    commands.RequestKycInformation: _OFFICER,
    commands.RecordScreening: _DATE,
    commands.ApproveKyc: (
        *_OFFICER,
        R.OFFICER_IS_SUBMITTER,
        R.SENIOR_REQUIRED,
        R.REVIEW_TOO_LATE,
        R.FACTS_MISSING,
    ),
    commands.RejectKyc: (*_OFFICER, R.OFFICER_IS_SUBMITTER),
    commands.SuspendClient: (R.CLIENT_NOT_ACTIVE,),
    commands.ReinstateClient: (R.CLIENT_NOT_SUSPENDED,),
    commands.BlockClient: (R.CLIENT_CLOSED,),
    commands.UnblockClient: (R.CLIENT_NOT_BLOCKED,),
    commands.OffboardClient: (R.CLIENT_NOT_ACTIVE,),
    commands.MarkReviewDue: (),
    commands.MarkReviewOverdue: (),
    commands.CloseClient: (),
    commands.EraseClient: (R.CLIENT_NOT_CLOSED, R.RETENTION_NOT_OVER, R.REASON_MISSING),
}
"""Refusals by a command's own rules; `REFUSALS` adds that of a client never onboarded."""

_ONBOARDING: _Refusals = (
    R.CLIENT_EXISTS,
    R.CLIENT_ERASED,
    R.LEI_INVALID,
    R.IDENTIFIER_INVALID,
    R.COUNTRY_INVALID,
    DateRefusal.DATE_IN_FUTURE,
)

REFUSALS: Mapping[type[Command], _Refusals] = {
    commands.OnboardClient: _ONBOARDING,
    **{kind: (R.CLIENT_UNKNOWN, *judged) for kind, judged in _JUDGED.items()},
}
