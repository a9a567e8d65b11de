"""Subscriptions over graphql-transport-ws: committed view rows; slow readers are dropped."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from decimal import Decimal
from typing import Any

import pytest
from graphql import GraphQLError
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from api.graphql.engine.hub import PATIENCE_S, QUEUE_MAX, ROWS_MAX, Hub
from projections.holdings import positions
from projections.holdings.positions import Position
from projections.ports import Change, Row
from projections.trading import orders
from tests.contract.http.edge import Edge, book, filled, listing, order, serving, settled

PROTOCOL = Subprotocol("graphql-transport-ws")


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    with serving() as edge:
        book(edge, "A1")
        book(edge, "A2")
        listing(edge, "AAPL", "US0378331005")
        settled(edge)
        yield edge


class Subscriber:
    """A socket after its handshake."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        assert self.socket.subprotocol == PROTOCOL
        self.send(type="connection_init")
        assert self.next()["type"] == "connection_ack"

    def send(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def subscribe(self, query: str, id_: str = "1", **variables: object) -> None:
        self.send(type="subscribe", id=id_, payload={"query": query, "variables": variables})

    def next(self, timeout_s: float = 10) -> dict[str, Any]:
        raw = self.socket.recv(timeout_s)
        assert isinstance(raw, str), "messages of this protocol are text frames"
        found: dict[str, Any] = json.loads(raw)
        return found

    def data(self, timeout_s: float = 10) -> Any:
        message = self.next(timeout_s)
        assert message["type"] == "next", message
        assert not message["payload"].get("errors"), message
        return message["payload"]["data"]

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def subscriber(edge: Edge) -> Iterator[Subscriber]:
    address = edge.url.replace("http", "ws") + "/graphql"
    with connect(address, subprotocols=[PROTOCOL]) as socket:
        yield Subscriber(socket)


def watching(edge: Edge, count: int) -> None:
    """Wait until the server has `count` subscriptions."""
    for _ in range(200):
        text = edge.http.get("/metrics").text
        if f"tidemark_graphql_subscribers {float(count)}" in text:
            return
    raise AssertionError(text)


def test_each_state_of_an_order_is_sent_to_its_subscriber(
    edge: Edge, subscriber: Subscriber
) -> None:
    query = """subscription($a: ID!) {
        orderChanged(accountId: $a) { id ordStatus cumQty fills { execId } instrument { symbol } }
    }"""
    subscriber.subscribe(query, a="A1")
    watching(edge, 1)
    order(edge, "S1", "A1", "AAPL", qty="10")
    first = subscriber.data()["orderChanged"]
    assert (first["id"], first["ordStatus"]) == ("S1", "PENDING_NEW")
    assert first["instrument"] == {"symbol": "AAPL"}
    settled(edge)
    filled(edge, "S1", "E1", "10", "50.00")
    seen = first
    while seen["ordStatus"] != "FILLED":
        seen = subscriber.data()["orderChanged"]
    assert (seen["cumQty"], seen["fills"]) == ("10", [{"execId": "E1"}])
    subscriber.send(type="complete", id="1")
    watching(edge, 0)


def test_a_changed_position_is_sent_to_its_account_alone(
    edge: Edge, subscriber: Subscriber
) -> None:
    fields = "accountId isin qty marketValue"
    query = f"subscription($a: ID!) {{ positionChanged(accountId: $a) {{ {fields} }} }}"
    subscriber.subscribe(query, "mine", a="A2")
    subscriber.subscribe(query, "other", a="nobody")
    watching(edge, 2)
    order(edge, "S2", "A2", "AAPL", qty="3")
    settled(edge)
    filled(edge, "S2", "E2", "3", "49.00")
    message = subscriber.next()
    while Decimal(message["payload"]["data"]["positionChanged"]["qty"]) != 3:
        message = subscriber.next()
    assert message["id"] == "mine"
    assert message["payload"]["data"]["positionChanged"] == {
        "accountId": "A2",
        "isin": "US0378331005",
        "qty": "3",
        "marketValue": "150.00",
    }
    subscriber.close()
    watching(edge, 0)


def test_queries_may_be_asked_over_the_socket_too(edge: Edge, subscriber: Subscriber) -> None:
    subscriber.subscribe('{ account(id: "A1") { id } }')
    assert subscriber.data() == {"account": {"id": "A1"}}
    assert subscriber.next()["type"] == "complete"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{" + " ".join(f"a{i}: log {{ position }}" for i in range(60)) + "}", "TOO_COMPLEX"),
        ("{" * 1_000, "TOO_COMPLEX"),
        ("{ log", "GRAPHQL_VALIDATION_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { orderChanged { id } }", "GRAPHQL_VALIDATION_FAILED"),
    ],
)
def test_a_bad_operation_ends_itself_and_not_the_socket(
    edge: Edge, subscriber: Subscriber, query: str, code: str
) -> None:
    subscriber.subscribe(query)
    message = subscriber.next()
    assert message["type"] == "error"
    assert message["payload"][0]["extensions"]["code"] == code
    subscriber.subscribe("{ log { position } }", "2")
    assert subscriber.data()["log"]["position"]


@pytest.mark.parametrize("raw", ["not json", "[]", "1", "[" * 10_000, '{"type": "nonsense"}'])
def test_nonsense_closes_the_socket_and_nothing_else(edge: Edge, raw: str) -> None:
    address = edge.url.replace("http", "ws") + "/graphql"
    with connect(address, subprotocols=[PROTOCOL]) as socket:
        socket.send(raw)
        with pytest.raises(Exception, match=r"44\d\d|10\d\d"):
            socket.recv(5)
    assert edge.http.get("/healthz").status_code == 200


def test_a_frame_over_the_limit_closes_the_socket(edge: Edge) -> None:
    address = edge.url.replace("http", "ws") + "/graphql"
    broken = pytest.raises(Exception, match=r"1009|1006|closed|reset|Broken")
    with connect(address, subprotocols=[PROTOCOL]) as socket, broken:
        socket.send("x" * (3 << 20))
        socket.recv(5)
    assert edge.http.get("/healthz").status_code == 200


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def of_a1(hub: Hub) -> AsyncGenerator[Row, None]:
    return hub.changes("positions", "account_id", "A1")


async def begun(hub: Hub, *readers: AsyncGenerator[Row, None]) -> None:
    """Subscribe the readers to the hub, and let each read a first change."""
    waiting = [asyncio.ensure_future(anext(reader)) for reader in readers]
    await asyncio.sleep(0)
    hub.publish([change("A1", 0, "first")])
    await asyncio.gather(*waiting)


@pytest.fixture
def hub() -> Hub:
    return Hub(Time())


async def test_a_reader_that_keeps_taking_gets_every_change_of_a_large_batch(hub: Hub) -> None:
    async with aclosing(of_a1(hub)) as reader:
        await begun(hub, reader)
        hub.publish([change("A1", n, f"I{n}") for n in range(1, 10 * QUEUE_MAX)])
        seen = [(await anext(reader)).position for _ in range(1, 10 * QUEUE_MAX)]
        assert seen == list(range(1, 10 * QUEUE_MAX))


async def test_a_reader_far_behind_gets_the_newest_state_of_each_row_alone(
    hub: Hub,
) -> None:
    async with aclosing(of_a1(hub)) as reader:
        await begun(hub, reader)
        changes = 50 * QUEUE_MAX
        hub.publish([change("A1", n, f"I{n % 7}") for n in range(1, changes + 1)])
        newest: dict[str, int] = {}
        for _ in range(QUEUE_MAX + 7):
            row = await anext(reader)
            assert isinstance(row, Position)
            assert row.position > newest.get(row.isin, 0)
            newest[row.isin] = row.position
        assert sorted(newest.values()) == list(range(changes - 6, changes + 1))


async def test_a_slow_consumer_is_dropped_with_an_error_and_delays_no_other(hub: Hub) -> None:
    async with aclosing(of_a1(hub)) as slow, aclosing(of_a1(hub)) as quick:
        await begun(hub, slow, quick)
        for n in range(1, ROWS_MAX + QUEUE_MAX + 2):
            hub.publish([change("A1", n, f"I{n}")])
            assert (await anext(quick)).position == n
        await dropped(slow)
    assert hub.count == 0


async def test_a_reader_that_takes_nothing_for_long_is_dropped(hub: Hub) -> None:
    clock = hub._clock
    assert isinstance(clock, Time)
    async with aclosing(of_a1(hub)) as reader:
        await begun(hub, reader)
        clock.now += 10 * PATIENCE_S  # no change came: the reader is not late
        hub.publish([change("A1", 1), change("A1", 2)])
        clock.now += PATIENCE_S - 1
        assert (await anext(reader)).position == 1
        clock.now += PATIENCE_S - 1
        hub.publish([change("A1", 3)])
        assert (await anext(reader)).position == 2
        clock.now += PATIENCE_S + 1
        hub.publish([change("A1", 4)])
        await dropped(reader)


async def dropped(reader: AsyncGenerator[Row, None]) -> None:
    with pytest.raises(GraphQLError) as caught:
        await anext(reader)
    assert caught.value.extensions == {"code": "SLOW_CONSUMER"}


async def test_the_hub_sends_only_what_is_watched() -> None:
    hub = Hub()
    async with aclosing(hub.changes("positions", "account_id", "A1")) as watch:
        waiting = asyncio.ensure_future(anext(watch))
        await asyncio.sleep(0)
        hub.publish([change("A2", 1), Change(orders, {("O1",): None}, 0, 2), change("A1", 3)])
        assert (await waiting).position == 3


def change(account_id: str, position: int, isin: str = "US0378331005") -> Change:
    row: Row = Position(account_id=account_id, isin=isin, position=position)
    return Change(positions, {(account_id, isin): row}, position - 1, position)
