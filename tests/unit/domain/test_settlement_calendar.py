"""Counting settlement days over a calendar that is a value."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.shared.settlement_dates import (
    CYCLES,
    Market,
    OutsideCalendar,
    SettlementDays,
    cycle,
    market_of,
    settlement_date,
)

MONDAY = date(2024, 6, 3)
WEEKDAYS = tuple(d for i in range(60) if (d := MONDAY + timedelta(days=i)).weekday() < 5)
US = SettlementDays(Market.US, WEEKDAYS)
DAYS = st.integers(0, 59).map(lambda i: MONDAY + timedelta(days=i))


def test_the_cycle_is_the_one_of_the_trade_date() -> None:
    assert [cycle(Market.US, date.fromisoformat(d)) for d in ("1995-06-06", "1995-06-07")] == [5, 3]
    assert [cycle(Market.US, date.fromisoformat(d)) for d in ("2017-09-04", "2017-09-05")] == [3, 2]
    assert [cycle(Market.US, date.fromisoformat(d)) for d in ("2024-05-27", "2024-05-28")] == [2, 1]
    assert cycle(Market.US, date.min) == 5


def test_cycles_are_in_order_and_only_get_shorter() -> None:
    for rules in CYCLES.values():
        assert list(rules) == sorted(rules)
        assert [n for _, n in rules] == sorted((n for _, n in rules), reverse=True)


def test_a_trade_on_a_weekend_counts_from_the_next_day() -> None:
    assert US.after(date(2024, 6, 8), 1) == date(2024, 6, 10)


def test_a_calendar_that_is_too_short_is_a_clear_error() -> None:
    with pytest.raises(OutsideCalendar, match="US: 1 settlement days after 2024-08-01"):
        settlement_date(US, WEEKDAYS[-1])
    with pytest.raises(OutsideCalendar):
        US.after(MONDAY - timedelta(days=1), 1)
    with pytest.raises(OutsideCalendar):
        US.before(MONDAY, 1)


@given(DAYS, st.integers(1, 10))
def test_exactly_n_settlement_days_lie_after_the_day_up_to_the_answer(day: date, n: int) -> None:
    try:
        answer = US.after(day, n)
    except OutsideCalendar:
        assert sum(d > day for d in WEEKDAYS) < n
        return
    assert sum(day < d <= answer for d in WEEKDAYS) == n
    assert answer in US


@given(DAYS, st.integers(1, 10))
def test_counting_back_undoes_counting_forth(day: date, n: int) -> None:
    start = US.on_or_after(day) if day <= WEEKDAYS[-1] else WEEKDAYS[-1]
    if sum(d > start for d in WEEKDAYS) >= n:
        assert US.before(US.after(start, n), n) == start


def test_a_country_settles_in_its_market() -> None:
    assert [market_of(c) for c in ("US", "DE", "GB", "JP")] == [
        Market.US,
        Market.EU,
        Market.UK,
        None,
    ]
