"""Four eyes on a KYC file, and on an adjustment: who may decide, and under which name."""

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import reduce
from typing import Any

import pytest
from msgspec.structs import replace

from adapters.log.upcasts import UPCASTS
from domain import account, client
from domain.account.adjustments import PostAdjustment
from domain.account.refusals import AccountRefusal
from domain.account.standing import AccountOpened
from domain.client.commands import (
    ApproveKyc,
    BlockClient,
    EraseClient,
    OnboardClient,
    RecordScreening,
    RejectKyc,
    RequestKycInformation,
    SubmitKyc,
)
from domain.client.events import ClientClosed, ClientErased, RiskRating, Screening
from domain.client.refusals import ClientRefusal
from domain.shared.message import Command, Seen
from tests.unit.domain.scenario import given
from tests.unit.domain.test_client import ONBOARDED, PASSPORT
from tests.unit.domain.test_persons import LOOKS_LIKE_LOCAL

NOW = datetime(2024, 5, 31, 9, tzinfo=UTC)
SUBMIT = SubmitKyc(client_id="C1", documents=(PASSPORT,))
DECISIONS = (ApproveKyc, RejectKyc)


def by(actor: str) -> Seen:
    return Seen(now=NOW, actor=actor, digest_key=b"k" * 32)


def said(kind: type[Command], officer: str) -> Command:
    more: dict[str, Any] = {"reason": "x"}
    if kind is ApproveKyc:
        more = {"risk_rating": RiskRating.LOW, "review_on": date(2025, 5, 31)}
    return kind(client_id="C1", officer=officer, **more)


def submitted(actor: str) -> given:
    scene = given(client, ONBOARDED).when(SUBMIT, seen=by(actor))
    return given(client, ONBOARDED, *scene.decision)


@pytest.mark.parametrize("kind", DECISIONS)
@pytest.mark.parametrize("officer", LOOKS_LIKE_LOCAL, ids=ascii)
def test_no_officer_decides_on_their_own_file_in_any_spelling(kind: Any, officer: str) -> None:
    scene = submitted("local").when(said(kind, officer), seen=by("local"))
    scene.refused(ClientRefusal.OFFICER_IS_SUBMITTER)


@pytest.mark.parametrize("kind", (*DECISIONS, RequestKycInformation))
def test_a_named_caller_is_no_other_officer(kind: Any) -> None:
    scene = submitted("clerk")
    scene.when(said(kind, "olga"), seen=by("ben")).refused(ClientRefusal.OFFICER_IS_NOT_ACTOR)
    scene.when(said(kind, "olga"), seen=by("clerk")).refused(ClientRefusal.OFFICER_IS_NOT_ACTOR)
    assert scene.when(said(kind, "Olga "), seen=by("olga")).after()


@pytest.mark.parametrize("kind", (*DECISIONS, RequestKycInformation))
@pytest.mark.parametrize("officer", ["", " ", "\N{ZERO WIDTH SPACE}", "\N{HANGUL FILLER}"])
def test_an_officer_is_somebody(kind: Any, officer: str) -> None:
    scene = submitted("local").when(said(kind, officer), seen=by("local"))
    scene.refused(ClientRefusal.OFFICER_MISSING)


@pytest.mark.parametrize("kind", DECISIONS)
def test_an_anonymous_caller_is_the_officer_that_the_body_names(kind: Any) -> None:
    assert submitted("local").when(said(kind, "compliance"), seen=by("local")).after()


def test_a_file_of_before_the_digests_knows_its_submitter_too() -> None:
    [event] = given(client, ONBOARDED).when(SUBMIT, seen=by("Clerk")).decision
    upcast = UPCASTS["client.kyc_submitted", 1]
    old = upcast({"client_id": "C1", "submitted_by": "Clerk"})["submitted_by_hmac"]
    assert old != event.submitted_by_hmac
    scene = given(client, ONBOARDED, replace(event, submitted_by_hmac=old))
    scene.when(said(ApproveKyc, "clerk"), seen=by("clerk")).refused(
        ClientRefusal.OFFICER_IS_SUBMITTER
    )


def test_the_submitter_is_known_after_an_erasure_too() -> None:
    [event] = given(client, ONBOARDED).when(SUBMIT, seen=by("clerk")).decision
    scene = given(client, ONBOARDED, replace(event, submitted_by="", documents=()))
    scene.when(said(ApproveKyc, "clerk"), seen=by("clerk")).refused(
        ClientRefusal.OFFICER_IS_SUBMITTER
    )


def test_documents_of_an_unknown_kind_are_named_in_the_sealed_part_alone() -> None:
    odd = replace(PASSPORT, kind="letter of Ada Lovelace")
    command = SubmitKyc(client_id="C1", documents=(PASSPORT, odd))
    [event] = given(client, ONBOARDED).when(command, seen=by("clerk")).decision
    assert event.document_kinds == ("passport", "other")
    assert event.documents[1].kind == odd.kind


OPENED = AccountOpened(account_id="A1", client_id="C1", base_currency="USD", lot_method="FIFO")


def adjust(requested_by: str, approved_by: str) -> PostAdjustment:
    return PostAdjustment(
        account_id="A1", adjustment_id="J1", currency="USD", amount=Decimal("1.00"), reason="r",
        evidence="e", requested_by=requested_by, approved_by=approved_by,
    )  # fmt: skip


@pytest.mark.parametrize("other", LOOKS_LIKE_LOCAL, ids=ascii)
def test_an_adjustment_takes_two_people_in_any_spelling(other: str) -> None:
    scene = given(account, OPENED)
    for pair in (("local", other), (other, "local")):
        scene.when(adjust(*pair), seen=by("local")).refused(AccountRefusal.SECOND_PERSON_REQUIRED)


@pytest.mark.parametrize("nobody", ["", "\N{ZERO WIDTH SPACE}", "\N{BRAILLE PATTERN BLANK}"])
def test_neither_of_them_may_be_without_a_visible_name(nobody: str) -> None:
    scene = given(account, OPENED)
    for pair in (("ann", nobody), (nobody, "ben")):
        scene.when(adjust(*pair), seen=by("local")).refused(AccountRefusal.SECOND_PERSON_REQUIRED)


def test_a_named_caller_approves_as_itself() -> None:
    scene = given(account, OPENED)
    for actor in ("ann", "carla"):
        scene.when(adjust("ann", "ben"), seen=by(actor)).refused(
            AccountRefusal.APPROVER_IS_NOT_ACTOR
        )
    assert scene.when(adjust("ann", "Ben"), seen=by("ben")).after()
    assert scene.when(adjust("ann", "ben"), seen=by("local")).after()


ERASED_CLIENT = (ONBOARDED, ClientErased(client_id="C1", forced=True))


@pytest.mark.parametrize(
    "command",
    [OnboardClient(client_id="C1", kind="individual", legal_name="A", country="GB"), SUBMIT],
    ids=lambda c: type(c).__name__,
)
def test_what_is_about_personal_data_is_refused_of_an_erased_client(command: Any) -> None:
    given(client, *ERASED_CLIENT).when(command, seen=by("local")).refused(
        ClientRefusal.CLIENT_ERASED
    )


def test_an_erased_client_is_blocked_and_screened_like_any_other() -> None:
    scene = given(client, *ERASED_CLIENT)
    assert scene.when(BlockClient(client_id="C1", reason="x"), seen=by("o")).after().blocked
    hit = RecordScreening(
        client_id="C1", screening_id="S", outcome=Screening.CONFIRMED, screened_on=NOW.date()
    )
    assert scene.when(hit, seen=by("o")).after().blocked


def test_a_client_is_erased_after_closing_and_retention_or_by_force_with_a_reason() -> None:
    erase = EraseClient(client_id="C1")
    scene = given(client, ONBOARDED)
    scene.when(erase, seen=by("cli.root")).refused(ClientRefusal.CLIENT_NOT_CLOSED)
    scene.when(replace(erase, forced=True, reason=" "), seen=by("cli.root")).refused(
        ClientRefusal.REASON_MISSING
    )
    forced = scene.when(replace(erase, forced=True, reason="a court"), seen=by("cli.root"))
    assert forced.after().erased
    given(client, ONBOARDED, *forced.decision).when(erase, seen=by("cli.root")).then()
    closed = reduce(client.evolve, [ONBOARDED, ClientClosed(client_id="C1")], client.INITIAL)
    for on, refusal in (
        (date(2019, 6, 1), ClientRefusal.RETENTION_NOT_OVER),
        (date(2019, 5, 31), None),
    ):
        decision = client.decide(replace(erase, closed_on=on), closed, by("cli.root"))
        assert getattr(decision, "refusal", None) is refusal


@pytest.mark.parametrize("part", ["system", "Simulator", "saga.kyc", "cli.root"])
def test_a_part_of_the_platform_may_not_decide(part: str) -> None:
    for pair in ((part, "olga"), ("olga", part)):
        scene = given(account, OPENED)
        scene.when(adjust(*pair), seen=by("local")).refused(AccountRefusal.SECOND_PERSON_REQUIRED)
    result = submitted("ann").when(said(ApproveKyc, part), seen=by("local"))
    result.refused(ClientRefusal.OFFICER_MISSING)
