"""Decides a client's commands: onboarding and review here, the rest in `restrictions`."""

from collections.abc import Sequence
from datetime import date
from typing import assert_never

from domain.client import restrictions as lids
from domain.client.commands import (
    ApproveKyc,
    ClientCommand,
    MarkReviewDue,
    MarkReviewOverdue,
    OnboardClient,
    RecordScreening,
    RejectKyc,
    RequestKycInformation,
    SubmitKyc,
)
from domain.client.events import (
    KINDS,
    Answer,
    ClientBlocked,
    ClientOnboarded,
    ClientScreened,
    Document,
    KycApproved,
    KycInformationRequested,
    KycRejected,
    KycSubmitted,
    ReviewDue,
    ReviewOverdue,
    Screening,
)
from domain.client.refusals import ClientRefusal
from domain.client.rules import (
    FACTS,
    REVIEW_GRACE,
    facts_missing,
    review_ceiling,
    senior_needed,
)
from domain.client.state import Client, Status
from domain.shared.dates import bad_date, bad_span
from domain.shared.digests import digest, stored_as
from domain.shared.identifiers import is_country, is_id, is_lei
from domain.shared.market_time import house_today
from domain.shared.message import Decision, Event, Refused, Seen, refused
from domain.shared.persons import acts_as, is_part, normal_form

SUBMITTABLE = frozenset(
    {
        Status.ONBOARDED,
        Status.INFO_REQUESTED,
        Status.REJECTED,
        Status.REVIEW_DUE,
        Status.OVERDUE,
    }
)
FIRST_REVIEW = frozenset({Status.IN_REVIEW, Status.ESCALATED})
APPROVABLE = FIRST_REVIEW | {Status.IN_REFRESH, Status.OVERDUE}
UNDER_REFRESH = frozenset({Status.APPROVED, Status.REVIEW_DUE, Status.IN_REFRESH})
YES = frozenset({"yes", "true", "1"})


def decide(command: ClientCommand, state: Client, seen: Seen) -> Decision:
    """Judge `command` against the client; dates are measured from the handler's clock."""
    today = house_today(seen.now)
    if isinstance(command, OnboardClient):
        return _onboard(command, state, today)
    if state.standing is Status.NONE:
        return refused(ClientRefusal.CLIENT_UNKNOWN, client_id=command.client_id)
    match command:
        case SubmitKyc():
            return _submit(command, state, seen, today)
        case ApproveKyc() | RequestKycInformation() | RejectKyc():
            return _judge(command, state, seen)
        case RecordScreening() | MarkReviewDue() | MarkReviewOverdue():
            return _report(command, state, today)
    return lids.decide(command, state, today)


def _onboard(command: OnboardClient, state: Client, today: date) -> Decision:
    if state.erased:
        return refused(ClientRefusal.CLIENT_ERASED, status=state.status)
    if state.standing is not Status.NONE:
        return refused(ClientRefusal.CLIENT_EXISTS, status=state.status)
    born = command.birth_date
    fault = _fault(command) or bad_date("birth_date", born, today, earliest=date.min)
    if fault is not None:
        return fault
    return (
        ClientOnboarded(
            client_id=command.client_id,
            kind=command.kind,
            legal_name=command.legal_name,
            country=command.country,
            lei=command.lei,
            tax_id=command.tax_id,
            email=command.email,
            first_names=command.first_names,
            surnames=command.surnames,
            birth_date=command.birth_date,
            nationality=command.nationality,
            tax_residence=command.tax_residence,
            national_id=() if command.national_id is None else (command.national_id,),
            facts=tuple(fact for fact in FACTS if getattr(command, fact)),
        ),
    )


def _fault(command: OnboardClient) -> Refused | None:
    """The first fault in the particulars. A personal field is named without its value."""
    if command.lei is not None and not is_lei(command.lei):
        return refused(ClientRefusal.LEI_INVALID, lei=command.lei)
    countries = {
        "country": (command.country,),
        "nationality": command.nationality,
        "tax_residence": tuple(r.country for r in command.tax_residence),
    }
    for field, named in countries.items():
        if not all(map(is_country, named)):
            return refused(ClientRefusal.COUNTRY_INVALID, field=field)
    national_id = command.national_id
    wrong = {
        "client_id": not is_id(command.client_id),
        "legal_name": not command.legal_name.strip(),
        "tax_id": command.tax_id is not None and not command.tax_id.strip(),
        "email": command.email is not None and not _is_email(command.email),
        "national_id": national_id is not None and not (national_id.scheme and national_id.value),
        "tax_residence": any(not r.tin.strip() for r in command.tax_residence),
    }
    faulty = next((name for name, is_wrong in wrong.items() if is_wrong), None)
    return refused(ClientRefusal.IDENTIFIER_INVALID, field=faulty) if faulty else None


def _is_email(text: str) -> bool:
    local, at, domain = text.rpartition("@")
    return bool(local and at and domain) and not any(c.isspace() for c in text)


def _submit(command: SubmitKyc, state: Client, seen: Seen, today: date) -> Decision:
    if state.erased:
        return refused(ClientRefusal.CLIENT_ERASED, status=state.status)
    if state.standing not in SUBMITTABLE or state.blocked:
        return refused(ClientRefusal.KYC_NOT_EXPECTED, status=state.status)
    if not command.documents:
        return refused(ClientRefusal.DOCUMENTS_MISSING, status=state.status)
    if wrong := _bad_documents(command.documents, today):
        return wrong
    return (
        KycSubmitted(
            client_id=command.client_id,
            submitted_by=seen.actor,
            document_kinds=tuple(d.kind if d.kind in KINDS else "other" for d in command.documents),
            documents=command.documents,
            risk_answers=tuple(Answer(q, a) for q, a in sorted(command.risk_answers.items())),
            pep=command.risk_answers.get("pep", "").strip().lower() in YES,
            submitted_by_hmac=digest(
                normal_form(seen.actor), seen.digest_key, scope=command.client_id
            ),
        ),
    )


def _bad_documents(documents: Sequence[Document], today: date) -> Refused | None:
    """Refuse the first document that was issued in the future or expires before its issue."""
    for n, document in enumerate(documents):
        issued, expires = f"documents[{n}].issued_on", f"documents[{n}].expires_on"
        wrong = bad_date(issued, document.issued_on, today)
        wrong = wrong or bad_span(issued, document.issued_on, expires, document.expires_on)
        if wrong:
            return wrong
    return None


def _judge(
    command: ApproveKyc | RequestKycInformation | RejectKyc, state: Client, seen: Seen
) -> Decision:
    """Decide an officer's verdict on the file. Its submitter may only request information."""
    judged = APPROVABLE if isinstance(command, ApproveKyc) else FIRST_REVIEW
    if state.standing not in judged or state.blocked or not state.submitted:
        return refused(ClientRefusal.KYC_NOT_IN_REVIEW, status=state.status)
    if wrong := _officer_fault(command, state, seen):
        return wrong
    if isinstance(command, ApproveKyc):
        return _approve(command, state, house_today(seen.now))
    event = KycRejected if isinstance(command, RejectKyc) else KycInformationRequested
    return (event(client_id=command.client_id, officer=command.officer, reason=command.reason),)


def _officer_fault(
    command: ApproveKyc | RequestKycInformation | RejectKyc, state: Client, seen: Seen
) -> Refused | None:
    """Refuse an officer that is not a person or not the actor, and the submitter as officer."""
    officer = normal_form(command.officer)
    if not officer or is_part(officer):
        return refused(ClientRefusal.OFFICER_MISSING, status=state.status)
    if not acts_as(seen.actor, officer):
        return refused(ClientRefusal.OFFICER_IS_NOT_ACTOR, actor=seen.actor)
    key, scope = seen.digest_key, command.client_id
    own = stored_as(officer, key, scope=scope, known={state.submitted_by}) is not None
    if own and not isinstance(command, RequestKycInformation):
        return refused(ClientRefusal.OFFICER_IS_SUBMITTER, status=state.status)
    return None


def _approve(command: ApproveKyc, state: Client, today: date) -> Decision:
    if senior_needed(state, command.risk_rating) and not command.senior:
        return refused(ClientRefusal.SENIOR_REQUIRED, status=state.status, pep=state.pep)
    ceiling = review_ceiling(command.risk_rating, today)
    if command.review_on > ceiling:
        return refused(ClientRefusal.REVIEW_TOO_LATE, latest=ceiling)
    missing = facts_missing(state, command.regime)
    if missing:
        return refused(ClientRefusal.FACTS_MISSING, missing=" ".join(missing))
    return (
        KycApproved(
            client_id=command.client_id,
            officer=command.officer,
            risk_rating=command.risk_rating,
            review_on=command.review_on,
            senior=command.senior,
            regime=command.regime,
        ),
    )


def _report(
    command: RecordScreening | MarkReviewDue | MarkReviewOverdue, state: Client, today: date
) -> Decision:
    if isinstance(command, RecordScreening):
        wrong = bad_date("screened_on", command.screened_on, today)
        return wrong or _screen(command, state)
    return _review(command, state)


def _screen(command: RecordScreening, state: Client) -> Decision:
    if command.screening_id == state.screening_id:
        return ()
    client_id = command.client_id
    screened = ClientScreened(
        client_id=client_id,
        screening_id=command.screening_id,
        outcome=command.outcome,
        screened_on=command.screened_on,
        pep=command.pep,
        lists=command.lists,
    )
    return (screened, *_consequences(screened, state))


def _consequences(screened: ClientScreened, state: Client) -> tuple[Event, ...]:
    """A confirmed hit blocks at once; a new suspicion about an approved client starts a review."""
    client_id = screened.client_id
    if screened.outcome is Screening.CONFIRMED and not state.blocked:
        if state.standing is Status.CLOSED:
            return ()
        by = screened.screening_id
        return (ClientBlocked(client_id=client_id, reason="sanctions", screening_id=by),)
    suspicious = screened.outcome is Screening.POSSIBLE or (screened.pep and not state.pep)
    if suspicious and state.standing is Status.APPROVED and state.review_on:
        on = state.review_on
        return (ReviewDue(client_id=client_id, review_on=on, trigger="screening"),)
    return ()


def _review(command: MarkReviewDue | MarkReviewOverdue, state: Client) -> Decision:
    """Record the timer's reports; ignore one for a review date that was replaced since."""
    on = state.review_on
    if on is None or state.standing not in UNDER_REFRESH:
        return ()
    match command:
        case MarkReviewDue(client_id=client_id, review_on=review_on, trigger=trigger):
            if state.standing is not Status.APPROVED or (review_on != on and not trigger):
                return ()
            return (ReviewDue(client_id=client_id, review_on=on, trigger=trigger),)
        case MarkReviewOverdue(client_id=client_id, review_on=review_on):
            if review_on != on:
                return ()
            until = on + REVIEW_GRACE
            return (ReviewOverdue(client_id=client_id, review_on=on, grace_until=until),)
        case _:
            assert_never(command)
