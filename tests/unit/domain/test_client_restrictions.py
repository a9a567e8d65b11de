"""Reviews fall due, and restrictions come and go without a change of the standing beneath."""

from datetime import UTC, date, datetime
from itertools import permutations

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from domain import client
from domain.client import INITIAL
from domain.client.commands import (
    ApproveKyc,
    BlockClient,
    CloseClient,
    MarkReviewDue,
    MarkReviewOverdue,
    OffboardClient,
    RecordScreening,
    ReinstateClient,
    RejectKyc,
    RequestKycInformation,
    SubmitKyc,
    SuspendClient,
    UnblockClient,
)
from domain.client.events import (
    ClientBlocked,
    ClientClosed,
    ClientExiting,
    ClientReinstated,
    ClientScreened,
    ClientSuspended,
    KycApproved,
    KycRejected,
    ReviewDue,
    ReviewOverdue,
    RiskRating,
    Screening,
)
from domain.client.refusals import ClientRefusal
from domain.client.state import Client, ClientStatus
from domain.shared.message import Command, Refused, Seen
from tests.unit.domain.scenario import given
from tests.unit.domain.test_client import APPROVED, ONBOARDED, PASSPORT, SUBMITTED, onboard

REVIEW = date(2027, 5, 31)
GRACE = date(2027, 6, 30)
LATER = Seen(now=datetime(2027, 7, 15, tzinfo=UTC), actor="u.clerk")
OFFICER = Seen(now=LATER.now, actor="u.officer")
ACTIVE = (ONBOARDED, SUBMITTED, APPROVED)
DUE = ReviewDue(client_id="C1", review_on=REVIEW)
OVERDUE = ReviewOverdue(client_id="C1", review_on=REVIEW, grace_until=GRACE)
SUSPENDED = ClientSuspended(client_id="C1", reason="x")
BLOCKED = ClientBlocked(client_id="C1", reason="x")
SUBMIT = SubmitKyc(client_id="C1", documents=(PASSPORT,))
APPROVE = ApproveKyc(
    client_id="C1", officer="u.officer", risk_rating=RiskRating.LOW, review_on=date(2030, 5, 31)
)


def test_a_review_falls_due_is_refreshed_and_trading_goes_on() -> None:
    mark = MarkReviewDue(client_id="C1", review_on=REVIEW)
    assert given(client, *ACTIVE).when(mark).then(DUE).status == "review_due"
    refreshed = given(client, *ACTIVE, DUE).when(SUBMIT, seen=LATER)
    assert refreshed.after().status == "in_refresh"
    approved = given(client, *ACTIVE, DUE, *refreshed.decision).when(APPROVE, seen=OFFICER).after()
    assert (approved.status, approved.review_on) == ("approved", date(2030, 5, 31))


def test_a_review_that_is_missed_closes_in_and_then_suspends() -> None:
    mark = MarkReviewOverdue(client_id="C1", review_on=REVIEW)
    for before in ((DUE,), (DUE, SUBMITTED), ()):
        state = given(client, *ACTIVE, *before).when(mark).then(OVERDUE)
        assert (state.status, state.grace_until) == ("overdue", GRACE)


def test_a_timer_set_for_another_date_is_stale() -> None:
    old = date(2025, 1, 1)
    given(client, *ACTIVE).when(MarkReviewDue(client_id="C1", review_on=old)).then()
    given(client, *ACTIVE, DUE).when(MarkReviewOverdue(client_id="C1", review_on=old)).then()
    given(client, *ACTIVE, DUE).when(MarkReviewDue(client_id="C1", review_on=REVIEW)).then()
    given(client, ONBOARDED).when(MarkReviewDue(client_id="C1", review_on=REVIEW)).then()


def test_a_trigger_brings_the_review_forward() -> None:
    mark = MarkReviewDue(client_id="C1", trigger="moved abroad")
    given(client, *ACTIVE).when(mark).then(
        ReviewDue(client_id="C1", review_on=REVIEW, trigger="moved abroad")
    )


def test_an_overdue_client_is_approved_only_after_a_new_submission() -> None:
    overdue = (*ACTIVE, DUE, OVERDUE)
    given(client, *overdue).when(APPROVE, seen=OFFICER).refused(ClientRefusal.KYC_NOT_IN_REVIEW)
    submitted = given(client, *overdue).when(SUBMIT, seen=LATER)
    assert submitted.after().status == "overdue"
    approved = given(client, *overdue, *submitted.decision).when(APPROVE, seen=OFFICER).after()
    assert (approved.status, approved.grace_until) == ("approved", None)


@pytest.mark.parametrize("standing", [(), (DUE,), (DUE, SUBMITTED), (DUE, OVERDUE)])
def test_a_suspension_comes_off_and_shows_what_was_beneath(standing: tuple) -> None:
    prior = given(client, *ACTIVE, *standing).state.status
    suspend = SuspendClient(client_id="C1", reason="x")
    suspended = given(client, *ACTIVE, *standing).when(suspend).then(SUSPENDED)
    assert suspended.status == "suspended"
    back = given(client, *ACTIVE, *standing, SUSPENDED).when(
        ReinstateClient(client_id="C1"), seen=LATER
    )
    assert back.after().status == prior


def test_a_client_reinstated_while_overdue_gets_a_new_grace_period() -> None:
    overdue = given(client, *ACTIVE, DUE, OVERDUE, SUSPENDED)
    again = date(2027, 8, 14)
    state = overdue.when(ReinstateClient(client_id="C1"), seen=LATER).then(
        ClientReinstated(client_id="C1", grace_until=again)
    )
    assert state.grace_until == again


def test_suspended_for_a_missed_review_it_may_be_caught_up_before_reinstatement() -> None:
    missed = (*ACTIVE, DUE, OVERDUE, SUSPENDED)
    submitted = given(client, *missed).when(SUBMIT, seen=LATER).decision
    approved = given(client, *missed, *submitted).when(APPROVE, seen=OFFICER)
    assert approved.after().status == "suspended"
    back = given(client, *missed, *submitted, *approved.decision)
    assert back.when(ReinstateClient(client_id="C1")).after().status == "approved"


def test_only_the_active_are_suspended_and_only_the_suspended_reinstated() -> None:
    given(client, ONBOARDED).when(SuspendClient(client_id="C1", reason="x")).refused(
        ClientRefusal.CLIENT_NOT_ACTIVE, status="onboarded"
    )
    given(client, *ACTIVE).when(ReinstateClient(client_id="C1")).refused(
        ClientRefusal.CLIENT_NOT_SUSPENDED
    )
    given(client, *ACTIVE, SUSPENDED).when(SuspendClient(client_id="C1", reason="y")).then()


def test_a_confirmed_hit_blocks_at_once() -> None:
    report = RecordScreening(
        client_id="C1",
        screening_id="S9",
        outcome=Screening.CONFIRMED,
        screened_on=date(2027, 1, 4),
    )
    screened = ClientScreened(
        client_id="C1",
        screening_id="S9",
        outcome=Screening.CONFIRMED,
        screened_on=date(2027, 1, 4),
    )
    by_screening = ClientBlocked(client_id="C1", reason="sanctions", screening_id="S9")
    assert given(client, *ACTIVE).when(report).then(screened, by_screening).status == "blocked"
    given(client, *ACTIVE, BLOCKED).when(report).then(screened)


def test_a_new_suspicion_about_an_approved_client_calls_for_a_review() -> None:
    report = RecordScreening(
        client_id="C1",
        screening_id="S9",
        outcome=Screening.POSSIBLE,
        screened_on=date(2027, 1, 4),
    )
    scene = given(client, *ACTIVE).when(report)
    assert [type(e) for e in scene.decision] == [ClientScreened, ReviewDue]
    assert scene.after().status == "review_due"


def test_a_finding_during_a_refresh_needs_a_senior_and_a_judged_hit_no_more() -> None:
    refresh = (*ACTIVE, DUE, SUBMITTED)
    for outcome, pep in ((Screening.POSSIBLE, False), (Screening.CLEAR, True)):
        found = ClientScreened(
            client_id="C1", screening_id="S9", outcome=outcome, pep=pep, screened_on=REVIEW
        )
        scene = given(client, *refresh, found)
        assert scene.state.status == "in_refresh"
        scene.when(APPROVE, seen=OFFICER).refused(ClientRefusal.SENIOR_REQUIRED, pep=pep)
        senior = msgspec.structs.replace(APPROVE, senior=True)
        judged = scene.when(senior, seen=OFFICER).after()
        assert (judged.status, judged.possible_hit, judged.pep) == ("approved", False, pep)


def test_any_client_may_be_blocked_but_a_closed_one() -> None:
    block = BlockClient(client_id="C1", reason="x")
    for history in ((ONBOARDED,), (ONBOARDED, SUBMITTED), ACTIVE, (*ACTIVE, SUSPENDED)):
        assert given(client, *history).when(block).then(BLOCKED).status == "blocked"
        prior = given(client, *history).state.status
        unblocked = given(client, *history, BLOCKED).when(UnblockClient(client_id="C1"))
        assert unblocked.after().status == prior
    given(client, *ACTIVE, BLOCKED).when(block).then()
    gone = (*ACTIVE, ClientExiting(client_id="C1"), ClientClosed(client_id="C1"))
    given(client, *gone).when(block).refused(ClientRefusal.CLIENT_CLOSED)
    given(client, *ACTIVE).when(UnblockClient(client_id="C1")).refused(
        ClientRefusal.CLIENT_NOT_BLOCKED
    )


def test_nothing_is_reviewed_under_a_block() -> None:
    given(client, ONBOARDED, BLOCKED).when(SUBMIT).refused(
        ClientRefusal.KYC_NOT_EXPECTED, status="blocked"
    )
    given(client, ONBOARDED, SUBMITTED, BLOCKED).when(APPROVE, seen=OFFICER).refused(
        ClientRefusal.KYC_NOT_IN_REVIEW, status="blocked"
    )


def test_leaving_takes_two_steps() -> None:
    leave, close = OffboardClient(client_id="C1"), CloseClient(client_id="C1")
    exiting = ClientExiting(client_id="C1")
    given(client, *ACTIVE).when(close).then()
    rejected = KycRejected(client_id="C1", officer="o", reason="r")
    for history in (ACTIVE, (*ACTIVE, SUSPENDED), (ONBOARDED, SUBMITTED, rejected)):
        assert given(client, *history).when(leave).then(exiting).status == "exiting"
    given(client, *ACTIVE, exiting).when(leave).then()
    closed = given(client, *ACTIVE, exiting).when(close).then(ClientClosed(client_id="C1"))
    assert closed.status == "closed"
    for history in ((ONBOARDED,), (*ACTIVE, BLOCKED)):
        given(client, *history).when(leave).refused(ClientRefusal.CLIENT_NOT_ACTIVE)
    given(client, *ACTIVE, exiting, BLOCKED).when(close).then()


def test_restrictions_commute() -> None:
    restrictions = (SUSPENDED, BLOCKED, DUE)
    states = {given(client, *ACTIVE, *order).state for order in permutations(restrictions)}
    assert len(states) == 1


IDS = {"client_id": "C1"}
WHEN = date(2027, 1, 4)
COMMANDS: tuple[Command, ...] = (
    onboard(),
    SUBMIT,
    APPROVE,
    APPROVE.__class__(**IDS, officer="o", risk_rating=RiskRating.HIGH, review_on=WHEN, senior=True),
    RejectKyc(**IDS, officer="o", reason="r"),
    RequestKycInformation(**IDS, officer="o", reason="r"),
    *(
        RecordScreening(**IDS, screening_id=f"S-{o}-{p}", outcome=o, pep=p, screened_on=WHEN)
        for o in Screening
        for p in (True, False)
    ),
    SuspendClient(**IDS, reason="r"),
    ReinstateClient(**IDS),
    BlockClient(**IDS, reason="r"),
    UnblockClient(**IDS),
    OffboardClient(**IDS),
    MarkReviewDue(**IDS, review_on=REVIEW),
    MarkReviewDue(**IDS, trigger="t"),
    MarkReviewOverdue(**IDS, review_on=date(2030, 5, 31)),
    CloseClient(**IDS),
)


class AnythingMayBeAsked(RuleBasedStateMachine):
    """Whatever is asked in whatever order, the machine's safety rules hold."""

    def __init__(self) -> None:
        super().__init__()
        self.state: Client = INITIAL

    @rule(command=st.sampled_from(COMMANDS))
    def ask(self, command: Command) -> None:
        before = self.state
        decision = client.decide(command, before, LATER)
        if isinstance(decision, Refused):
            return
        for event in decision:
            self.state = client.evolve(self.state, event)
            if isinstance(event, KycApproved):
                assert before.submitted and not before.blocked
                assert event.senior or not (before.pep or before.possible_hit)

    @invariant()
    def a_lid_is_seen(self) -> None:
        if self.state.standing is not ClientStatus.CLOSED:
            assert (self.state.status == "blocked") == self.state.blocked
            if self.state.suspended and not self.state.blocked:
                assert self.state.status == "suspended"

    @invariant()
    def who_trades_was_approved(self) -> None:
        if self.state.status in {"approved", "review_due", "in_refresh", "overdue"}:
            assert self.state.review_on and self.state.risk_rating


TestAnythingMayBeAsked = AnythingMayBeAsked.TestCase
TestAnythingMayBeAsked.settings = settings(max_examples=60, stateful_step_count=30)
