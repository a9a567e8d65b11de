"""The KYC saga: a client's standing reaches the accounts, its dates the client."""

from datetime import UTC, date, datetime

from domain.account.standing import (
    AccountOpened,
    AccountRestricted,
    BlockAccount,
    SetClosingOnly,
    UnblockAccount,
)
from domain.client.commands import CloseClient, MarkReviewDue, MarkReviewOverdue, SuspendClient
from domain.client.events import (
    ClientBlocked,
    ClientClosed,
    ClientExiting,
    ClientReinstated,
    ClientSuspended,
    ClientUnblocked,
    KycApproved,
    ReviewDue,
    ReviewOverdue,
    RiskRating,
)
from domain.saga import DeadlinePassed
from sagas import kyc
from tests.unit.sagas.scenario import following

REVIEW = date(2025, 6, 30)
OURS = kyc.REASON
block, closing_only, unblock = (
    BlockAccount(account_id="A1", reason=OURS),
    SetClosingOnly(account_id="A1", reason=OURS),
    UnblockAccount(account_id="A1", reason=OURS),
)
suspended = ClientSuspended(client_id="C1", reason="documents expired")
reinstated = ClientReinstated(client_id="C1")
overdue = ReviewOverdue(client_id="C1", review_on=REVIEW, grace_until=date(2025, 7, 30))


def approved(review_on: date = REVIEW) -> KycApproved:
    return KycApproved(
        client_id="C1", officer="o1", risk_rating=RiskRating.LOW, review_on=review_on
    )


def opened(account_id: str = "A1") -> AccountOpened:
    return AccountOpened(
        account_id=account_id, client_id="C1", base_currency="USD", lot_method="FIFO"
    )


def restricted(status: str, reason: str = OURS, account_id: str = "A1") -> AccountRestricted:
    """By the saga, which gives a code as the cause; or by people, who give a reason."""
    why = {"cause": reason} if reason == OURS else {"reason": reason}
    return AccountRestricted(account_id=account_id, status=status, client_id="C1", **why)


def at(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


def test_a_suspended_client_s_accounts_are_blocked_and_come_back_with_it() -> None:
    story = following(kyc, approved(), opened(), suspended).sends(block)
    story.then(restricted("blocked")).sends()
    story.then(reinstated).sends(unblock).then(restricted("open")).sends()


def test_the_reason_of_a_suspension_is_personal_and_does_not_reach_the_account() -> None:
    story = following(kyc, approved(), opened(), suspended)
    assert "documents" not in repr(story.sent)


def test_every_account_of_the_client_is_blocked_in_order() -> None:
    story = following(kyc, approved(), opened("A1"), opened("A2"))
    story.then(ClientBlocked(client_id="C1", reason="sanctions"))
    story.sends(block, BlockAccount(account_id="A2", reason=OURS))
    story.then(restricted("blocked"), restricted("blocked", account_id="A2"))
    story.then(ClientUnblocked(client_id="C1"))
    story.sends(unblock, UnblockAccount(account_id="A2", reason=OURS))


def test_an_account_opened_for_a_client_already_suspended_is_blocked() -> None:
    following(kyc, approved(), suspended, opened()).sends(block)


def test_an_account_unblocked_by_hand_under_a_sanctioned_client_is_blocked_again() -> None:
    blocked = ClientBlocked(client_id="C1", reason="sanctions")
    story = following(kyc, approved(), opened(), blocked, restricted("blocked"))
    story.then(restricted("open", "mistake")).sends(block)


def test_a_block_that_was_not_set_by_the_saga_is_not_lifted() -> None:
    story = following(kyc, approved(), opened(), restricted("blocked", "court order"))
    story.then(suspended).sends().then(reinstated).sends()


def test_a_closing_only_that_was_not_set_by_the_saga_outlives_our_block() -> None:
    story = following(kyc, approved(), opened(), restricted("closing_only", "margin call"))
    story.then(suspended).sends(block).then(restricted("blocked")).then(reinstated).sends(unblock)
    story.then(restricted("closing_only")).sends()


def test_both_restrictions_must_lift_before_the_account_is_open() -> None:
    blocked = ClientBlocked(client_id="C1", reason="sanctions")
    story = following(kyc, approved(), opened(), suspended, restricted("blocked"), blocked).sends()
    story.then(reinstated).sends().then(ClientUnblocked(client_id="C1")).sends(unblock)


def test_a_block_that_is_overtaken_by_the_reinstatement_is_lifted_when_it_arrives() -> None:
    story = following(kyc, approved(), opened(), suspended, reinstated).sends()
    story.then(restricted("blocked")).sends(unblock)


def test_a_refused_block_is_not_repeated_until_something_changes() -> None:
    story = following(kyc, approved(), opened(), suspended).refused(
        "BlockAccount", "account_not_open"
    )
    story.sends().then(restricted("closed", "")).sends()


def test_the_review_s_dates_go_to_the_client_one_after_the_other() -> None:
    story = following(kyc, approved(), opened())
    story.is_due(at(2025, 5, 1), "review_due").time_passes()
    story.sends(MarkReviewDue(client_id="C1", review_on=REVIEW))
    story.then(ReviewDue(client_id="C1", review_on=REVIEW))
    story.is_due(at(2025, 7, 1), "review_overdue").time_passes()
    story.sends(MarkReviewOverdue(client_id="C1", review_on=REVIEW))
    story.then(overdue).sends(closing_only)
    story.is_due(at(2025, 7, 31), "grace_ended").time_passes()
    story.sends(SuspendClient(client_id="C1", reason="review_overdue")).is_due(None)


def test_an_approval_reopens_the_accounts_and_sets_the_next_review() -> None:
    story = following(kyc, approved(), opened(), overdue, restricted("closing_only"))
    story.then(approved(date(2028, 7, 1))).sends(unblock)
    story.is_due(at(2028, 5, 2), "review_due")


def test_a_deadline_of_a_review_since_replaced_is_nothing() -> None:
    story = following(kyc, approved(), approved(date(2026, 6, 30)))
    stale = DeadlinePassed(saga="kyc", saga_id="C1", name="review_due", due_at=at(2025, 5, 1))
    story.then(stale).sends().is_due(at(2026, 5, 1), "review_due")


def test_an_overdue_client_that_is_reinstated_stays_closing_only_and_has_a_new_grace() -> None:
    story = following(kyc, approved(), opened(), overdue, restricted("closing_only"), suspended)
    story.sends(block).then(restricted("blocked")).is_due(None)
    story.then(ClientReinstated(client_id="C1", grace_until=date(2025, 9, 1))).sends(unblock)
    story.then(restricted("closing_only")).sends().is_due(at(2025, 9, 2), "grace_ended")


def test_an_account_blocked_before_the_review_lapsed_ends_closing_only() -> None:
    story = following(kyc, approved(), opened(), suspended, restricted("blocked"), overdue).sends()
    story.then(ClientReinstated(client_id="C1", grace_until=date(2025, 9, 1))).sends(unblock)
    story.then(restricted("open")).sends(closing_only)


def test_the_last_closed_account_closes_an_exiting_client() -> None:
    story = following(kyc, approved(), opened("A1"), opened("A2"))
    story.then(ClientExiting(client_id="C1")).sends().is_due(None)
    story.then(restricted("closed", "", "A1")).sends()
    story.then(restricted("closed", "", "A2")).sends(CloseClient(client_id="C1"))
    story.then(ClientClosed(client_id="C1")).sends().has_ended()


def test_an_exiting_client_without_accounts_is_closed_at_once() -> None:
    following(kyc, approved(), ClientExiting(client_id="C1")).sends(CloseClient(client_id="C1"))


def test_a_sanctioned_client_is_not_closed_until_it_is_cleared() -> None:
    blocked = ClientBlocked(client_id="C1", reason="sanctions")
    story = following(kyc, approved(), blocked, ClientExiting(client_id="C1")).sends()
    story.then(ClientUnblocked(client_id="C1")).sends(CloseClient(client_id="C1"))
