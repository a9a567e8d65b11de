"""Value dates of foreign exchange, by the calendars of both currencies and the dollar's."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain import account
from domain.account.exchange import ConvertCurrency
from domain.account.refusals import AccountRefusal as R
from domain.shared.bank_holidays import HOLIDAYS, is_open
from domain.shared.message import Seen
from domain.shared.money import MINOR_UNITS
from domain.shared.value_dates import NEXT_DAY, closed, spot_date
from tests.unit.domain.accounts import A1, FIXING, D, at, deposited, opened
from tests.unit.domain.scenario import given as given_past

DAYS = st.dates(date(2000, 1, 1), date(2030, 12, 31))
CURRENCIES = st.sampled_from([*HOLIDAYS, "SEK", "TRY", "KWD"])


@pytest.mark.parametrize(
    ("pair", "dealt", "paid"),
    [
        ("EUR/USD", "2024-12-23", "2024-12-27"),  # Christmas of both, the euro's 26th
        ("USD/EUR", "2024-12-23", "2024-12-27"),  # whichever is bought
        ("USD/CAD", "2024-06-03", "2024-06-04"),  # one day
        ("CAD/USD", "2024-06-28", "2024-07-02"),  # over Canada Day
        ("USD/TRY", "2024-06-03", "2024-06-04"),
        ("USD/PHP", "2024-06-07", "2024-06-10"),
        ("USD/RUB", "2021-06-03", "2021-06-04"),
        ("EUR/CAD", "2024-06-03", "2024-06-05"),  # a cross takes two
        ("CAD/JPY", "2024-06-03", "2024-06-05"),
        ("EUR/USD", "2023-06-16", "2023-06-20"),  # the dollar may be closed between
        ("GBP/USD", "2024-07-03", "2024-07-05"),
        ("GBP/USD", "2024-07-02", "2024-07-05"),  # but not on the day itself
        ("EUR/GBP", "2024-07-02", "2024-07-05"),  # nor for a cross
        ("EUR/USD", "2024-03-27", "2024-04-02"),  # Good Friday and Easter Monday
        ("GBP/USD", "2024-08-22", "2024-08-27"),  # the bank holiday of August
        ("GBP/USD", "2022-09-16", "2022-09-21"),  # a day of mourning
        ("USD/JPY", "2024-05-01", "2024-05-07"),  # golden week
        ("USD/JPY", "2024-12-30", "2025-01-07"),  # the year's end in Japan
        ("EUR/CHF", "2024-07-31", "2024-08-05"),  # the Swiss national day lies between
        ("EUR/USD", "2024-06-08", "2024-06-11"),  # dealt on a Saturday
        ("EUR/USD", "2024-06-06", "2024-06-10"),
    ],
)
def test_a_deal_is_paid_on_the_spot_date_of_its_pair(pair: str, dealt: str, paid: str) -> None:
    first, second = pair.split("/")
    assert spot_date(first, second, date.fromisoformat(dealt)) == date.fromisoformat(paid)


@given(CURRENCIES, CURRENCIES, DAYS)
def test_a_spot_date_is_good_for_both_and_for_the_dollar(a: str, b: str, day: date) -> None:
    paid = spot_date(a, b, day)
    assert day < paid <= day + timedelta(days=14)
    assert all(is_open(currency, paid) for currency in (a, b, "USD"))
    assert paid == spot_date(b, a, day)
    days = [day + timedelta(days=n) for n in range(1, (paid - day).days + 1)]
    good = [d for d in days if all(is_open(c, d) for c in (a, b, "USD"))]
    soon = "USD" in (a, b) and {a, b} & NEXT_DAY
    assert len(good) <= (1 if soon else 2)


@given(DAYS)
def test_no_currency_is_paid_on_a_weekend_or_on_new_years_day(day: date) -> None:
    for currency in MINOR_UNITS:
        assert not (is_open(currency, day) and day.weekday() >= 5)
        assert not is_open(currency, date(day.year, 1, 1))
        assert is_open(currency, date(day.year, 12, 25)) == (
            currency == "JPY" and date(day.year, 12, 25).weekday() < 5
        )


def convert(value_date: date | None, buy: str = "EUR") -> ConvertCurrency:
    return ConvertCurrency(
        account_id=A1,
        fx_id="F1",
        buy_currency=buy,
        buy_amount=D("100.00") if buy != "JPY" else D(100),
        sell_currency="USD",
        value_date=value_date,
    )


PAST = (opened(), deposited("2000.00"))


@pytest.mark.parametrize(
    ("today", "buy", "stated", "shut"),
    [
        ("2024-06-03", "EUR", "2024-06-08", "EUR,USD"),  # a Saturday
        ("2024-06-03", "EUR", "2024-06-09", "EUR,USD"),
        ("2024-06-03", "EUR", "2024-07-04", "USD"),
        ("2024-04-29", "EUR", "2024-05-01", "EUR"),
        ("2024-08-01", "GBP", "2024-08-26", "GBP"),
        ("2024-04-25", "JPY", "2024-05-03", "JPY"),
        ("2024-06-08", "EUR", "2024-06-08", "EUR,USD"),  # today, but a Saturday
    ],
)
def test_a_stated_day_on_which_a_currency_is_closed_is_refused(
    today: str, buy: str, stated: str, shut: str
) -> None:
    command = convert(date.fromisoformat(stated), buy)
    given_past(account, *PAST).when(command, seen=at(date.fromisoformat(today))).refused(
        R.VALUE_DATE_INVALID, value_date=stated, closed=shut
    )


@pytest.mark.parametrize("days", [-3, -1, 367])
def test_a_stated_day_before_the_deal_or_years_ahead_is_refused(days: int) -> None:
    today = date(2024, 6, 6)
    command = convert(today + timedelta(days=days))
    given_past(account, *PAST).when(command, seen=at(today)).refused(R.VALUE_DATE_INVALID)


@pytest.mark.parametrize("stated", ["2024-06-03", "2024-06-04", "2024-06-05", "2024-09-16"])
def test_a_stated_day_that_both_currencies_are_open_on_is_taken(stated: str) -> None:
    command = convert(date.fromisoformat(stated))
    (event,) = given_past(account, *PAST).when(command, seen=at(date(2024, 6, 3))).decision
    assert str(event.value_date) == stated


def on_the_day(day: date) -> Seen:
    """The world on a day that has a fixing of its own."""
    return at(day, **{"fx-ecb": replace(FIXING, rate_date=day)})


def test_without_a_stated_day_a_deal_has_its_spot_date() -> None:
    step = given_past(account, *PAST).when(convert(None), seen=on_the_day(date(2024, 12, 23)))
    assert step.decision[0].value_date == date(2024, 12, 27)


def test_a_closed_day_names_each_currency_once() -> None:
    assert closed("EUR", "USD", date(2024, 12, 25)) == ("EUR", "USD")
    assert closed("EUR", "USD", date(2024, 12, 26)) == ("EUR",)
    assert closed("EUR", "USD", date(2024, 12, 27)) == ()
