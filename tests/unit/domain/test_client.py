"""A client is onboarded, reviewed, approved or rejected."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from domain import client
from domain.client.commands import (
    ApproveKyc,
    OnboardClient,
    RecordScreening,
    RejectKyc,
    RequestKycInformation,
    SubmitKyc,
)
from domain.client.events import (
    Answer,
    ClientOnboarded,
    ClientScreened,
    Document,
    Kind,
    KycApproved,
    KycInformationRequested,
    KycRejected,
    KycSubmitted,
    NationalId,
    Regime,
    RiskRating,
    Screening,
    TaxResidence,
)
from domain.client.refusals import ClientRefusal
from domain.client.rules import months_after
from domain.client.state import ClientStatus
from domain.shared.digests import digest
from domain.shared.message import Seen
from tests.unit.domain.scenario import given

TODAY = Seen(now=datetime(2024, 5, 31, 9, tzinfo=UTC), actor="u.clerk")
OFFICER = Seen(now=TODAY.now, actor="u.officer")
CLERK = digest("u.clerk", b"", scope="C1")
PASSPORT = Document(kind="passport", reference="P123")
ONBOARDED = ClientOnboarded(
    client_id="C1", kind=Kind.INDIVIDUAL, legal_name="Ada Lovelace", country="GB"
)
SUBMITTED = KycSubmitted(
    client_id="C1",
    submitted_by="u.clerk",
    document_kinds=("passport",),
    documents=(PASSPORT,),
    submitted_by_hmac=CLERK,
)
APPROVED = KycApproved(
    client_id="C1", officer="u.officer", risk_rating=RiskRating.LOW, review_on=date(2027, 5, 31)
)


def onboard(**changes: Any) -> OnboardClient:
    return OnboardClient(
        **{
            "client_id": "C1",
            "kind": Kind.INDIVIDUAL,
            "legal_name": "Ada Lovelace",
            "country": "GB",
            **changes,
        }
    )


def approve(**changes: Any) -> ApproveKyc:
    return ApproveKyc(
        **{
            "client_id": "C1",
            "officer": "u.officer",
            "risk_rating": RiskRating.LOW,
            "review_on": date(2027, 5, 31),
            **changes,
        }
    )


def screened(**changes: Any) -> ClientScreened:
    return ClientScreened(
        **{
            "client_id": "C1",
            "screening_id": "S1",
            "outcome": Screening.CLEAR,
            "screened_on": date(2024, 5, 30),
            **changes,
        }
    )


def test_onboarding_needs_no_more_than_name_kind_and_country() -> None:
    state = given(client).when(onboard()).then(ONBOARDED)
    assert (state.status, state.kind, state.country) == ("onboarded", "individual", "GB")


def test_onboarding_keeps_every_particular_and_the_state_only_which_were_given() -> None:
    particulars: dict[str, Any] = {
        "tax_id": "123-45",
        "email": "ada@example.org",
        "birth_date": date(1815, 12, 10),
        "nationality": ("GB",),
        "tax_residence": (TaxResidence(country="GB", tin="99"),),
    }
    national_id = NationalId(scheme="NIDN", value="AB1")
    scene = given(client).when(onboard(**particulars, national_id=national_id))
    (event,) = scene.decision
    assert {name: getattr(event, name) for name in particulars} == particulars
    assert event.national_id == (national_id,)
    state = scene.after()
    assert set(state.facts) == {*particulars, "national_id"}
    result = repr(state)
    for secret in ("Ada", "123-45", "example.org", "1815", "AB1"):
        assert secret not in result


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"lei": "5493001KJTIIGC8Y1R13"}, ClientRefusal.LEI_INVALID),
        ({"country": "UK"}, ClientRefusal.COUNTRY_INVALID),
        ({"nationality": ("GB", "XX")}, ClientRefusal.COUNTRY_INVALID),
        (
            {"tax_residence": (TaxResidence(country="ZZ", tin="1"),)},
            ClientRefusal.COUNTRY_INVALID,
        ),
        ({"client_id": "a b"}, ClientRefusal.IDENTIFIER_INVALID),
        ({"legal_name": "  "}, ClientRefusal.IDENTIFIER_INVALID),
        ({"email": "nobody"}, ClientRefusal.IDENTIFIER_INVALID),
        ({"tax_id": ""}, ClientRefusal.IDENTIFIER_INVALID),
        ({"national_id": NationalId(scheme="", value="1")}, ClientRefusal.IDENTIFIER_INVALID),
    ],
)
def test_onboarding_refuses_a_particular_that_cannot_be(
    changes: dict[str, Any], refusal: ClientRefusal
) -> None:
    [(field, value)] = changes.items()
    named = {"lei": value} if field == "lei" else {"field": field}
    given(client).when(onboard(**changes)).refused(refusal, **named)


def test_an_organisation_may_give_its_lei() -> None:
    command = onboard(kind=Kind.ORGANISATION, lei="5493001KJTIIGC8Y1R12")
    assert given(client).when(command).after().facts == ("lei",)


def test_no_client_is_onboarded_twice_and_nothing_happens_to_the_unknown() -> None:
    given(client, ONBOARDED).when(onboard()).refused(
        ClientRefusal.CLIENT_EXISTS, status="onboarded"
    )
    given(client).when(approve(), seen=OFFICER).refused(
        ClientRefusal.CLIENT_UNKNOWN, client_id="C1"
    )


def test_a_submission_names_its_submitter_and_lists_documents_by_kind() -> None:
    command = SubmitKyc(client_id="C1", documents=(PASSPORT,), risk_answers={"income": "high"})
    state = (
        given(client, ONBOARDED)
        .when(command, seen=TODAY)
        .then(
            KycSubmitted(
                client_id="C1",
                submitted_by="u.clerk",
                document_kinds=("passport",),
                documents=(PASSPORT,),
                risk_answers=(Answer("income", "high"),),
                submitted_by_hmac=CLERK,
            )
        )
    )
    assert (state.status, state.submitted_by) == ("in_review", CLERK)


def test_a_submission_without_documents_or_out_of_turn_is_refused() -> None:
    given(client, ONBOARDED).when(SubmitKyc(client_id="C1", documents=())).refused(
        ClientRefusal.DOCUMENTS_MISSING
    )
    given(client, ONBOARDED, SUBMITTED, APPROVED).when(
        SubmitKyc(client_id="C1", documents=(PASSPORT,))
    ).refused(ClientRefusal.KYC_NOT_EXPECTED, status="approved")


def test_an_officer_approves_and_sets_the_next_review() -> None:
    state = given(client, ONBOARDED, SUBMITTED).when(approve(), seen=OFFICER).then(APPROVED)
    assert state.status == "approved"
    assert (state.risk_rating, state.review_on) == ("low", date(2027, 5, 31))


def test_no_officer_approves_a_file_that_they_handed_in() -> None:
    given(client, ONBOARDED, SUBMITTED).when(approve(officer="u.clerk"), seen=TODAY).refused(
        ClientRefusal.OFFICER_IS_SUBMITTER
    )


def test_there_is_nothing_to_approve_before_a_submission() -> None:
    given(client, ONBOARDED).when(approve(), seen=OFFICER).refused(
        ClientRefusal.KYC_NOT_IN_REVIEW, status="onboarded"
    )
    given(client, ONBOARDED, SUBMITTED, APPROVED).when(approve(), seen=OFFICER).refused(
        ClientRefusal.KYC_NOT_IN_REVIEW, status="approved"
    )


@pytest.mark.parametrize(
    ("rating", "latest"),
    [
        (RiskRating.HIGH, date(2025, 5, 31)),
        (RiskRating.MEDIUM, date(2026, 5, 31)),
        (RiskRating.LOW, date(2027, 5, 31)),
    ],
)
def test_the_riskier_the_sooner_the_review(rating: RiskRating, latest: date) -> None:
    scene = given(client, ONBOARDED, SUBMITTED)
    at_most = approve(risk_rating=rating, review_on=latest, senior=True)
    assert scene.when(at_most, seen=OFFICER).after().status == "approved"
    later = approve(risk_rating=rating, review_on=latest.replace(month=6, day=1), senior=True)
    scene.when(later, seen=OFFICER).refused(ClientRefusal.REVIEW_TOO_LATE, latest=latest)


def test_high_risk_needs_a_senior_officer() -> None:
    high = {"risk_rating": RiskRating.HIGH, "review_on": date(2025, 5, 31)}
    scene = given(client, ONBOARDED, SUBMITTED)
    scene.when(approve(**high), seen=OFFICER).refused(ClientRefusal.SENIOR_REQUIRED)
    assert scene.when(approve(**high, senior=True), seen=OFFICER).after().status == "approved"


@pytest.mark.parametrize(
    "finding",
    [screened(pep=True), screened(outcome=Screening.POSSIBLE)],
    ids=["politically exposed", "possible hit"],
)
@pytest.mark.parametrize("before", [True, False], ids=["before submission", "in review"])
def test_a_finding_escalates_to_a_senior_officer(finding: ClientScreened, before: bool) -> None:
    history = (finding, SUBMITTED) if before else (SUBMITTED, finding)
    scene = given(client, ONBOARDED, *history)
    assert scene.state.status == "escalated"
    scene.when(approve(), seen=OFFICER).refused(ClientRefusal.SENIOR_REQUIRED)
    assert scene.when(approve(senior=True), seen=OFFICER).after().status == "approved"


def test_a_client_declared_politically_exposed_is_escalated() -> None:
    command = SubmitKyc(client_id="C1", documents=(PASSPORT,), risk_answers={"pep": " Yes "})
    state = given(client, ONBOARDED).when(command, seen=TODAY).after()
    assert (state.status, state.pep) == ("escalated", True)


def test_a_screening_is_recorded_once() -> None:
    command = RecordScreening(
        client_id="C1",
        screening_id="S1",
        outcome=Screening.CLEAR,
        screened_on=date(2024, 5, 30),
    )
    given(client, ONBOARDED).when(command).then(screened())
    given(client, ONBOARDED, screened()).when(command).then()


def test_an_officer_may_ask_for_more_and_gets_it() -> None:
    ask = RequestKycInformation(client_id="C1", officer="u.officer", reason="proof of address")
    asked = KycInformationRequested(client_id="C1", officer="u.officer", reason="proof of address")
    state = given(client, ONBOARDED, SUBMITTED).when(ask).then(asked)
    assert state.status == "info_requested"
    given(client, ONBOARDED, SUBMITTED, asked).when(approve(), seen=OFFICER).refused(
        ClientRefusal.KYC_NOT_IN_REVIEW
    )
    again = given(client, ONBOARDED, SUBMITTED, asked).when(
        SubmitKyc(client_id="C1", documents=(PASSPORT,)), seen=TODAY
    )
    assert again.after().status == "in_review"


def test_a_rejected_client_may_try_again() -> None:
    reject = RejectKyc(client_id="C1", officer="u.officer", reason="forged")
    rejected = KycRejected(client_id="C1", officer="u.officer", reason="forged")
    state = given(client, ONBOARDED, SUBMITTED).when(reject).then(rejected)
    assert state.status == "rejected"
    given(client, ONBOARDED).when(reject).refused(ClientRefusal.KYC_NOT_IN_REVIEW)
    again = given(client, ONBOARDED, SUBMITTED, rejected).when(
        SubmitKyc(client_id="C1", documents=(PASSPORT,)), seen=TODAY
    )
    assert again.after().status == "in_review"


def test_the_regime_says_which_facts_an_approval_needs() -> None:
    scene = given(client, ONBOARDED, SUBMITTED)
    scene.when(approve(regime=Regime.US), seen=OFFICER).refused(
        ClientRefusal.FACTS_MISSING, missing="birth_date tax_id screening"
    )
    full = ClientOnboarded(
        client_id="C1",
        kind=Kind.INDIVIDUAL,
        legal_name="Ada Lovelace",
        country="US",
        facts=("birth_date", "tax_id"),
    )
    state = given(client, full, screened(), SUBMITTED).when(approve(regime=Regime.US), seen=OFFICER)
    assert state.after().status == "approved"


def test_months_end_where_the_month_ends() -> None:
    assert months_after(date(2024, 2, 29), 12) == date(2025, 2, 28)
    assert months_after(date(2023, 12, 31), 2) == date(2024, 2, 29)


def test_every_state_is_one_that_others_know() -> None:
    assert {s.value for s in ClientStatus} == {
        *("", "onboarded", "in_review", "info_requested", "escalated", "rejected", "approved"),
        *("review_due", "in_refresh", "overdue", "suspended", "blocked", "exiting", "closed"),
    }
