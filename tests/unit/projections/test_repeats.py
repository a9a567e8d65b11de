"""A fact that is reported twice is booked twice, and is a case."""

from datetime import date, datetime
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from domain.account.cash import CashDeposited, DepositReturned
from domain.account.withdrawals import WithdrawalCompleted, WithdrawalReturned
from domain.order.events import OrderFilled
from domain.shared.digests import digest
from domain.shared.fix import Side
from domain.shared.message import Event
from projections.operations import repeats
from tests.unit.sagas.scenario import NOON, envelope

D = Decimal
DAY = date(2024, 3, 4)


def cases(*events: Event) -> list[str]:
    """The kinds of the cases from these events in this order."""
    rows: dict[Any, Any] = {}
    for n, event in enumerate(events, 1):
        for key, fact in repeats.facts(envelope(event, n, stream="account-A1")):
            rows[key] = repeats.fold(rows.get(key), key, fact)
    return sorted(row.kind for row in rows.values() if row.shown)


def deposit(
    amount: str = "100.00", ref: str = "N1", *, currency: str = "USD", account: str = "A1"
) -> CashDeposited:
    return CashDeposited(
        account_id=account,
        amount=D(amount),
        currency=currency,
        reference=ref,
        value_date=DAY,
        reference_hmac=digest(ref, b"", scope=account),
    )


def taken(amount: str = "100.00", ref: str = "N1", *, currency: str = "USD") -> DepositReturned:
    return DepositReturned(
        account_id="A1",
        amount=D(amount),
        currency=currency,
        reference=ref,
        value_date=DAY,
        reference_hmac=digest(ref, b"", scope="A1"),
    )


def paid(amount: str = "100.00") -> WithdrawalCompleted:
    return WithdrawalCompleted(
        account_id="A1", payment_id="A1.W1", amount=D(amount), currency="USD", value_date=DAY
    )


def back(amount: str = "100.00", payment: str = "A1.W1") -> WithdrawalReturned:
    return WithdrawalReturned(
        account_id="A1",
        payment_id=payment,
        amount=D(amount),
        currency="USD",
        value_date=DAY,
        reason="AC04",
    )


def filled(
    exec_id: str = "E1", *, under: str = "V1", order: str = "O1", day: date = DAY
) -> OrderFilled:
    return OrderFilled(
        order_id=order,
        account_id="A1",
        instrument_id="AAPL",
        isin="US0378331005",
        side=Side.BUY,
        exec_id=exec_id,
        trade_id=f"{order}.t{under}",
        venue_order_id=under,
        last_qty=D(4),
        last_px=D("50.00"),
        currency="USD",
        gross=D("200.00"),
        transact_time=NOON,
        trade_date=day,
        settl_date=day,
    )


TWICE = ["duplicate_reference"]


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ((deposit(),), []),
        ((deposit(), deposit(ref="N2")), []),
        ((deposit(), deposit()), TWICE),
        ((deposit(), deposit(), deposit()), TWICE),
        ((deposit(), deposit("7.00")), TWICE),
        ((deposit(), deposit(currency="EUR")), TWICE),
        ((deposit(), deposit(account="A2")), []),  # rows are of one account
    ],
)
def test_a_bank_reference_that_is_deposited_again_is_a_case(
    events: tuple[Event, ...], found: list[str]
) -> None:
    assert cases(*events) == found


BEYOND = ["returned_beyond_receipt"]


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ((deposit(), taken()), []),
        ((deposit(), taken("40.00"), taken("60.00")), []),
        ((deposit(), taken(), taken()), BEYOND),
        ((deposit(), taken("40.00"), taken("60.01")), BEYOND),
        ((deposit("900.00", "N2"), deposit(), taken("100.01")), BEYOND),
        ((deposit(), taken(currency="EUR")), BEYOND),
        ((taken(),), BEYOND),
    ],
)
def test_more_that_goes_back_than_came_is_a_case_whatever_cash_is_left(
    events: tuple[Event, ...], found: list[str]
) -> None:
    assert cases(*events) == found


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ((paid(), back()), []),
        ((paid(), back("30.00"), back("70.00")), []),
        ((paid(), back(), back()), ["returned_beyond_payment"]),
        ((paid(), back("100.01")), ["returned_beyond_payment"]),
        ((paid(), back(payment="A1.W9")), ["returned_beyond_payment"]),
    ],
)
def test_more_that_comes_back_than_was_paid_is_a_case(
    events: tuple[Event, ...], found: list[str]
) -> None:
    assert cases(*events) == found


NEXT = date(2024, 3, 5)


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ((filled(), filled("E2")), []),
        ((filled(), filled(under="V2")), ["duplicate_execution"]),
        ((filled(), filled(order="O2")), ["duplicate_execution"]),
        ((filled(), filled(order="O2", under="V2")), ["duplicate_execution"]),
        ((filled(), filled(order="O2", day=NEXT)), []),
    ],
)
def test_an_execution_of_one_day_under_another_order_is_a_case(
    events: tuple[Event, ...], found: list[str]
) -> None:
    assert cases(*events) == found


def test_the_order_of_telling_makes_no_difference_to_what_is_a_case() -> None:
    result = (deposit(), deposit("7.00"), filled(), filled(under="V2"), paid(), back("200.00"))
    kinds = {tuple(cases(*order)) for order in permutations(result)}
    assert kinds == {("duplicate_execution", "duplicate_reference", "returned_beyond_payment")}


def test_a_case_says_which_event_made_it_one_and_no_reference() -> None:
    rows: dict[Any, Any] = {}
    for n, event in enumerate((deposit(ref="GB33BUKB"), deposit("7.00", "GB33BUKB")), 1):
        for key, fact in repeats.facts(envelope(event, n, stream="account-A1")):
            rows[key] = repeats.fold(rows.get(key), key, fact)
    (case,) = (row for row in rows.values() if row.shown)
    assert (case.event, case.account_id) == ("account-A1@2", "A1")
    assert isinstance(case.opened_at, datetime)
    assert "GB33BUKB" not in str(rows)
