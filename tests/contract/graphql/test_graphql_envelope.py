"""The message around a GraphQL operation, by HTTP and over a socket: fields, errors, closes."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from api.http.echo import TEXT_MAX
from tests.contract.http.edge import Edge, serving

LOG = "{ log { position } }"
TWO = "query A { log { position } } query B { __typename }"
WATCH = 'subscription { orderChanged(accountId: "A1") { id } }'
LONG = "x" * 40_000


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    with serving() as edge:
        yield edge


class Heard(logging.Handler):
    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__(logging.WARNING)
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record)


@pytest.fixture
def logged() -> Iterator[list[logging.LogRecord]]:
    """Warnings and errors of the server."""
    records: list[logging.LogRecord] = []
    heard, loggers = Heard(records), [logging.getLogger(), logging.getLogger("uvicorn")]
    for logger in loggers:  # uvicorn's logger does not propagate
        logger.addHandler(heard)
    yield records
    for logger in loggers:
        logger.removeHandler(heard)


@pytest.fixture
def socket(edge: Edge) -> Iterator[ClientConnection]:
    address = edge.url.replace("http", "ws") + "/graphql"
    with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as opened:
        opened.send('{"type": "connection_init"}')
        assert json.loads(opened.recv(5))["type"] == "connection_ack"
        yield opened


def subscribed(socket: ClientConnection, payload: object, id_: object = "1") -> dict[str, Any]:
    socket.send(json.dumps({"type": "subscribe", "id": id_, "payload": payload}))
    found: dict[str, Any] = json.loads(socket.recv(5))
    return found


def closed(socket: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as why:
        while True:
            socket.recv(5)
    assert why.value.rcvd is not None, "it is closed with a word"
    return why.value.rcvd.code, why.value.rcvd.reason


WRONG = [
    ({"query": LOG, "surprise": 1}, "surprise"),
    ({"query": LOG, "surprise": None}, "surprise"),
    ({"query": LOG, "Variables": {}}, "Variables"),
    ({"query": LOG, "operationname": "A"}, "operationname"),
    ({"query": LOG, "id": "1"}, "id"),
    ({"query": LOG, LONG: 1}, LONG[:40]),
    ({"query": 5}, "query"),
    ({"query": LOG, "variables": [1]}, "variables"),
    ({"query": LOG, "variables": "abc"}, "variables"),
    ({"query": LOG, "operationName": 5}, "operationName"),
    ({"query": LOG, "operationName": LONG}, "operationName"),
    ({"query": LOG, "operationName": "a b"}, "operationName"),
    ({"query": LOG, "extensions": "abc"}, "extensions"),
]


@pytest.mark.parametrize(("envelope", "field"), WRONG, ids=range(len(WRONG)))
def test_a_field_that_is_unknown_or_of_another_kind_is_named(
    edge: Edge, socket: ClientConnection, envelope: dict[str, object], field: str
) -> None:
    answer = edge.http.post("/graphql", json=envelope)
    assert (answer.status_code, answer.json()["type"]) == (400, "invalid_input")
    assert answer.json()["errors"][0]["field"] == field
    assert len(answer.content) < 1_000
    message = subscribed(socket, envelope)
    assert (message["type"], message["id"]) == ("error", "1")
    assert message["payload"][0]["message"].startswith(f"{field}: ")
    assert message["payload"][0]["extensions"]["code"] == "BAD_ARGUMENT"
    assert subscribed(socket, {"query": LOG}, "2")["type"] == "next", "the socket goes on"


@pytest.mark.parametrize(
    "more",
    [
        {"extensions": {"persistedQuery": {"version": 1}}},
        {"extensions": {}},
        {"variables": None, "operationName": None, "extensions": None},
        {"variables": {}},
    ],
)
def test_the_fields_of_graphql_over_http_are_taken(
    edge: Edge, socket: ClientConnection, more: dict[str, object]
) -> None:
    answer = edge.http.post("/graphql", json={"query": LOG, **more})
    assert answer.json()["data"]["log"], answer.text
    assert subscribed(socket, {"query": LOG, **more})["payload"]["data"]["log"]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        (LOG, "A"), (TWO, "C"), (TWO, None), (WATCH, "A"), (TWO, "x" * 100), (LOG, "log"),
        ("fragment F on Log { position }", None), ("fragment F on Log { position }", "F"),
    ],
)  # fmt: skip
def test_an_ambiguous_operation_is_an_error_and_no_bug(
    edge: Edge, socket: ClientConnection, query: str, name: str | None,
    logged: list[logging.LogRecord],
) -> None:  # fmt: skip
    envelope = {"query": query, "operationName": name}
    by_http = edge.http.post("/graphql", json=envelope).json()["errors"]
    message = subscribed(socket, envelope)
    assert message["type"] == "error"
    for errors in (by_http, message["payload"]):
        assert errors[0]["message"].startswith("operationName: ")
        assert errors[0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        assert len(errors[0]["message"]) < 200
    assert subscribed(socket, {"query": TWO, "operationName": "B"}, "2")["payload"]["data"]
    assert not logged


BOTH = f"query A {LOG} " + WATCH.replace("subscription", "subscription B")


@pytest.mark.parametrize(
    "envelope",
    [
        {"query": WATCH},
        {"query": WATCH.replace("subscription", "subscription S")},
        {"query": BOTH, "operationName": "B"},
        {"query": "subscription { nothing }"},
        {"query": "subscription($a: ID!) { orderChanged(accountId: $a) { id } }"},
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream", "multipart/mixed"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_subscription_in_an_http_request_is_one_error_that_names_the_socket_and_is_not_logged(
    edge: Edge,
    envelope: dict[str, str],
    accept: str,
    method: str,
    logged: list[logging.LogRecord],
) -> None:
    sent = {"params": envelope} if method == "GET" else {"json": envelope}
    answer = edge.http.request(method, "/graphql", headers={"Accept": accept}, **sent)  # type: ignore[arg-type]
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]) == (200, {"code": "NEEDS_SOCKET"})
    assert "WebSocket" in error["message"] and "graphql-transport-ws" in error["message"]
    assert not logged


def test_a_query_beside_a_subscription_is_answered_over_http(edge: Edge) -> None:
    answer = edge.http.post("/graphql", json={"query": BOTH, "operationName": "A"})
    assert answer.json()["data"]["log"], answer.text
    assert not answer.json().get("errors")


def test_a_mutation_is_an_error_and_no_bug(edge: Edge, logged: list[logging.LogRecord]) -> None:
    query = "mutation { log { position } }"
    assert edge.http.post("/graphql", json={"query": query}).json()["errors"]
    assert edge.http.get("/graphql", params={"query": query}).is_client_error
    assert not logged


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{ " + LONG + " }", {}),
        ("{ orders(status: " + LONG + ") { nodes { id } } }", {}),
        ('{ account(id: "A", asOf: "' + LONG + '") { id } }', {}),
        ('{ account(id: "A", atLeast: "' + LONG + '") { id } }', {}),
        ('{ orders(after: "' + LONG + '") { nodes { id } } }', {}),
        ("query($n: Int) { accounts(first: $n) { nodes { id } } }", {"n": LONG}),
        ("query($" + LONG + ": Int) { log { position } }", {}),
        ("{ log { ..." + LONG + " } }", {}),
        ("{ log @" + LONG + " { position } }", {}),
        ("{ log { position } } " + LONG, {}),
    ],
    ids=range(10),
)
def test_an_error_repeats_little_of_what_was_sent(
    edge: Edge, socket: ClientConnection, query: str, variables: dict[str, str]
) -> None:
    envelope = {"query": query, "variables": variables}
    by_http = edge.http.post("/graphql", json=envelope).json()["errors"]
    message = subscribed(socket, envelope)
    by_socket = message["payload"]
    for error in [*by_http, *(by_socket if isinstance(by_socket, list) else by_socket["errors"])]:
        assert len(error["message"]) <= TEXT_MAX


def test_a_problem_repeats_little_of_what_was_sent(edge: Edge) -> None:
    kind = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    for path, body in [
        ("/" + LONG, b""),
        ("/commands/" + LONG, b"{}"),
        ("/commands/DepositCash", json.dumps({LONG: 1}).encode()),
        ("/commands/DepositCash", b'{"%s": 1, "%s": 2}' % (LONG.encode(), LONG.encode())),
        ("/warehouse", json.dumps({"query": "select 1", LONG: 1}).encode()),
        ("/warehouse", json.dumps({"query": f"select {LONG}"}).encode()),
        ("/graphql", b'{"query": "' + b"\xff" * 40_000 + b'"}'),
    ]:
        answer = edge.http.post(path, content=body, headers=kind)
        assert answer.is_client_error
        assert len(answer.content) < 3 * TEXT_MAX, path[:40]


@pytest.mark.parametrize("text", ["A\0", "\0", "\0A1"])
def test_an_argument_that_no_text_can_hold_is_a_bad_argument_and_none_beside_it_is_a_bug(
    edge: Edge, text: str, logged: list[logging.LogRecord]
) -> None:
    spelled = json.dumps(text)
    for query, variables in [
        (f"{{ account(id: {spelled}) {{ id }} client(id: {spelled}) {{ id }} }}", {}),
        ("query($i: ID!) { account(id: $i) { id } client(id: $i) { id } }", {"i": text}),
        *(
            (f'{{ {root}(id: {spelled}, {moment}: "2020-01-01T00:00:00Z") {{ id }} }}', {})
            for root in ("account", "client", "instrument", "order")
            for moment in ("asOf", "knownAt")
        ),
    ]:
        envelope = {"query": query, "variables": variables}
        errors = edge.http.post("/graphql", json=envelope).json()["errors"]
        assert {error["extensions"]["code"] for error in errors} == {"BAD_ARGUMENT"}
    assert not logged


@pytest.mark.parametrize("argument", ["asOf", "knownAt"])
@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_moment_outside_the_calendar_is_a_bad_argument_and_no_bug(
    edge: Edge, argument: str, at: str, logged: list[logging.LogRecord]
) -> None:
    (error,) = edge.ask(f'{{ account(id: "A", {argument}: "{at}") {{ id }} }}')["errors"]
    assert error["extensions"]["code"] == "BAD_ARGUMENT"
    assert error["message"].startswith(f"{argument}: ")
    assert not logged


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"type": ["x"]}, "type"),
        ({"id": "1"}, "type"),
        ({"type": "ping", "surprise": 1}, "surprise"),
        ({"type": "subscribe", "id": [], "payload": {"query": LOG}}, "id"),
        ({"type": "subscribe", "id": "", "payload": {"query": LOG}}, "id"),
        ({"type": "subscribe", "id": LONG, "payload": {"query": LOG}}, "id"),
        ({"type": "subscribe", "id": 1, "payload": {"query": LOG}}, "id"),
        ({"type": "subscribe", "id": "1"}, "payload"),
        ({"type": "subscribe", "id": "1", "payload": [LOG]}, "payload"),
        ({"type": "complete", "id": {}}, "id"),
        ({"type": LONG}, "Unknown message type"),
    ],
)
def test_a_message_not_of_the_format_closes_the_socket_and_names_the_field(
    socket: ClientConnection, message: object, field: str, logged: list[logging.LogRecord]
) -> None:
    socket.send(json.dumps(message))
    code, reason = closed(socket)
    assert code == 4400
    assert reason.startswith(f"{field}: ") and len(reason) <= 123
    assert not logged


@pytest.mark.parametrize(
    "frames",
    [
        [(Opcode.TEXT, b"\xff", True)],
        [(Opcode.TEXT, b'{"type": "ping\xc3("}', True)],
        [(Opcode.TEXT, b"\xed\xa0\x80", True)],
        [(Opcode.TEXT, b'{"type": "\xc3', False), (Opcode.CONT, b"(", True)],
        [(Opcode.TEXT, b"", False), (Opcode.CONT, b"\xc3", True)],
    ],
    ids=["no text", "inside", "a surrogate", "in two pieces", "half a character"],
)
@pytest.mark.parametrize("busy", [False, True])
def test_a_text_message_that_is_not_utf_8_closes_the_socket_with_1007(
    socket: ClientConnection, frames: list[tuple[Opcode, bytes, bool]], busy: bool,
    logged: list[logging.LogRecord],
) -> None:  # fmt: skip
    if busy:
        socket.send(json.dumps({"type": "subscribe", "id": "s", "payload": {"query": WATCH}}))
        for i in range(20):  # the socket is closed before their answers
            payload = {"query": LOG}
            socket.send(json.dumps({"type": "subscribe", "id": f"{i}", "payload": payload}))
    raw = b"".join(Frame(op, data, fin).serialize(mask=True) for op, data, fin in frames)
    socket.socket.sendall(raw)
    assert closed(socket) == (1007, "a text message is not UTF-8")
    assert [r.getMessage() for r in logged] == [
        "127.0.0.1: a text message is not UTF-8; its WebSocket is closed"
    ]
    assert logged[0].exc_info is None, "one line, no traceback"


@pytest.mark.parametrize("data", [b"abc", b'{"type": "ping"}', b"\xff", b""])
def test_a_binary_message_closes_the_socket(
    socket: ClientConnection, data: bytes, logged: list[logging.LogRecord]
) -> None:
    socket.send(data)
    assert closed(socket) == (4400, "WebSocket message type must be text")
    assert not logged


QUERY = "/graphql?query=%7Blog%7Bposition%7D%7D"
PAGE = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "same-origin"])
@pytest.mark.parametrize("more", ["", "&variables=%7B%7D", "&operationName=A"])
def test_a_navigation_opens_graphiql_and_runs_no_query(edge: Edge, site: str, more: str) -> None:
    headers = PAGE | {"Sec-Fetch-Site": site, "Accept": "text/html"}
    for given in (headers, headers | {"Accept": "*/*"}):
        answer = edge.http.get(QUERY + more, headers=given)
        assert (answer.status_code, answer.json()["type"]) == (403, "cross_site")
        assert "position" not in answer.text
    assert "GraphiQL" in edge.http.get("/graphql", headers=headers).text


@pytest.mark.parametrize("accept", ["text/html,application/xhtml+xml,*/*;q=0.8", "TEXT/HTML"])
def test_a_browser_that_does_not_say_how_it_came_runs_no_query_by_an_address(
    edge: Edge, accept: str
) -> None:
    answer = edge.http.get(QUERY, headers={"Accept": accept})
    assert (answer.status_code, answer.json()["type"]) == (403, "cross_site")
    assert "GraphiQL" in edge.http.get("/graphql", headers={"Accept": accept}).text


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"Accept": "*/*"}, {"Accept": "application/json"},
        {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    ],
)  # fmt: skip
def test_a_program_and_our_own_page_may_query_by_get(edge: Edge, headers: dict[str, str]) -> None:
    assert edge.http.get(QUERY, headers=headers).json()["data"]["log"]
