"""The review of a client: submissions, officers' verdicts, screenings, and the timer's reports."""

from collections.abc import Collection, Sequence
from datetime import date

from domain.client.commands import (
    ApproveKyc,
    MarkReviewDue,
    MarkReviewOverdue,
    RecordScreening,
    RejectKyc,
    RequestKycInformation,
    SubmitKyc,
)
from domain.client.events import (
    KINDS,
    Answer,
    ClientBlocked,
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
    REVIEW_GRACE,
    facts_missing,
    review_ceiling,
    senior_needed,
)
from domain.client.state import Client, ClientStatus
from domain.shared.dates import bad_date, bad_span
from domain.shared.digests import digest, stored_as
from domain.shared.market_time import house_today
from domain.shared.message import Decision, Event, Refused, Seen, refused
from domain.shared.persons import acts_as, is_part, normal_form

SUBMITTABLE = frozenset(
    {
        ClientStatus.ONBOARDED,
        ClientStatus.INFO_REQUESTED,
        ClientStatus.REJECTED,
        ClientStatus.REVIEW_DUE,
        ClientStatus.OVERDUE,
    }
)
FIRST_REVIEW = frozenset({ClientStatus.IN_REVIEW, ClientStatus.ESCALATED})
APPROVABLE = FIRST_REVIEW | {ClientStatus.IN_REFRESH, ClientStatus.OVERDUE}
UNDER_REFRESH = frozenset({ClientStatus.APPROVED, ClientStatus.REVIEW_DUE, ClientStatus.IN_REFRESH})
Judging = ApproveKyc | RequestKycInformation | RejectKyc
YES = frozenset({"yes", "true", "1"})


def submit(command: SubmitKyc, state: Client, seen: Seen) -> Decision:
    if state.erased:
        return refused(ClientRefusal.CLIENT_ERASED, status=state.status)
    if state.standing not in SUBMITTABLE or state.blocked:
        return refused(ClientRefusal.KYC_NOT_EXPECTED, status=state.status)
    if not command.documents:
        return refused(ClientRefusal.DOCUMENTS_MISSING, status=state.status)
    if wrong := _bad_documents(command.documents, house_today(seen.now)):
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


def approve(command: ApproveKyc, state: Client, seen: Seen) -> Decision:
    if wrong := _review_fault(command, state, seen, APPROVABLE) or _own_file_fault(
        command, state, seen
    ):
        return wrong
    return _approve(command, state, house_today(seen.now))


def request_information(command: RequestKycInformation, state: Client, seen: Seen) -> Decision:
    """Ask for more. The submitter of the file may do this too."""
    return _review_fault(command, state, seen, FIRST_REVIEW) or (
        KycInformationRequested(
            client_id=command.client_id, officer=command.officer, reason=command.reason
        ),
    )


def reject(command: RejectKyc, state: Client, seen: Seen) -> Decision:
    if wrong := _review_fault(command, state, seen, FIRST_REVIEW) or _own_file_fault(
        command, state, seen
    ):
        return wrong
    return (
        KycRejected(client_id=command.client_id, officer=command.officer, reason=command.reason),
    )


def _review_fault(
    command: Judging, state: Client, seen: Seen, judged: Collection[ClientStatus]
) -> Refused | None:
    """Refuse unless a file waits for an officer, and the actor is that officer."""
    if state.standing not in judged or state.blocked or not state.submitted:
        return refused(ClientRefusal.KYC_NOT_IN_REVIEW, status=state.status)
    return _officer_fault(command, state, seen)


def _officer_fault(command: Judging, state: Client, seen: Seen) -> Refused | None:
    """Refuse an officer that is not a person or not the actor."""
    officer = normal_form(command.officer)
    if not officer or is_part(officer):
        return refused(ClientRefusal.OFFICER_MISSING, status=state.status)
    if not acts_as(seen.actor, officer):
        return refused(ClientRefusal.OFFICER_IS_NOT_ACTOR, actor=seen.actor)
    return None


def _own_file_fault(command: ApproveKyc | RejectKyc, state: Client, seen: Seen) -> Refused | None:
    """Refuse an officer who submitted the file."""
    officer, key = normal_form(command.officer), seen.digest_key
    if stored_as(officer, key, scope=command.client_id, known={state.submitted_by}) is None:
        return None
    return refused(ClientRefusal.OFFICER_IS_SUBMITTER, status=state.status)


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


def record_screening(command: RecordScreening, state: Client, seen: Seen) -> Decision:
    if wrong := bad_date("screened_on", command.screened_on, house_today(seen.now)):
        return wrong
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
        if state.standing is ClientStatus.CLOSED:
            return ()
        by = screened.screening_id
        return (ClientBlocked(client_id=client_id, reason="sanctions", screening_id=by),)
    suspicious = screened.outcome is Screening.POSSIBLE or (screened.pep and not state.pep)
    if suspicious and state.standing is ClientStatus.APPROVED and state.review_on:
        on = state.review_on
        return (ReviewDue(client_id=client_id, review_on=on, trigger="screening"),)
    return ()


def mark_due(command: MarkReviewDue, state: Client, seen: Seen) -> Decision:
    """Record the timer's report; ignore one for a review date that was replaced since."""
    on = state.review_on
    if on is None or state.standing is not ClientStatus.APPROVED:
        return ()
    if command.review_on != on and not command.trigger:
        return ()
    return (ReviewDue(client_id=command.client_id, review_on=on, trigger=command.trigger),)


def mark_overdue(command: MarkReviewOverdue, state: Client, seen: Seen) -> Decision:
    """Record the timer's report; ignore one for a review date that was replaced since."""
    on = state.review_on
    if on is None or state.standing not in UNDER_REFRESH or command.review_on != on:
        return ()
    until = on + REVIEW_GRACE
    return (ReviewOverdue(client_id=command.client_id, review_on=on, grace_until=until),)
