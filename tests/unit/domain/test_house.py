"""The house's own stream: money in, sweeps, and the close of a day."""

import itertools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from domain import house
from domain.house import (
    CONTROLS,
    CONTROLS_MAX,
    CloseDay,
    CloseFailed,
    CloseRequested,
    Control,
    DayClosed,
    DuesSwept,
    FundHouse,
    HouseFunded,
    HouseRefusal,
    InterestReceived,
    ReceiveInterest,
    RecordClose,
    SweepDues,
)
from domain.shared.market_time import day_end
from domain.shared.message import Refused, Seen
from projections.ledger.controls import check
from tests.unit.domain.closing import HELD
from tests.unit.domain.scenario import given

D = Decimal
DAY, NEXT = date(2024, 6, 3), date(2024, 6, 4)
BANK = Control(name="C.NOSTRO = bank", unit="USD", ok=True, expected=D("5.00"), actual=D("5.00"))
CLOSED = DayClosed(day=DAY, position=41, controls=(*HELD, BANK))


def at(now: str) -> Seen:
    return Seen(now=datetime.fromisoformat(now).replace(tzinfo=UTC), log_end=100)


def test_capital_is_paid_in() -> None:
    given(house).when(FundHouse(currency="USD", amount=D("1000"))).then(
        HouseFunded(currency="USD", amount=D("1000.00"))
    )


def test_dues_are_swept_and_topped_up() -> None:
    owed = Seen(dues={"USD": D("24.00")})
    given(house).when(SweepDues(currency="USD", amount=D("24.00")), seen=owed).then(
        DuesSwept(currency="USD", amount=D("24.00"))
    )
    given(house).when(SweepDues(currency="USD", amount=D("-3.50"))).then(
        DuesSwept(currency="USD", amount=D("-3.50"))
    )


@pytest.mark.parametrize(
    ("dues", "amount", "available"),
    [
        ({}, "5000.00", "0"),
        ({"USD": "0.00"}, "5000.00", "0.00"),
        ({"USD": "24.00"}, "24.01", "24.00"),
        ({"USD": "-24.00"}, "0.01", "0"),  # the house owes the clients
        ({"EUR": "24.00", "JPY": "9000"}, "24.00", "0"),  # owed in other currencies
    ],
)
def test_a_sweep_takes_no_more_from_the_clients_bank_than_they_owe_the_house(
    dues: dict[str, str], amount: str, available: str
) -> None:
    seen = Seen(dues={unit: D(owed) for unit, owed in dues.items()})
    command = SweepDues(currency="USD", amount=D(amount))
    given(house).when(command, seen=seen).refused(
        HouseRefusal.INSUFFICIENT_DUES, required=amount, available=available, currency="USD"
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


EVENING = Seen(now=datetime(2024, 6, 3, 20, tzinfo=UTC), log_end=100)
"""The moment at which New York closes in summer."""
REQUESTED = CloseRequested(day=DAY)


def record(*more: Control, position: int = 41, controls: tuple[Control, ...] = HELD) -> RecordClose:
    return RecordClose(day=DAY, position=position, controls=(*controls, *more))


def test_a_close_is_asked_for_and_answered_with_every_control() -> None:
    asked = given(house).when(CloseDay(day=DAY), seen=EVENING).then(REQUESTED)
    assert asked.requested == DAY
    state = given(house, REQUESTED).when(record(BANK), seen=EVENING).then(CLOSED)
    assert (state.last_day, state.last_position, state.requested) == (DAY, 41, None)


@pytest.mark.parametrize(
    ("now", "over"),
    [
        ("2024-06-03T19:59:59", False),  # 15:59:59 in New York
        ("2024-06-03T20:00:00", True),
        ("2024-06-02T23:59:59", False),
        ("2024-06-04T00:00:00", True),
    ],
)
def test_a_day_is_over_when_its_last_session_is(now: str, over: bool) -> None:
    asked = given(house).when(CloseDay(day=DAY), seen=at(now))
    asked.then(REQUESTED) if over else asked.refused(HouseRefusal.DAY_NOT_OVER)


@pytest.mark.parametrize(
    ("day", "ends"),
    [
        (date(2024, 1, 15), "2024-01-15T21:00:00+00:00"),  # winter, and a holiday in New York
        (date(2024, 3, 15), "2024-03-15T20:00:00+00:00"),  # New York has summer time, Europe not
        (date(2024, 6, 8), "2024-06-08T20:00:00+00:00"),  # a Saturday
    ],
)
def test_winter_weekends_and_holidays_are_days_that_end_too(day: date, ends: str) -> None:
    assert day_end(day).isoformat() == ends


@pytest.mark.parametrize("day", [date(2042, 1, 1), date(9999, 12, 31), date(2024, 6, 4)])
def test_a_day_that_has_not_come_is_not_closed(day: date) -> None:
    given(house).when(CloseDay(day=day), seen=EVENING).refused(HouseRefusal.DAY_NOT_OVER)


def test_a_day_before_any_log_is_not_closed() -> None:
    for day in (date.min, date(1899, 12, 31)):
        given(house).when(CloseDay(day=day), seen=EVENING).refused(HouseRefusal.DAY_BEFORE_LOG)


def test_a_day_that_was_over_before_the_log_began_is_not_closed() -> None:
    began = datetime(2024, 6, 3, 0, 0, tzinfo=UTC)
    seen = Seen(now=EVENING.now, log_began=began)
    given(house).when(CloseDay(day=DAY), seen=seen).then(REQUESTED)
    given(house).when(CloseDay(day=DAY - timedelta(days=1)), seen=seen).refused(
        HouseRefusal.DAY_BEFORE_LOG, began=DAY
    )


def test_a_day_closes_once_and_in_order() -> None:
    seen = at("2024-06-10T00:00:00")
    for day in (DAY, DAY - timedelta(days=1)):
        given(house, REQUESTED, CLOSED).when(CloseDay(day=day), seen=seen).refused(
            HouseRefusal.DAY_ALREADY_CLOSED, last=DAY
        )
    given(house, REQUESTED, CLOSED).when(CloseDay(day=NEXT), seen=seen).then(
        CloseRequested(day=NEXT)
    )


def test_a_log_with_a_close_of_before_there_were_requests_goes_on() -> None:
    state = given(house, CLOSED).when(CloseDay(day=NEXT), seen=at("2024-06-05T00:00:00"))
    assert state.then(CloseRequested(day=NEXT)).last_position == 41


def test_one_day_is_closed_at_a_time_and_asking_twice_is_asking_once() -> None:
    seen = at("2024-06-10T00:00:00")
    given(house, REQUESTED).when(CloseDay(day=DAY), seen=seen).then()
    for day in (NEXT, DAY - timedelta(days=1)):
        given(house, REQUESTED).when(CloseDay(day=day), seen=seen).refused(
            HouseRefusal.CLOSE_PENDING, requested=DAY
        )


@pytest.mark.parametrize(
    "control",
    [
        Control(name="dues", unit="USD", ok=False, expected=D(0), actual=D(0)),
        Control(name="dues", unit="USD", ok=True, expected=D(0), actual=D("0.01")),
        Control(name="dues", unit="USD", ok=True, expected=D("NaN"), actual=D("NaN")),
    ],
)
def test_a_failed_control_keeps_the_day_open_and_is_recorded(control: Control) -> None:
    decided = given(house, REQUESTED).when(record(BANK, control), seen=EVENING)
    held = len(HELD) + 1
    failed = CloseFailed(day=DAY, position=41, controls=(control,), held=held)
    assert repr(decided.decision) == repr((failed,))  # NaN equals nothing, itself included
    state = house.evolve(decided.state, failed)
    assert (state.last_day, state.requested, len(state.failed)) == (None, None, 1)


def test_a_day_that_failed_can_be_asked_for_again() -> None:
    failed = CloseFailed(day=DAY, position=41, controls=(BANK,), held=9)
    state = given(house, REQUESTED, failed).when(CloseDay(day=DAY), seen=EVENING).then(REQUESTED)
    assert (state.requests, state.failed) == (2, ())


@pytest.mark.parametrize("name", CONTROLS)
def test_a_close_without_one_of_its_controls_is_refused_by_name(name: str) -> None:
    others = tuple(c for c in HELD if c.name != name)
    result = (
        given(house, REQUESTED)
        .when(record(controls=others), seen=EVENING)
        .refused(HouseRefusal.CONTROL_MISSING)
    )
    assert result.state["controls"] == name


def test_a_close_with_too_many_controls_is_refused_whatever_they_are() -> None:
    full = (BANK,) * (CONTROLS_MAX - len(HELD))
    given(house, REQUESTED).when(record(*full), seen=EVENING).then(
        DayClosed(day=DAY, position=41, controls=(*HELD, *full))
    )
    given(house, REQUESTED).when(record(*full, BANK), seen=EVENING).refused(
        HouseRefusal.CONTROLS_TOO_MANY, limit=CONTROLS_MAX
    )


def test_a_close_without_a_request_is_refused() -> None:
    for before in ((), (REQUESTED, CLOSED), (CloseRequested(day=NEXT),)):
        given(house, *before).when(record(), seen=EVENING).refused(HouseRefusal.CLOSE_NOT_REQUESTED)


def test_a_close_speaks_of_what_the_log_holds_and_of_more_than_the_last_one() -> None:
    given(house, REQUESTED).when(record(position=101), seen=EVENING).refused(
        HouseRefusal.POSITION_BEYOND_LOG, end=100
    )
    given(house, REQUESTED).when(record(position=0), seen=EVENING).refused(
        HouseRefusal.POSITION_BEFORE_LAST_CLOSE, last=0
    )
    earlier = DayClosed(day=DAY - timedelta(days=1), position=41, controls=HELD)
    given(house, earlier, REQUESTED).when(record(position=41), seen=EVENING).refused(
        HouseRefusal.POSITION_BEFORE_LAST_CLOSE, last=41
    )


def test_the_controls_that_are_computed_are_those_that_a_close_needs() -> None:
    found = check({}, bank={}, custody={}, open_refs={})
    assert tuple(dict.fromkeys(c.name for c in found)) == CONTROLS[1:]


class Closings(RuleBasedStateMachine):
    """Whatever is asked and answered, in any order: days close in order, at growing positions."""

    def __init__(self) -> None:
        super().__init__()
        self.state, self.closed = house.INITIAL, list[tuple[date, int]]()

    @rule(day=st.integers(-3, 9), now=st.integers(0, 6))
    def ask(self, day: int, now: int) -> None:
        seen = Seen(now=EVENING.now + timedelta(days=now))
        asked, before = DAY + timedelta(days=day), self.state
        decision = self.decide(CloseDay(day=asked), seen)
        if day > now:
            assert isinstance(decision, Refused)
        if before.requested is None and not isinstance(decision, Refused):
            assert self.state.requested == asked

    @rule(day=st.integers(-3, 9), position=st.integers(-1, 60), wrong=st.booleans())
    def answer(self, day: int, position: int, wrong: bool) -> None:
        day_ = DAY + timedelta(days=day)
        bad = (Control(name="dues", ok=False, expected=D(0), actual=D(1)),) if wrong else ()
        command = RecordClose(day=day_, position=position, controls=(*HELD, *bad))
        requested = self.state.requested
        decision = self.decide(command, Seen(now=EVENING.now, log_end=50))
        if not isinstance(decision, Refused):
            assert requested == day_ and position <= 50 and self.state.requested is None

    def decide(self, command: Any, seen: Seen) -> Any:
        decision = house.decide(command, self.state, seen)
        if not isinstance(decision, Refused):
            for event in decision:
                self.state = house.evolve(self.state, event)
                if isinstance(event, DayClosed):
                    self.closed.append((event.day, event.position))
        return decision

    @invariant()
    def days_and_positions_grow(self) -> None:
        for (day, position), (next_day, next_position) in itertools.pairwise(self.closed):
            assert day < next_day and position < next_position
        assert all(day <= DAY + timedelta(days=6) for day, _ in self.closed)


TestClosings = Closings.TestCase
