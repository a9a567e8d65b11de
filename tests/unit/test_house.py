"""The house's own stream: money in, sweeps, and the close of a day."""

from datetime import date
from decimal import Decimal

import pytest

from domain import house
from domain.house import (
    CloseDay,
    Control,
    DayClosed,
    DuesSwept,
    FundHouse,
    HouseFunded,
    HouseRefusal,
    InterestReceived,
    ReceiveInterest,
    SweepDues,
)
from tests.unit.scenario import given

D = Decimal
DAY, NEXT = date(2024, 6, 3), date(2024, 6, 4)
BANK = Control(name="C.NOSTRO = bank", unit="USD", ok=True, expected=D("5.00"), actual=D("5.00"))
CLOSED = DayClosed(day=DAY, position=41, controls=(BANK,))


def test_capital_is_paid_in() -> None:
    given(house).when(FundHouse(currency="USD", amount=D("1000"))).then(
        HouseFunded(currency="USD", amount=D("1000.00"))
    )


def test_dues_are_swept_and_topped_up() -> None:
    given(house).when(SweepDues(currency="USD", amount=D("24.00"))).then(
        DuesSwept(currency="USD", amount=D("24.00"))
    )
    given(house).when(SweepDues(currency="USD", amount=D("-3.50"))).then(
        DuesSwept(currency="USD", amount=D("-3.50"))
    )


def test_interest_is_received() -> None:
    given(house).when(ReceiveInterest(currency="USD", amount=D("3.00"), value_date=DAY)).then(
        InterestReceived(currency="USD", amount=D("3.00"), value_date=DAY)
    )


@pytest.mark.parametrize(
    ("amount", "currency", "refusal"),
    [
        ("0", "USD", HouseRefusal.AMOUNT_NOT_POSITIVE),
        ("-1", "USD", HouseRefusal.AMOUNT_NOT_POSITIVE),
        ("1.001", "USD", HouseRefusal.AMOUNT_INEXACT),
        ("NaN", "USD", HouseRefusal.AMOUNT_INEXACT),
        ("sNaN", "USD", HouseRefusal.AMOUNT_INEXACT),
        ("Infinity", "USD", HouseRefusal.AMOUNT_INEXACT),
        ("1E+30", "USD", HouseRefusal.AMOUNT_TOO_LARGE),
        ("1", "XXX", HouseRefusal.CURRENCY_UNKNOWN),
    ],
)
def test_what_is_no_money_is_refused(amount: str, currency: str, refusal: HouseRefusal) -> None:
    given(house).when(FundHouse(currency=currency, amount=D(amount))).refused(refusal)


def test_a_sweep_of_nothing_is_refused() -> None:
    given(house).when(SweepDues(currency="USD", amount=D(0))).refused(HouseRefusal.AMOUNT_ZERO)


def test_a_day_closes_with_its_figures() -> None:
    state = given(house).when(CloseDay(day=DAY, position=41, controls=(BANK,))).then(CLOSED)
    assert (state.last_day, state.last_position) == (DAY, 41)


@pytest.mark.parametrize(
    "control",
    [
        Control(name="dues", unit="USD", ok=False, expected=D(0), actual=D(0)),
        Control(name="dues", unit="USD", ok=True, expected=D(0), actual=D("0.01")),
        Control(name="dues", unit="USD", ok=True, expected=D("NaN"), actual=D("NaN")),
    ],
)
def test_a_failed_control_keeps_the_day_open_and_is_named(control: Control) -> None:
    told = (
        given(house)
        .when(CloseDay(day=DAY, position=41, controls=(BANK, control)))
        .refused(HouseRefusal.CONTROL_FAILED, controls=2)
    )
    assert "dues USD" in told.state
    assert "C.NOSTRO = bank USD" not in told.state


def test_a_close_without_controls_is_none() -> None:
    given(house).when(CloseDay(day=DAY, position=41, controls=())).refused(
        HouseRefusal.CONTROL_FAILED
    )


def test_a_day_closes_once_and_in_order() -> None:
    again = CloseDay(day=DAY, position=50, controls=(BANK,))
    given(house, CLOSED).when(again).refused(HouseRefusal.DAY_ALREADY_CLOSED, last=DAY)
    given(house, CLOSED).when(CloseDay(day=NEXT, position=50, controls=(BANK,))).then(
        DayClosed(day=NEXT, position=50, controls=(BANK,))
    )
