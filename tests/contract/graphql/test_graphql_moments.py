"""Moments over GraphQL: `atLeast`, `knownAt` and `asOf`, and the roots that refuse them."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.graphql.schema import Query
from commands.handler import Done
from commands.ports import Request
from domain.account.standing import OpenAccount
from domain.client.commands import OnboardClient, SubmitKyc
from domain.client.events import Document, Kind
from domain.order.commands import RecordAck
from domain.shared.message import Command
from tests.contract.graphql.test_graphql_reads import HOLDINGS, account, codes
from tests.contract.http.edge import (
    Edge,
    book,
    filled,
    listing,
    order,
    serving,
    settled,
    us_today,
)

APPLE = "US0378331005"


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    with serving() as edge:
        book(edge, "A1")
        book(edge, "P5", cash="0")
        listing(edge, "AAPL", APPLE)
        order(edge, "O1", "A1", "AAPL", qty="10")
        settled(edge)
        filled(edge, "O1", "E1", "10", "49.90")
        settled(edge)
        yield edge


def test_at_least_waits_for_the_views(edge: Edge) -> None:
    for i in range(20):
        paid = {"account_id": "P5", "amount": "1.00", "currency": "USD", "reference": f"al{i}"}
        position = edge.did("DepositCash", paid)["position"]
        found = account(edge, "P5", "cash { traded }", atLeast=str(position))
        assert found["cash"] == [{"traded": f"{i + 1}.00"}]


def test_at_least_gives_up_in_bounded_time_and_says_so(edge: Edge) -> None:
    started = time.monotonic()
    answer = edge.ask('{ account(id: "A1", atLeast: "999999") { id } other: log { position } }')
    assert 4 < time.monotonic() - started < 9
    assert codes(answer) == ["NOT_YET"]
    assert answer["data"]["account"] is None
    assert answer["data"]["other"]["position"]


@pytest.mark.parametrize("position", ["x", "-1", "1.5", "", "1" * 30])
def test_at_least_is_a_position(edge: Edge, position: str) -> None:
    answer = edge.ask(f'{{ account(id: "A1", atLeast: "{position}") {{ id }} }}')
    assert codes(answer) == ["BAD_ARGUMENT"]


def test_a_fold_of_all_that_is_known_equals_the_views(edge: Edge) -> None:
    position = settled(edge)
    rich = HOLDINGS + "client { id status } obligations { id settlDate receiveOpen }"
    now = account(edge, "A1", rich, atLeast=position)
    assert account(edge, "A1", rich, knownAt=soon()) == now
    assert account(edge, "A1", rich, asOf=soon()) == now
    same = "id ordStatus cumQty leavesQty avgPx position fills { execId lastQty tradeId }"
    views = edge.data(f'{{ order(id: "O1") {{ {same} }} }}')
    assert edge.data(f'{{ order(id: "O1", knownAt: "{soon()}") {{ {same} }} }}') == views


def test_known_at_shows_what_was_known_then(edge: Edge) -> None:
    book(edge, "T1", cash="5.00")
    between = now_text()
    paid = {"account_id": "T1", "amount": "7.00", "currency": "USD", "reference": "later"}
    # Effective in the past but recorded now, so not known at the earlier moment.
    edge.did("DepositCash", paid | {"effective_at": "2024-01-01T00:00:00Z"})
    assert account(edge, "T1", "cash { traded }", knownAt=between)["cash"] == [{"traded": "5.00"}]
    assert account(edge, "T1", "cash { traded }", knownAt=soon())["cash"] == [{"traded": "12.00"}]
    assert account(edge, "T1", "id", knownAt="2020-01-01T00:00:00Z") is None


def caused(edge: Edge, command: Command, day: str) -> None:
    """Execute the command now, with the date of an earlier cause in the log."""
    at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    request = Request(
        command=command, message_id=edge.key(), effective_at=at, causation_id="import-1@1"
    )
    assert isinstance(edge.run(edge.platform.dispatcher.submit(request)), Done)


def test_as_of_shows_what_was_effective_then(edge: Edge) -> None:
    caused(
        edge,
        OnboardClient(client_id="T2-c", kind=Kind.INDIVIDUAL, legal_name="T", country="US"),
        "2023-05-01",
    )
    caused(
        edge,
        SubmitKyc(client_id="T2-c", documents=(Document(kind="passport", reference="P"),)),
        "2023-05-01",
    )
    review = f"{datetime.now(UTC).year + 1}-01-15"
    approved = {"client_id": "T2-c", "officer": "olga", "risk_rating": "low", "review_on": review}
    edge.did("ApproveKyc", approved)
    opened = OpenAccount(account_id="T2", client_id="T2-c", base_currency="USD", lot_method="FIFO")
    caused(edge, opened, "2023-06-01")
    for amount, day in (("3.00", "2023-08-01"), ("2.00", "2023-07-01")):  # in reverse order
        paid = {"account_id": "T2", "amount": amount, "currency": "USD", "reference": day}
        edge.did("DepositCash", paid | {"effective_at": f"{day}T00:00:00Z"})

    def traded(day: str) -> Any:
        found = account(edge, "T2", "cash { traded }", asOf=f"{day}T12:00:00Z")
        return found and [c["traded"] for c in found["cash"]]

    assert traded("2023-05-31") is None
    assert traded("2023-06-15") == []
    assert traded("2023-07-15") == ["2.00"]
    assert traded("2023-08-15") == ["5.00"]


def test_a_past_answer_uses_the_price_of_its_own_moment(edge: Edge) -> None:
    between = now_text()
    mark = {"instrument_id": "AAPL", "isin": APPLE, "price": "77.00", "currency": "USD"}
    today = us_today().isoformat()
    edge.did("MarkPrice", mark | {"price_date": today, "source": "test"})
    (before,) = account(edge, "A1", "positions { marketValue }", knownAt=between)["positions"]
    (after,) = account(edge, "A1", "positions { marketValue }", knownAt=soon())["positions"]
    assert (before["marketValue"], after["marketValue"]) == ("500.00", "770.00")
    edge.did("MarkPrice", mark | {"price": "50.00", "price_date": today, "source": "test"})


def test_nothing_in_a_stream_is_so_before_the_stream_begins(edge: Edge) -> None:
    order(edge, "Early", "A1", "AAPL", qty="5")
    settled(edge)
    edge.internal(
        RecordAck(order_id="Early", venue_order_id="V-Early"),
        effective_at=datetime(2024, 1, 1, tzinfo=UTC),  # the venue's clock is wrong
    )
    position = settled(edge)
    fields = "ordStatus cumQty"
    now = edge.data(f'{{ order(id: "Early", atLeast: "{position}") {{ {fields} }} }}')
    assert now["order"]["ordStatus"] == "NEW"
    assert edge.data(f'{{ order(id: "Early", asOf: "{soon()}") {{ {fields} }} }}') == now
    before = edge.data('{ order(id: "Early", asOf: "2024-06-01T00:00:00Z") { ordStatus } }')
    assert before == {"order": None}


def test_one_root_that_waits_makes_all_of_them_read_after_it(edge: Edge) -> None:
    for i in range(20):
        paid = {"account_id": "P5", "amount": "1.00", "currency": "USD", "reference": f"two{i}"}
        position = edge.did("DepositCash", paid)["position"]
        found = edge.data(
            '{ ledger(account: "C.CASH", owner: "P5") { nodes { balance } }'
            f' account(id: "P5", atLeast: "{position}") {{ cash {{ traded }} }} }}'
        )
        (cash,) = found["account"]["cash"]
        assert found["ledger"]["nodes"] == [{"balance": f"-{cash['traded']}"}]


def test_a_snapshot_sees_one_instant(edge: Edge) -> None:
    async def both() -> tuple[Any, Any, Any]:
        models = edge.platform.read_models
        async with models.snapshot() as reader:
            before = await reader.positions()
            await asyncio.to_thread(edge.did, "DepositCash", paid)
            while min((await models.positions()).values()) <= min(before.values()):
                await asyncio.sleep(0.01)
            return before, await reader.positions(), await models.positions()

    paid = {"account_id": "P5", "amount": "1.00", "currency": "USD", "reference": "instant"}
    settled(edge)
    before, again, after = edge.run(both())
    assert before == again
    assert after["cash"] > before["cash"]


@pytest.mark.parametrize("argument", ["asOf", "knownAt"])
def test_every_other_root_refuses_to_answer_for_a_moment(edge: Edge, argument: str) -> None:
    roots = Query.__strawberry_definition__.fields  # type: ignore[attr-defined]
    others = sorted(f.name for f in roots if "id" not in {a.python_name for a in f.arguments})
    assert len(others) >= 10
    leaf = {"log": "position", "trial_balance": "book", "client_money": "currency"}
    leaf |= {"stock_record": "isin", "cash_ladder": "currency"}
    needs = {"stock_record": 'isin: "US0378331005", ', "cash_ladder": 'currency: "USD", '}
    for root in others:
        fields = leaf.get(root, "pageInfo { hasNextPage }")
        name = "".join(p if i == 0 else p.title() for i, p in enumerate(root.split("_")))
        when = f'{needs.get(root, "")}{argument}: "2024-01-01T00:00:00Z"'
        answer = edge.ask(f"{{ {name}({when}) {{ {fields} }} }}")
        assert codes(answer) == ["AS_OF_UNSUPPORTED"], name
        assert answer["data"] == {name: None}


def test_a_list_under_a_past_account_is_refused_not_answered_as_of_now(edge: Edge) -> None:
    answer = edge.ask(
        f'{{ account(id: "A1", knownAt: "{soon()}") {{ id orders {{ nodes {{ id }} }} }} }}'
    )
    assert codes(answer) == ["AS_OF_UNSUPPORTED"]
    assert answer["data"]["account"] == {"id": "A1", "orders": None}


def test_a_moment_needs_a_zone(edge: Edge) -> None:
    answer = edge.ask('{ account(id: "A1", asOf: "2024-01-01T00:00:00") { id } }')
    assert codes(answer) == ["BAD_ARGUMENT"]


def now_text() -> str:
    time.sleep(0.01)
    text = datetime.now(UTC).isoformat()
    time.sleep(0.01)
    return text


def soon() -> str:
    return (datetime.now(UTC) + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
