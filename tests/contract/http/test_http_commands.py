"""Commands over a real socket: every status and header of the contract."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.contract.http.edge import Edge, book, listing, order, serving, us_today

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    with serving() as edge:
        book(edge, "A1")
        listing(edge, "AAPL", "US0378331005")
        yield edge


def deposit(amount: Any = "1.00", reference: str = "r", **more: Any) -> dict[str, Any]:
    body = {"account_id": "A1", "amount": amount, "currency": "USD", "reference": reference}
    return body | more


def problem(answer: httpx.Response, status: int, name: str) -> dict[str, Any]:
    """The problem details of an answer, which must be of this status and type."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    body: dict[str, Any] = answer.json()
    assert body.keys() >= {"type", "title", "status", "detail", "instance"}
    assert (body["status"], body["type"]) == (status, name)
    return body


def test_a_command_that_appends_is_201_with_its_place(edge: Edge) -> None:
    before = edge.run(edge.platform.log.last())
    answer = edge.post("DepositCash", deposit(reference="t201"))
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    assert "idempotent-replayed" not in answer.headers
    body = answer.json()
    assert body.keys() == {"stream", "version", "position"}
    assert body["stream"] == "account-A1"
    assert body["position"] > before


def test_a_command_that_changes_nothing_is_200(edge: Edge) -> None:
    today = us_today().isoformat()
    mark = {"instrument_id": "AAPL", "isin": "US0378331005", "price": "50.00", "currency": "USD"}
    answer = edge.post("MarkPrice", mark | {"price_date": today, "source": "test"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["stream"] == "price-AAPL"


def test_a_repeat_gets_the_first_status_and_body(edge: Edge) -> None:
    first = edge.post("DepositCash", deposit(reference="again"), key="again-1")
    second = edge.post("DepositCash", deposit(reference="again"), key='"again-1"')
    assert (second.status_code, second.json()) == (first.status_code, first.json())
    assert second.headers["idempotent-replayed"] == "true"


def test_a_repeat_of_what_changed_nothing_is_200_again(edge: Edge) -> None:
    today = us_today().isoformat()
    mark = {"instrument_id": "AAPL", "isin": "US0378331005", "price": "50.00", "currency": "USD"}
    body = mark | {"price_date": today, "source": "test"}
    first, second = (edge.post("MarkPrice", body, key="nothing-1") for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert second.json() == first.json()
    assert second.headers["idempotent-replayed"] == "true"


def test_another_body_under_a_used_key_is_409(edge: Edge) -> None:
    edge.post("DepositCash", deposit(reference="mine"), key="used-1")
    answer = edge.post("DepositCash", deposit("2.00", reference="mine"), key="used-1")
    problem(answer, 409, "idempotency_key_reused")


def test_another_effective_time_under_a_used_key_is_409(edge: Edge) -> None:
    body = deposit(reference="timed", effective_at="2024-01-02T00:00:00Z")
    assert edge.post("DepositCash", body, key="used-2").status_code == 201
    moved = body | {"effective_at": "2024-01-03T00:00:00Z"}
    problem(edge.post("DepositCash", moved, key="used-2"), 409, "idempotency_key_reused")


def test_the_same_command_fifty_times_at_once_happens_once(edge: Edge) -> None:
    def send(_: int) -> httpx.Response:
        return httpx.post(
            f"{edge.url}/commands/DepositCash",
            json=deposit("7.77", reference="fifty"),
            headers={"Idempotency-Key": "fifty-1"},
            timeout=30,
        )

    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(send, range(50)))
    assert {a.status_code for a in answers} == {201}
    assert len({a.text for a in answers}) == 1
    assert sum("idempotent-replayed" not in a.headers for a in answers) == 1
    events = edge.run(edge.platform.log.select("account-A1"))
    assert sum(getattr(e.event, "reference", "") == "fifty" for e in events) == 1


def test_two_commands_racing_for_the_last_dollar_do_not_both_get_it(edge: Edge) -> None:
    book(edge, "Race", cash="1.00")

    def send(reference: str) -> int:
        body = {
            "account_id": "Race",
            "amount": "1.00",
            "currency": "USD",
            "reference": reference,
        }
        return edge.post("WithdrawCash", body, key=reference).status_code

    with ThreadPoolExecutor(8) as threads:
        found = sorted(threads.map(send, [f"race-{i}" for i in range(8)]))
    assert found == [201] + [422] * 7


def test_a_refusal_is_422_by_its_name_with_the_state_that_caused_it(edge: Edge) -> None:
    body = {"account_id": "A1", "amount": "999999.00", "currency": "USD", "reference": "much"}
    found = problem(edge.post("WithdrawCash", body), 422, "insufficient_funds")
    assert found["state"]
    assert all(isinstance(v, str) for v in found["state"].values())


def test_a_refusal_binds_no_key(edge: Edge) -> None:
    body = {"account_id": "Late", "amount": "1.00", "currency": "USD", "reference": "late"}
    assert edge.post("DepositCash", body, key="late-1").status_code == 422
    book(edge, "Late")
    assert edge.post("DepositCash", body, key="late-1").status_code == 201


@pytest.mark.parametrize(
    ("name", "body", "refusal"),
    [
        ("DepositCash", {"currency": "XXX"}, "currency_unknown"),
        ("DepositCash", {"amount": "0"}, "amount_not_positive"),
        ("DepositCash", {"amount": "-1.00"}, "amount_not_positive"),
        ("DepositCash", {"amount": "1.001"}, "amount_inexact"),
    ],
)
def test_what_cannot_be_is_refused(
    edge: Edge, name: str, body: dict[str, Any], refusal: str
) -> None:
    problem(edge.post(name, deposit(reference="bad") | body), 422, refusal)


@pytest.mark.parametrize(
    ("name", "body", "refusals"),
    [
        ("DepositCash", deposit(account_id="nobody"), {"account_unknown"}),
        ("SuspendClient", {"client_id": "nobody", "reason": "x"}, {"client_unknown"}),
        ("CancelOrder", {"order_id": "nothing", "reason": "x"}, {"order_unknown"}),
        ("HaltInstrument", {"instrument_id": "nothing"}, {"instrument_unknown"}),
    ],
)
def test_an_unknown_id_is_a_refusal(
    edge: Edge, name: str, body: dict[str, Any], refusals: set[str]
) -> None:
    answer = edge.post(name, body)
    assert answer.status_code == 422
    assert answer.json()["type"] in refusals


def test_a_future_effective_time_is_refused(edge: Edge) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    answer = edge.post("DepositCash", deposit(reference="future", effective_at=tomorrow))
    problem(answer, 422, "effective_at_in_future")


WITHDRAWAL = {"account_id": "A1", "amount": "1.00", "currency": "USD", "reference": "back-dated"}


@pytest.mark.parametrize("at", ["2024-03-05T00:00:00Z", "2199-01-01T00:00:00Z"])
@pytest.mark.parametrize("door", ["one", "bulk", "dry run", "dry bulk"])
def test_an_intent_that_states_a_time_is_refused_at_every_door(
    edge: Edge, at: str, door: str
) -> None:
    body, headers = WITHDRAWAL | {"effective_at": at}, {"Idempotency-Key": f"{door[:3]}-{at[:4]}"}
    dry = "?dry_run=true" if door.startswith("dry") else ""
    if door.endswith("bulk"):
        items = [{"name": "WithdrawCash", "key": f"{door[:3]}-{at[:4]}", "body": body}]
        [answer] = edge.http.post(f"/commands{dry}", json=items).json()
        status, found = answer["status"], answer["body"]
    else:
        result = edge.http.post(f"/commands/WithdrawCash{dry}", json=body, headers=headers)
        status, found = result.status_code, result.json()
    assert (status, found["type"]) == (422, "effective_at_not_allowed")


def test_a_past_effective_time_is_kept_on_the_event(edge: Edge) -> None:
    body = deposit(reference="past", effective_at="2024-05-06T07:08:09Z")
    done = edge.post("DepositCash", body).json()
    found = edge.run(edge.platform.log.select("account-A1", after_version=done["version"] - 1))
    assert found[0].effective_at == datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


def test_the_actor_is_kept_on_the_event_and_defaults_to_local(edge: Edge) -> None:
    for actor, sent in (("olga", {"X_Actor": "olga"}), ("local", {})):
        done = edge.post("DepositCash", deposit(reference=f"by-{actor}"), **sent).json()
        found = edge.run(edge.platform.log.select("account-A1", after_version=done["version"] - 1))
        assert found[0].meta.actor == actor


def test_a_dry_run_returns_the_events_and_appends_nothing(edge: Edge) -> None:
    before = edge.run(edge.platform.log.last())
    answer = edge.http.post(
        "/commands/DepositCash?dry_run=true", json=deposit("3.00", reference="dry")
    )
    assert answer.status_code == 200, answer.text
    (event,) = answer.json()["events"]
    assert (event["type"], event["amount"]) == ("cash.deposited", "3.00")
    assert edge.run(edge.platform.log.last()) == before


def test_a_dry_run_is_refused_like_the_command_itself(edge: Edge) -> None:
    body = deposit("0", reference="dry")
    answer = edge.http.post("/commands/DepositCash?dry_run=1", json=body)
    problem(answer, 422, "amount_not_positive")


def test_place_order_waits_for_its_outcome_if_asked(edge: Edge) -> None:
    body = {
        "order_id": "Dear",
        "account_id": "A1",
        "instrument_id": "AAPL",
        "side": "BUY",
        "qty": "100000",
        "ord_type": "LIMIT",
        "limit_px": "50.00",
    }
    answer = edge.post("PlaceOrder", body, Prefer="respond-async, wait=8")
    assert answer.status_code == 201, answer.text
    assert answer.headers["preference-applied"] == "wait=8"
    events = edge.run(edge.platform.log.select("order-Dear"))
    assert [e.meta.name for e in events] == ["order.placed", "order.rejected"]


def test_waiting_is_bounded_by_what_was_asked(edge: Edge) -> None:
    body = {
        "order_id": "Slow",
        "account_id": "A1",
        "instrument_id": "AAPL",
        "side": "BUY",
        "qty": "1",
        "ord_type": "LIMIT",
        "limit_px": "50.00",
    }
    started = datetime.now(UTC)
    answer = edge.post("PlaceOrder", body, Prefer="wait=1")  # no venue here: it stays pending
    assert answer.status_code == 201
    assert timedelta(seconds=0.9) < datetime.now(UTC) - started < timedelta(seconds=5)


def test_wait_is_for_orders_alone(edge: Edge) -> None:
    answer = edge.post("DepositCash", deposit(reference="hasty"), Prefer="wait=5")
    assert "preference-applied" not in answer.headers


def test_bulk_answers_in_order_with_a_status_each(edge: Edge) -> None:
    items = [
        {"name": "DepositCash", "key": "bulk-1", "body": deposit(reference="bulk-1")},
        {"name": "DepositCash", "key": "bulk-1", "body": deposit(reference="bulk-1")},
        {"name": "DepositCash", "key": "bulk-1", "body": deposit("9.00", reference="bulk-1")},
        {"name": "DepositCash", "key": "bulk-2", "body": deposit("0", reference="bulk-2")},
        {"name": "DepositCash", "key": "bulk-3", "body": deposit(1)},
        {"name": "DepositCash", "body": deposit()},
        {"name": "BookTrade", "key": "bulk-4", "body": {}},
        {"name": "DepositCash", "key": 5, "body": deposit()},
        {"key": "bulk-6"},
        "what",
        {"name": "DepositCash", "key": "bulk-7", "body": deposit(reference="bulk-7")},
    ]
    answer = edge.http.post("/commands", json=items)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    statuses = [201, 201, 409, 422, 400, 400, 404, 400, 400, 400, 201]
    assert [one["status"] for one in found] == statuses
    assert found[0]["body"] == found[1]["body"]
    assert found[1]["replayed"] is True
    assert found[3]["body"]["type"] == "amount_not_positive"
    assert found[4]["body"]["errors"][0]["field"] == "amount"
    assert found[10]["body"]["version"] == found[0]["body"]["version"] + 1


def test_bulk_runs_a_whole_onboarding_in_its_order(edge: Edge) -> None:
    account = {"account_id": "Bulk", "client_id": "A1-c", "base_currency": "EUR"}
    paid = {"account_id": "Bulk", "amount": "5.00", "currency": "EUR"}
    items = [{"name": "OpenAccount", "key": "b0", "body": account | {"lot_method": "FIFO"}}]
    items += [
        {"name": "DepositCash", "key": f"b{i}", "body": paid | {"reference": f"b{i}"}}
        for i in range(1, 1500)
    ]
    found = edge.http.post("/commands", json=items).json()
    assert {one["status"] for one in found} == {201}
    assert [one["body"]["version"] for one in found] == list(range(1, 1501))


def test_a_bulk_dry_run_appends_nothing(edge: Edge) -> None:
    before = edge.run(edge.platform.log.last())
    item = {"name": "DepositCash", "body": deposit(reference="bulk-dry")}
    (found,) = edge.http.post("/commands?dry_run=true", json=[item]).json()
    assert found["status"] == 200
    assert found["body"]["events"][0]["type"] == "cash.deposited"
    assert edge.run(edge.platform.log.last()) == before


def test_a_bulk_that_is_no_list_or_too_long_is_400(edge: Edge) -> None:
    problem(edge.http.post("/commands", json={}), 400, "invalid_input")
    problem(edge.http.post("/commands", json=[0] * 10_001), 400, "invalid_input")


def test_orders_are_placed_over_http(edge: Edge) -> None:
    assert order(edge, "O1", "A1", "AAPL", qty="1")["stream"] == "order-O1"
