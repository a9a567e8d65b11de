"""A day of fee is accrued once, and no figure is dated on a day to come."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.account.fees import AccrueFee, ChargeFee, CreditInterest, DebitInterest, FeeAccrued
from domain.account.refusals import AccountRefusal as R
from domain.shared.message import Seen
from tests.unit.domain.accounts import A1, DAY, NEXT, OPENED, Book, at, deposited

D = Decimal


def on(day: int) -> Seen:
    """The world `day` days after DAY."""
    return at(DAY + timedelta(days=day))


def accrue(day: int, base: str = "36500.00", days: int = 1) -> AccrueFee:
    """One percent a year: 1.00 a day."""
    return AccrueFee(
        account_id=A1,
        accrual_date=DAY + timedelta(days=day),
        fee_base=D(base),
        annual_rate=D("0.01"),
        currency="USD",
        days=days,
    )


# (last day, days) of periods, counted from DAY, and whether the last of them is taken
PERIODS = [
    ([(0, 1), (2, 5)], False),  # to 1 March, then five days to the 3rd
    ([(0, 1), (2, 2)], True),
    ([(0, 1), (2, 3)], False),  # one day too many
    ([(0, 1), (9, 2)], True),  # a gap is allowed
    ([(0, 1), (9, 2), (5, 1)], False),  # but not filled after a later period
    ([(9, 5), (9, 1)], False),
    ([(0, 1), (0, 1)], False),
]


@pytest.mark.parametrize(("periods", "taken"), PERIODS)
@pytest.mark.parametrize("charged", [False, True])
def test_a_day_of_fee_is_accrued_once_whatever_is_charged_meanwhile(
    periods: list[tuple[int, int]], taken: bool, charged: bool
) -> None:
    book, answers = Book(OPENED, deposited("1000.00")), list[Any]()
    for end, days in periods:
        answers.append(book.send(accrue(end, "36500.00", days=days), on(20)))
        if charged:
            book.send(ChargeFee(account_id=A1, currency="USD", period_end=DAY))
    *before, last = answers
    assert all(isinstance(e, FeeAccrued) for e in before)
    if taken:
        assert last.amount == D(periods[-1][1])  # 1.00 a day
    else:
        assert last.refusal is R.DATE_ALREADY_ACCRUED
        assert last.state["last"] == str(DAY + timedelta(days=max(e for e, _ in periods[:-1])))


def test_each_currency_has_its_own_days() -> None:
    book = Book()
    euros = replace(accrue(0), currency="EUR")
    assert isinstance(book.send(accrue(0)), FeeAccrued)
    assert isinstance(book.send(euros), FeeAccrued)
    assert book.send(euros).refusal is R.DATE_ALREADY_ACCRUED


@forall(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), max_size=12))
def test_whatever_periods_are_asked_for_no_day_is_accrued_twice(
    periods: list[tuple[int, int]],
) -> None:
    book, covered = Book(), set[int]()
    for end, days in periods:
        asked = set(range(end - days + 1, end + 1))
        answer = book.send(accrue(end, "36500.00", days=days), on(50))
        if isinstance(answer, FeeAccrued):
            assert not asked & covered
            covered |= asked
        elif not covered or min(asked) > max(covered):
            raise AssertionError(f"refused a free period: {answer}")
    total = book.state.fees["USD"].posted if covered else D(0)
    assert total == len(covered)


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (accrue(1), "accrual_date"),
        (ChargeFee(account_id=A1, currency="USD", period_end=NEXT), "period_end"),
        (
            CreditInterest(account_id=A1, currency="USD", amount=D(1), value_date=NEXT),
            "value_date",
        ),
        (
            DebitInterest(
                account_id=A1, currency="USD", amount=D(1), value_date=date(2199, 12, 31)
            ),
            "value_date",
        ),
    ],
)
def test_fees_and_interest_of_a_day_to_come_are_refused(command: Any, field: str) -> None:
    result = Book().send(command)
    assert (result.refusal, result.state["field"]) == ("date_in_future", field)
    assert result.state["today"] == str(DAY)
