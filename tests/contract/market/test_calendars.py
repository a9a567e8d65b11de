"""Real calendars: days that trade but do not settle; a span is a part of a longer one."""

from datetime import date, timedelta

import pytest
from dateutil.easter import easter as reference_easter

from adapters.market.calendars import sessions, settlement_days
from domain.shared.bank_holidays import easter, is_open
from domain.shared.settlement_dates import Market

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


def test_easter_agrees_with_another_implementation() -> None:
    assert all(easter(year) == reference_easter(year) for year in range(1900, 2200))


@pytest.mark.parametrize(
    ("currency", "mic", "only_the_exchange", "only_the_payments"),
    [
        ("GBP", "XLON", set(), set()),
        # the exchange had a breakdown in 2020; its calendar has one day of 1998 too many
        ("JPY", "XTKS", {date(1998, 5, 6), date(2020, 10, 1)}, set()),
        ("CHF", "XSWX", {(5, 1), (12, 24), (12, 31)}, set()),
        ("CAD", "XTSE", set(), {9, 10, 11}),  # Truth and Reconciliation, Remembrance Day
    ],
)
def test_payment_holidays_are_those_of_the_exchange_but_for_these(
    currency: str, mic: str, only_the_exchange: set[object], only_the_payments: set[int]
) -> None:
    since, until = date(2015 if currency == "CHF" else 2010, 1, 1), date(2027, 6, 30)
    if currency in {"GBP", "JPY"}:
        since = date(1998, 1, 1)
    traded = set(sessions(mic, until, since))
    days = [since + timedelta(days=n) for n in range((until - since).days + 1)]
    for day in (d for d in days if d.weekday() < 5):
        if day not in traded and is_open(currency, day):
            assert {day, (day.month, day.day)} & only_the_exchange, day
        if day in traded and not is_open(currency, day):
            assert day.month in only_the_payments, day
