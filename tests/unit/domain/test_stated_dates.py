"""Dates that a command states: a date at which a fact was true must not be in the future.

Each case is a command on a stream that would take it, with a date one day after today (or later),
and the name of the field. Today is the house's, by UTC; of a report the latest on earth.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain import account, client, house, order, settlement
from domain.account.standing import AuthorisePerson
from domain.account.state import Power
from domain.catalogue import COMMANDS
from domain.client.commands import OnboardClient, RecordScreening, SubmitKyc
from domain.client.events import ClientOnboarded, Document, Kind, Screening
from domain.house import ReceiveInterest
from domain.order.commands import RecordFill, RecordTradeCancel, RecordTradeCorrect
from domain.settlement.commands import RecordSettlementConfirmation
from domain.settlement.events import SettlementInstructed
from domain.shared.dates import DateRefusal, bad_date, bad_span
from domain.shared.fix import Side
from domain.shared.message import Seen
from tests.unit.domain.accounts import A1, OPENED
from tests.unit.domain.orders import desk, place
from tests.unit.domain.scenario import given

TODAY = date(2024, 6, 3)
EVENING = Seen(now=datetime(2024, 6, 3, 23, 59, tzinfo=UTC))
MORNING = Seen(now=datetime(2024, 6, 3, 0, 0, tzinfo=UTC))
AHEAD = [TODAY + timedelta(days=n) for n in (1, 2, 400)] + [date(2199, 12, 31), date.max]

ONBOARDED = ClientOnboarded(client_id="C1", kind=Kind.INDIVIDUAL, legal_name="Ada", country="GB")
Make = Callable[[date], Any]


def passport(**dates: date) -> SubmitKyc:
    return SubmitKyc(
        client_id="C1",
        documents=(
            Document(kind="bill", reference="B1"),
            Document(kind="passport", reference="P1", **dates),
        ),
    )


def onboard(born: date) -> OnboardClient:
    return OnboardClient(
        client_id="C1", kind=Kind.INDIVIDUAL, legal_name="Ada", country="GB", birth_date=born
    )


def screening(day: date) -> RecordScreening:
    return RecordScreening(
        client_id="C1", screening_id="S1", outcome=Screening.CLEAR, screened_on=day
    )


def interest(day: date) -> ReceiveInterest:
    return ReceiveInterest(currency="USD", amount=Decimal(1), value_date=day)


OWN: list[tuple[str, Any, tuple[Any, ...], Make]] = [
    ("screened_on", client, (ONBOARDED,), screening),
    ("documents[1].issued_on", client, (ONBOARDED,), lambda day: passport(issued_on=day)),
    ("birth_date", client, (), onboard),
    ("value_date", house, (), interest),
]


@pytest.mark.parametrize(("field", "module", "past", "make"), OWN, ids=[o[0] for o in OWN])
def test_what_the_house_writes_down_has_come(
    field: str, module: Any, past: tuple[Any, ...], make: Make
) -> None:
    for seen in (MORNING, EVENING):
        assert given(module, *past).when(make(TODAY), seen=seen).after() is not None
        for day in AHEAD:
            result = given(module, *past).when(make(day), seen=seen)
            state = result.refused(DateRefusal.DATE_IN_FUTURE, field=field, today=TODAY).state
            assert set(state) == {"field", "today"}, "a date may be personal: it is not repeated"


INSTRUCTED = SettlementInstructed(
    obligation_id="T1",
    account_id="A1",
    isin="US0378331005",
    side=Side.BUY,
    country="US",
    qty=Decimal(10),
    amount=Decimal(500),
    currency="USD",
    trade_date=TODAY,
    settl_date=TODAY,
)
EXECUTION: dict[str, Any] = {"order_id": "O1", "venue_order_id": "V1", "settl_date": TODAY}
FIGURES: dict[str, Any] = {
    "last_qty": Decimal(1),
    "last_px": Decimal(50),
    "transact_time": MORNING.now,
}
REPORTS: list[tuple[str, Any, tuple[Any, ...], Make]] = [
    (
        "trade_date",
        order,
        (),
        lambda day: RecordFill(exec_id="E1", trade_date=day, **EXECUTION, **FIGURES),
    ),
    (
        "trade_date",
        order,
        (),
        lambda day: RecordTradeCorrect(
            exec_id="E2", exec_ref_id="E1", trade_date=day, **EXECUTION, **FIGURES
        ),
    ),
    (
        "trade_date",
        order,
        (),
        lambda day: RecordTradeCancel(exec_id="E3", exec_ref_id="E1", trade_date=day, **EXECUTION),
    ),
    (
        "value_date",
        settlement,
        (INSTRUCTED,),
        lambda day: RecordSettlementConfirmation(
            obligation_id="T1",
            confirmation_id="S1",
            qty=Decimal(1),
            amount=Decimal(50),
            value_date=day,
        ),
    ),
]


@pytest.mark.parametrize(
    ("field", "module", "past", "make"), REPORTS, ids=["fill", "correct", "cancel", "settle"]
)
def test_a_report_of_a_day_that_has_begun_nowhere_goes_to_suspense(
    field: str, module: Any, past: tuple[Any, ...], make: Make, placed: tuple[Any, ...]
) -> None:
    past = past or placed
    tomorrow = TODAY + timedelta(days=1)  # it has begun in Auckland
    assert given(module, *past).when(make(tomorrow), seen=EVENING).after() is not None
    for day in AHEAD[1:]:
        result = given(module, *past).when(make(day), seen=EVENING)
        result.refused(DateRefusal.DATE_IN_FUTURE, field=field, today=tomorrow)
    result = given(module, *past).when(make(date(1899, 12, 31)), seen=EVENING)
    result.refused(DateRefusal.DATE_TOO_EARLY, field=field)


@pytest.fixture
def placed() -> tuple[Any, ...]:
    return tuple(given(order).when(place(), seen=desk()).decision)


@pytest.mark.parametrize(
    ("begin", "end", "fits"),
    [(0, 0, True), (0, 1, True), (1, 0, False), (400, 399, False), (None, 0, True)],
)
def test_a_power_and_a_document_end_after_they_begin(
    begin: int | None, end: int, fits: bool
) -> None:
    first = None if begin is None else TODAY + timedelta(days=begin)
    last = TODAY + timedelta(days=end)
    power = Power(person_id="P9", trade=True, valid_from=first, valid_to=last)
    asked = given(account, OPENED).when(AuthorisePerson(account_id=A1, power=power), seen=MORNING)
    if fits:
        asked.after()  # a power may begin on a day to come
    else:
        asked.refused(DateRefusal.DATES_OUT_OF_ORDER, first="valid_from", last="valid_to")
    assert (bad_span("a", first, "b", last) is None) == fits


def test_a_document_that_ended_before_it_was_issued_is_refused() -> None:
    result = passport(issued_on=TODAY, expires_on=TODAY - timedelta(days=1))
    given(client, ONBOARDED).when(result, seen=EVENING).refused(DateRefusal.DATES_OUT_OF_ORDER)
    later = passport(issued_on=TODAY, expires_on=date(2199, 1, 1))
    given(client, ONBOARDED).when(later, seen=EVENING).after()


def test_no_date_is_neither_early_nor_late() -> None:
    assert bad_date("x", None, TODAY) is None


HAS_COME = {
    "MarkPrice.price_date",
    "FixRates.rate_date",
    "AccrueFee.accrual_date",
    "ChargeFee.period_end",
    "CreditInterest.value_date",
    "DebitInterest.value_date",
    "ReceiveInterest.value_date",
    "RecordScreening.screened_on",
    "OnboardClient.birth_date",
    "CloseDay.day",
}


def test_every_date_that_may_be_stated_is_one_or_the_other() -> None:
    """A command lists its dates that may be in the future; any other date there is refused."""
    found = {
        f"{name}.{field}"
        for name, kind in COMMANDS.items()
        if not kind.INTERNAL
        for field, hint in kind.__annotations__.items()
        if "date" in str(hint) and "documents" not in field
    }
    ahead = {f"{name}.{field}" for name, kind in COMMANDS.items() for field in kind.MAY_LIE_AHEAD}
    assert ahead >= {"DepositCash.available_on", "PlaceOrder.expire_at"}
    assert ahead.isdisjoint(HAS_COME)
    assert found == ahead | HAS_COME
