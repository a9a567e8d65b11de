"""Rates are fixed against the euro, once a day; crosses follow from them."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from domain import fx
from domain.account.exchange import ConvertCurrency
from domain.fx import Fixing, FixRates, FxRefusal, RatesFixed
from domain.shared.dates import DateRefusal
from domain.shared.message import Seen
from tests.unit.domain.accounts import A1, Book, at, deposited, opened
from tests.unit.domain.scenario import given

THURSDAY, FRIDAY = date(2024, 5, 30), date(2024, 5, 31)
RATES = {"USD": Decimal("1.0852"), "GBP": Decimal("0.85365")}
FIXED = RatesFixed(source="ecb", rate_date=FRIDAY, rates=RATES)


def fix(rates: dict[str, Decimal] = RATES, rate_date: date = FRIDAY) -> FixRates:
    return FixRates(source="ecb", rate_date=rate_date, rates=rates)


def test_a_fixing_is_valid_until_the_next() -> None:
    state = given(fx).when(fix()).then(FIXED)
    assert (state.rate_date, state.rates) == (FRIDAY, {"GBP": RATES["GBP"], "USD": RATES["USD"]})
    assert fx.key(fix()) == "ecb"


def test_a_cross_is_what_one_unit_bought_costs_in_units_sold() -> None:
    state = given(fx, FIXED).state
    assert state.rate("USD", "EUR") == Decimal("1.085200000000")
    assert state.rate("EUR", "USD") == Decimal("0.921489126428")
    assert state.rate("USD", "GBP") == Decimal("1.271246998184")
    assert state.rate("EUR", "EUR") == 1


def test_what_was_not_fixed_has_no_rate() -> None:
    state = given(fx, FIXED).state
    assert state.rate("USD", "JPY") is None
    assert state.rate("JPY", "EUR") is None
    assert fx.INITIAL.rate("USD", "EUR") is None


@pytest.mark.parametrize(
    ("rates", "refusal"),
    [
        ({"USD": Decimal(0)}, FxRefusal.RATE_NOT_POSITIVE),
        ({"USD": Decimal("-1.1")}, FxRefusal.RATE_NOT_POSITIVE),
        ({"USD": Decimal("NaN")}, FxRefusal.RATE_NOT_POSITIVE),
        ({"USD": Decimal("1E+70")}, FxRefusal.RATE_INEXACT),
        ({"USD": Decimal("1.0000000000001")}, FxRefusal.RATE_INEXACT),
        ({"USD": Decimal(1), "DEM": Decimal("1.95583")}, FxRefusal.CURRENCY_UNKNOWN),
        ({"EUR": Decimal(1)}, FxRefusal.CURRENCY_UNKNOWN),
    ],
)
def test_what_is_no_rate_is_refused_and_nothing_of_the_fixing_recorded(
    rates: dict[str, Decimal], refusal: FxRefusal
) -> None:
    given(fx).when(fix(rates)).refused(refusal)


def test_the_same_fixing_again_or_an_empty_one_changes_nothing() -> None:
    again: dict[str, Any] = {"GBP": Decimal("0.853650"), "USD": RATES["USD"]}
    given(fx, FIXED).when(fix(again)).then()
    given(fx, FIXED).when(fix({})).then()


def test_a_late_fixing_is_recorded_and_leaves_the_newest_in_force() -> None:
    late = RatesFixed(source="ecb", rate_date=THURSDAY, rates={"USD": Decimal("1.0815")})
    command = fix({"USD": Decimal("1.0815")}, THURSDAY)
    state = given(fx, FIXED).when(command).then(late)
    assert state.rate_date == FRIDAY and state.rates == RATES


def test_a_currency_that_is_no_longer_fixed_has_no_rate_any_more() -> None:
    old = RatesFixed(source="ecb", rate_date=THURSDAY, rates={**RATES, "RUB": Decimal("117.2")})
    assert given(fx, old, FIXED).state.rate("RUB", "EUR") is None


RATE = st.decimals("0.0001", "99999", places=6)


@forall(RATE, RATE)
def test_there_and_back_is_one_but_for_the_twelfth_decimal(usd: Decimal, gbp: Decimal) -> None:
    state = Fixing(rate_date=FRIDAY, rates={"USD": usd, "GBP": gbp})
    there, back = state.rate("USD", "GBP"), state.rate("GBP", "USD")
    assert there is not None and back is not None
    assert abs(there * back - 1) <= (there + back) * Decimal("1E-12")


def test_a_fixing_of_a_day_to_come_is_refused_and_no_conversion_takes_it() -> None:
    """USD 1.10, then 11.0 dated 2062: buying 1100 USD costs 1002.50 with the margin."""
    seen = Seen(now=datetime(2024, 5, 31, 23, 59, tzinfo=UTC))
    state = (
        given(fx)
        .when(fix({"USD": Decimal("1.10")}), seen=seen)
        .then(RatesFixed(source="ecb", rate_date=FRIDAY, rates={"USD": Decimal("1.1")}))
    )
    for day in (date(2024, 6, 1), date(2062, 5, 31)):
        given(fx, FIXED).when(fix({"USD": Decimal("11.0")}, day), seen=seen).refused(
            DateRefusal.DATE_IN_FUTURE, field="rate_date", today=FRIDAY
        )
    book = Book(opened(base_currency="EUR"), deposited("2000.00", "EUR"))
    command = ConvertCurrency(
        account_id=A1,
        fx_id="F1",
        buy_currency="USD",
        buy_amount=Decimal(1100),
        sell_currency="EUR",
    )
    booked = book.send(command, at(FRIDAY, **{"fx-ecb": state}))
    assert booked.dealer_amount + booked.margin == Decimal("1002.50")
