"""Real calendars: which days trade but do not settle, and that a span is a cut of a longer one."""

from datetime import date

import pytest
from dateutil.easter import easter as reference_easter

from adapters.calendars import easter, sessions, settlement_days
from domain.settlement_dates import Market, value_date

UNTIL = date(2027, 12, 31)


def test_new_york_trades_but_does_not_settle_on_these_days_alone() -> None:
    settles = set(settlement_days(Market.US, UNTIL).days)
    trades_only = [d for d in sessions("XNYS", UNTIL) if d not in settles]
    assert {(d.month, "king") for d in trades_only if d.year < 1998 and d.month == 1} == {
        (1, "king")
    }
    later = [d for d in trades_only if d.year >= 1998]
    assert {d.month for d in later} == {10, 11}
    assert all(d.weekday() == 0 and 8 <= d.day <= 14 for d in later if d.month == 10)
    assert all(d.day == 11 or (d.day == 12 and d.weekday() == 0) for d in later if d.month == 11)
    assert sum(d.month == 10 for d in later) == 2027 - 1998 + 1


@pytest.mark.parametrize("market", Market)
def test_a_settlement_day_is_always_a_session(market: Market) -> None:
    mic = {"US": "XNYS", "EU": "XPAR", "UK": "XLON"}[market]
    days = settlement_days(market, UNTIL).days
    assert set(days) <= set(sessions(mic, UNTIL))
    assert list(days) == sorted(days) and days[0].year == 1990 and days[-1].year == 2027


def test_a_shorter_calendar_is_a_cut_of_the_longer() -> None:
    until = date(2001, 6, 29)
    long, short = settlement_days(Market.US, UNTIL), settlement_days(Market.US, until)
    assert short.days == tuple(d for d in long.days if d <= until)


def test_a_calendar_is_built_once() -> None:
    assert settlement_days(Market.US, UNTIL) is settlement_days(Market.US, UNTIL)


def test_euro_against_dollar_waits_for_both() -> None:
    us, eu = settlement_days(Market.US, UNTIL), settlement_days(Market.EU, UNTIL)
    assert value_date(us, eu, date(2024, 3, 27)) == date(2024, 4, 2)  # Easter, then both
    assert value_date(us, eu, date(2024, 7, 2)) == date(2024, 7, 5)  # over Independence Day


def test_easter_agrees_with_another_implementation() -> None:
    assert all(easter(year) == reference_easter(year) for year in range(1900, 2200))
