"""A receipt on a closed account is booked, is a case, and can be paid out."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from domain import account
from domain.account.cash import DepositCash, ReturnDeposit
from domain.account.fees import CreditInterest
from domain.account.refusals import AccountRefusal as R
from domain.account.standing import (
    AccountRestricted,
    BlockAccount,
    CloseAccount,
    ReopenAccount,
    UnblockAccount,
)
from domain.account.withdrawals import CompleteWithdrawal, ReturnWithdrawal, WithdrawCash
from domain.rules.lots import Lot
from domain.shared.fix import Side
from projections.operations import cases
from sagas import kyc
from tests.unit.domain.accounts import (
    A1,
    DAY,
    OPENED,
    Book,
    X,
    after_bust,
    bust,
    deposited,
    fill,
    reserve,
)
from tests.unit.sagas.scenario import envelope, following

D = Decimal
TRADE = Book(OPENED, deposited("10000.00")).send(fill("T1", "10", "50.00"))


def closed() -> Book:
    """An account that was opened, funded, paid out and closed."""
    book = Book(OPENED, deposited("500.00"))
    book.send(WithdrawCash(account_id=A1, amount=D(500), currency="USD", reference="all"))
    book.send(CompleteWithdrawal(account_id=A1, payment_id=f"{A1}.W1"))
    assert book.send(CloseAccount(account_id=A1)).status == "closed"
    return book


def returned(amount: str = "500.00") -> ReturnWithdrawal:
    return ReturnWithdrawal(
        account_id=A1, payment_id=f"{A1}.W1", amount=D(amount), currency="USD", reason="AC04"
    )


def reopen(**more: str) -> ReopenAccount:
    fields = {"reason": "money came back", "requested_by": "ann", "approved_by": "bob"}
    return ReopenAccount(account_id=A1, **fields | more)


@pytest.mark.parametrize(
    "report",
    [
        returned(),
        ReturnDeposit(account_id=A1, amount=D(1), currency="USD", reference="P1"),
        fill("T9", "10", "50.00"),
        fill("T9", "10", "50.00", Side.SELL),
        bust(TRADE),
    ],
)
def test_a_report_to_a_closed_account_is_booked_and_is_a_case(report: Any) -> None:
    event = closed().send(report)
    assert event.account_closed
    kinds = {kind for (_, kind), _ in cases.facts(envelope(event))}
    assert "account_closed" in kinds


def test_what_settles_after_a_bust_on_a_closed_account_is_a_case_as_ever() -> None:
    event = closed().send(after_bust(TRADE, "10", "500.00", reverse="T1B"))
    assert {kind for (_, kind), _ in cases.facts(envelope(event))} == {"settled_after_bust"}


def test_a_report_to_an_open_account_is_no_such_case() -> None:
    book = Book(OPENED, deposited("500.00"))
    assert not book.send(returned("1.00")).account_closed


@pytest.mark.parametrize(
    "intent",
    [
        DepositCash(account_id=A1, amount=D(1), currency="USD", reference="P2"),
        WithdrawCash(account_id=A1, amount=D(1), currency="USD", reference="r"),
        CreditInterest(account_id=A1, amount=D(1), currency="USD", value_date=DAY),
        reserve(),
    ],
)
def test_an_intent_is_refused_by_a_closed_account(intent: Any) -> None:
    assert closed().send(intent).refusal is R.ACCOUNT_NOT_OPEN


def test_money_that_came_back_is_paid_out_and_the_account_is_closed_again() -> None:
    book = closed()
    book.send(returned())
    event = book.send(reopen())
    assert (event.status, event.requested_by, event.approved_by) == ("closing", "ann", "bob")
    book.send(WithdrawCash(account_id=A1, amount=D(500), currency="USD", reference="again"))
    book.send(CompleteWithdrawal(account_id=A1, payment_id=f"{A1}.W2"))
    assert book.send(CloseAccount(account_id=A1)).status == "closed"


def test_shares_that_came_late_are_sold_and_nothing_is_bought() -> None:
    book = closed()
    book.send(fill("T9", "10", "50.00"))
    book.send(reopen())
    assert book.send(reserve()).refusal is R.ACCOUNT_NOT_OPEN
    assert book.send(reserve("O2", "10", "0", Side.SELL)).amount == D(10)


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        (reopen(reason=""), R.REASON_MISSING),
        (reopen(approved_by=" ANN"), R.SECOND_PERSON_REQUIRED),
        (reopen(requested_by=""), R.SECOND_PERSON_REQUIRED),
    ],
)
def test_it_takes_a_reason_and_two_persons(command: ReopenAccount, refusal: R) -> None:
    assert closed().send(command).refusal is refusal


def test_only_what_is_closed_is_reopened_and_it_never_becomes_open() -> None:
    assert Book(OPENED).send(reopen()).refusal is R.ACCOUNT_NOT_CLOSED
    assert account.decide(reopen(), account.INITIAL, Book().seen).refusal is R.ACCOUNT_UNKNOWN
    book = closed()
    book.send(reopen())
    assert book.send(reopen()).refusal is R.ACCOUNT_NOT_CLOSED
    lift = UnblockAccount(account_id=A1)
    assert book.send(lift).refusal is R.ACCOUNT_NOT_BLOCKED
    book.send(BlockAccount(account_id=A1, reason="court order"))
    assert book.send(lift).status == "closing"


def test_lots_above_and_below_zero_keep_an_account_open() -> None:
    def lot(name: str, qty: int) -> Lot:
        return Lot(lot_id=name, qty=D(qty), cost=D(qty), cost_base=D(qty), acquired_on=DAY)

    book = Book(OPENED)
    book.state = replace(book.state, lots={X: (lot("T1", 100), lot("T2", -100))})
    assert book.send(CloseAccount(account_id=A1)).refusal is R.ACCOUNT_NOT_EMPTY


def test_a_client_that_has_left_is_closed_once_whatever_the_account_does() -> None:
    def restricted(status: str) -> AccountRestricted:
        return AccountRestricted(account_id=A1, status=status, client_id="K1")

    story = following(kyc, OPENED, restricted("closed"), restricted("closing"))
    story.sends().then(restricted("closed")).sends()
