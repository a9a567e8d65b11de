"""Models of request bodies, derived from the commands' structs."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.http.models import DECIMAL, command_from, model_of
from api.http.problems import invalid
from domain.catalogue import COMMANDS
from domain.fx import FixRates
from domain.order.commands import PlaceOrder
from domain.shared.fix import OrdType, Side
from domain.shared.message import Command, PersonalText

ORDER = {
    "order_id": "O-1",
    "account_id": "A.1",
    "instrument_id": "AAPL",
    "side": "BUY",
    "qty": "100",
    "ord_type": "LIMIT",
    "limit_px": "50.25",
}


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    isin: str
    share: Decimal = Decimal(1)


class Everything(Command):
    """A command with a field of every kind."""

    thing_id: str
    text: str = ""
    count: int = 0
    sure: bool = False
    day: date | None = None
    at: datetime | None = None
    amount: Decimal | None = None
    legs: tuple[Leg, ...] = ()
    shares: dict[str, Decimal] = {}
    payee: PersonalText | None = None


def rules(kind: type[Command], body: object) -> dict[str, str]:
    """Field -> rule, for a body that must be refused."""
    with pytest.raises(ValidationError) as caught:
        command_from(kind, body)
    errors = invalid(caught.value).members["errors"]
    return {e["field"]: e["rule"] for e in errors}


@pytest.mark.parametrize("kind", COMMANDS.values(), ids=COMMANDS)
def test_every_command_of_the_catalogue_has_a_model_of_its_own_fields(kind: type[Command]) -> None:
    extra = set(model_of(kind).model_fields) - set(kind.__struct_fields__)
    assert extra <= ({"effective_at"} if kind.STATES_TIME or kind.INTERNAL else set())
    assert set(kind.__struct_fields__) <= set(model_of(kind).model_fields)


def test_a_time_that_may_not_be_stated_is_read_and_left_to_the_handler() -> None:
    asked = command_from(PlaceOrder, ORDER | {"effective_at": "2024-01-01T01:00:00+01:00"})
    assert asked.effective_at == datetime(2024, 1, 1, tzinfo=UTC)
    assert command_from(PlaceOrder, ORDER | {"effective_at": None}).effective_at is None
    wrong = ORDER | {"effective_at": "yesterday"}
    assert rules(PlaceOrder, wrong) == {"effective_at": "datetime"}


def test_a_body_becomes_the_command_with_its_own_types() -> None:
    asked = command_from(PlaceOrder, ORDER)
    assert asked.effective_at is None
    assert asked.command == PlaceOrder(
        order_id="O-1",
        account_id="A.1",
        instrument_id="AAPL",
        side=Side.BUY,
        qty=Decimal(100),
        ord_type=OrdType.LIMIT,
        limit_px=Decimal("50.25"),
    )


def test_nested_and_listed_values_arrive_and_times_are_in_utc() -> None:
    body = {
        "thing_id": "x",
        "day": "2024-02-29",
        "at": "2024-03-01T01:30:00.5+02:00",
        "legs": [{"isin": "US0378331005", "share": "0.5"}],
        "shares": {"a": "1.50"},
        "payee": "Ann",
        "effective_at": "2024-01-01T00:00:00Z",
    }
    command, effective_at = command_from(Everything, body)
    assert effective_at == datetime(2024, 1, 1, tzinfo=UTC)
    assert isinstance(command, Everything)
    assert command.day == date(2024, 2, 29)
    assert command.at == datetime(2024, 2, 29, 23, 30, 0, 500_000, tzinfo=UTC)
    assert command.legs == (Leg(isin="US0378331005", share=Decimal("0.5")),)
    assert command.shares == {"a": Decimal("1.50")}
    assert command.payee == "Ann"


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("qty", 100, "decimal"),
        ("qty", 1.5, "decimal"),
        ("qty", float("nan"), "decimal"),
        ("qty", "NaN", "decimal"),
        ("qty", "Infinity", "decimal"),
        ("qty", "1e30", "decimal"),
        ("qty", "1E2", "decimal"),
        ("qty", "+1", "decimal"),
        ("qty", ".5", "decimal"),
        ("qty", "1.", "decimal"),
        ("qty", "1_000", "decimal"),
        ("qty", " 1", "decimal"),
        ("qty", "1\n", "decimal"),
        ("qty", "\u0661", "decimal"),
        ("qty", "1" * 16, "decimal"),
        ("qty", "0.12345678901", "decimal"),
        ("qty", None, "decimal"),
        ("order_id", "", "identifier"),
        ("order_id", "a/b", "identifier"),
        ("order_id", "a" * 65, "identifier"),
        ("order_id", "a\n", "identifier"),
        ("order_id", 7, "identifier"),
        ("side", "buy", "enum"),
        ("side", 1, "enum"),
        ("solicited", "true", "bool_type"),
        ("solicited", 1, "bool_type"),
        ("expire_at", "2024-01-01T00:00:00", "datetime"),
        ("expire_at", "2024-01-01", "datetime"),
        ("expire_at", 1_700_000_000, "datetime"),
        ("expire_at", "2024-02-30T00:00:00Z", "datetime"),
        ("expire_at", "2024-01-01T00:00:00.1234567Z", "datetime"),
        ("effective_at", "0001-01-01T00:00:00+14:00", "datetime"),
        ("effective_at", "1900-01-01T00:00:00+23:59", "datetime"),  # of 1899 in UTC
        ("decision_maker", "a\0b", "text"),
        ("decision_maker", "a" * 1001, "text"),
        ("surprise", "x", "unknown_field"),
    ],
)
def test_a_wrong_value_is_refused_by_field_and_rule(field: str, value: Any, rule: str) -> None:
    assert rules(PlaceOrder, ORDER | {field: value}) == {field: rule}


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("count", "1", {"count": "int_type"}),
        ("count", 1.0, {"count": "int_type"}),
        ("count", 2**31, {"count": "less_than_equal"}),
        ("count", True, {"count": "int_type"}),
        ("day", "2024-1-1", {"day": "date"}),
        ("day", "2024-01-01T00:00:00", {"day": "date"}),
        ("day", 20240101, {"day": "date"}),
        ("day", "9999-12-31", {"day": "date"}),
        ("legs", {}, {"legs": "list"}),
        ("legs", "x", {"legs": "list"}),
        ("legs", [{}], {"legs.0.isin": "required"}),
        ("legs", [{"isin": "i", "x": 1}], {"legs.0.x": "unknown_field"}),
        ("legs", [{"isin": "i"}] * 1001, {"legs": "too_long"}),
        ("shares", [], {"shares": "object"}),
        ("shares", {"a": 1}, {"shares.a": "decimal"}),
        ("shares", {"a" * 65: "1"}, {"shares." + "a" * 65: "label"}),
        ("payee", {"erased": "erased"}, {"payee": "text"}),
    ],
)
def test_nested_values_are_refused_by_their_path(field: str, value: Any, found: Any) -> None:
    assert rules(Everything, {"thing_id": "x", field: value}) == found


@pytest.mark.parametrize("body", [None, [], "x", 1, True])
def test_a_body_that_is_no_object_is_refused(body: object) -> None:
    assert rules(PlaceOrder, body) == {"": "object"}


def test_every_missing_field_is_named() -> None:
    required = {"order_id", "account_id", "instrument_id", "side", "qty", "ord_type"}
    assert rules(PlaceOrder, {}) == dict.fromkeys(required, "required")


def test_a_problem_never_repeats_a_value() -> None:
    with pytest.raises(ValidationError) as caught:
        command_from(PlaceOrder, ORDER | {"qty": "my-secret", "side": "my-secret"})
    problem = invalid(caught.value)
    assert "my-secret" not in str(problem.body("/x"))


@given(st.from_regex(DECIMAL, fullmatch=True).filter(str.isascii))
def test_every_decimal_that_is_accepted_arrives_exactly(text: str) -> None:
    command, _ = command_from(Everything, {"thing_id": "x", "amount": text})
    assert isinstance(command, Everything)
    assert command.amount == Decimal(text)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
def test_a_decimal_in_any_json_is_taken_exactly_or_refused(value: Any) -> None:
    try:
        command, _ = command_from(PlaceOrder, ORDER | {"qty": value})
    except ValidationError:
        return
    assert isinstance(command, PlaceOrder)
    assert command.qty == Decimal(value)


def test_what_names_a_stream_must_be_an_identifier_whatever_its_field_is_called() -> None:
    body = {"source": "e/c/b", "rate_date": "2024-01-02", "rates": {"USD": "1.1"}}
    assert rules(FixRates, body) == {"source": "identifier"}
    assert command_from(FixRates, body | {"source": "ecb"})


@pytest.mark.parametrize(
    "at",
    [
        "1900-01-01T00:00:00+23:59",
        "2199-12-31T23:59:59-00:01",
        "1899-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_a_time_whose_year_is_out_of_bounds_here_or_in_utc_is_refused(at: str) -> None:
    assert rules(PlaceOrder, ORDER | {"effective_at": at}) == {"effective_at": "datetime"}


@pytest.mark.parametrize("text", ["Ann\u202eSmith", "a\u200bb", "x\uffff", "tab\x0bbed"])
def test_no_field_takes_text_that_cannot_be_seen(text: str) -> None:
    assert rules(Everything, {"thing_id": "T", "text": text}) == {"text": "text"}
    assert rules(Everything, {"thing_id": text})["thing_id"] == "identifier"
    wrong = rules(Everything, {"thing_id": "T", "shares": {text: "1"}})
    assert set(wrong.values()) == {"label"}
    assert rules(Everything, {"thing_id": "T", "payee": text}) == {"payee": "text"}
