"""Bounds of the HTTP server, over real sockets: what a caller may send, hold and delay."""

import asyncio
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import httpx
import pytest
import uvloop
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.sync.client import connect

from api.app import ON_ERROR
from api.http import bodies
from api.http.limits import Held, Limits
from api.http.outside import Outside
from api.http.server import Door

SHORT = Limits(
    connections=40, head_s=1.0, body_window_s=1.0, body_s=3.0, bodies_bytes=1 << 20,
    linger_s=0.5, idle_s=2, stuck_s=2.0,
)  # fmt: skip
HEAD = b"POST /echo HTTP/1.1\r\nHost: localhost\r\n"
GOOD = b"GET /alive HTTP/1.1\r\nHost: localhost\r\n\r\n"
SMALL_MEMORY = 4096


async def echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await bodies.read(request, 10 << 20))))


async def alive(request: Request) -> Response:
    return PlainTextResponse(json.dumps([k for k, _ in request.headers.items()]))


async def who(request: Request) -> Response:
    scope = request.scope
    return PlainTextResponse(json.dumps([scope["client"][0], scope["scheme"]]))


async def slow(_: Request) -> Response:
    await asyncio.sleep(1.5)  # longer than a head may take
    return PlainTextResponse("slow")


async def large(_: Request) -> Response:
    return Response(b"x" * (20 << 20))


async def talk(websocket: WebSocket) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.send_text(str(len(await websocket.receive_text())))


class Served:
    def __init__(self, door: Door, port: int) -> None:
        self.door, self.port = door, port

    def socket(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=15)

    def answer_to(self, *pieces: bytes, pause_s: float = 0.0) -> tuple[int, dict[str, Any]]:
        """(status, problem) of the answer to these bytes; status 0: the connection was closed."""
        with self.socket() as wire:
            with suppress(BrokenPipeError, ConnectionResetError):
                for piece in pieces:
                    wire.sendall(piece)
                    time.sleep(pause_s)
            return answer_of(wire)

    def quick(self) -> float:
        """Seconds until another caller has its answer."""
        began = time.perf_counter()
        assert httpx.get(f"http://127.0.0.1:{self.port}/alive", timeout=15).status_code == 200
        return time.perf_counter() - began


def answer_of(wire: socket.socket) -> tuple[int, dict[str, Any]]:
    raw = b""
    with suppress(ConnectionResetError, TimeoutError):
        while chunk := wire.recv(65536):
            raw += chunk
    head, _, body = raw.partition(b"\r\n\r\n")
    if not head:
        return 0, {}
    status = int(head.split(b" ", 2)[1])
    problem = json.loads(body) if b"problem+json" in head else {}
    if problem and status != 404:
        assert b"\r\nconnection: close" in head.lower()
        assert b"nosniff" in head and b"server:" not in head.lower()
    return status, problem


@contextmanager
def serving(limits: Limits, *, forwarded: str = "") -> Iterator[Served]:
    ready: Future[Served] = Future()
    doors: list[Door] = []

    async def main() -> None:
        routes = [
            Route("/echo", echo, methods=["POST"]), Route("/alive", alive), Route("/large", large),
            Route("/who", who), Route("/slow", slow), WebSocketRoute("/talk", talk),
        ]  # fmt: skip
        listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        door = Door(
            Outside(routes=routes, exception_handlers=ON_ERROR), limits, forwarded=forwarded
        )
        doors.append(door)
        serve = asyncio.create_task(door.serve(sockets=[listener]))
        while not door.started:
            await asyncio.sleep(0.01)
        ready.set_result(Served(door, listener.getsockname()[1]))
        await serve

    thread = threading.Thread(target=lambda: uvloop.run(main()))
    thread.start()
    try:
        yield ready.result(15)
    finally:
        doors[0].should_exit = doors[0].force_exit = True
        thread.join(15)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(SHORT) as served:
        yield served


@pytest.fixture(autouse=True)
def nothing_held(served: Served) -> Iterator[None]:
    yield
    for _ in range(400):
        if not served.door.server_state.connections:
            break
        time.sleep(0.02)
    held = served.door.server_state
    assert (held.bodies_bytes, held.open) == (0, 0), "nothing is counted any more"


@pytest.mark.parametrize(
    "head",
    [
        b"X: " + b"a" * (70 << 10) + b"\r\n",
        b"a" * (70 << 10) + b": 1\r\n",
        b"".join(b"X%d: %s\r\n" % (i, b"a" * 1_000) for i in range(70)),
        b"".join(b"X%d: 1\r\n" % i for i in range(101)),
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nX: " + b"a" * (70 << 10) + b"\r\n",
    ],
    ids=["one value", "one name", "together", "how many", "a socket's"],
)
def test_a_head_over_the_limit_is_431(served: Served, head: bytes) -> None:
    assert_problem(served.answer_to(HEAD + head + b"\r\n"), 431, "head_too_large")


def test_a_target_over_the_limit_is_431(served: Served) -> None:
    asked = b"GET /alive?" + b"a" * (70 << 10) + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert_problem(served.answer_to(asked), 431, "head_too_large")


def test_the_second_request_of_a_connection_has_the_same_limit(served: Served) -> None:
    long = HEAD + b"X: " + b"a" * (70 << 10) + b"\r\n\r\n"
    with served.socket() as wire:
        wire.sendall(GOOD)
        assert b"200 OK" in wire.recv(65536)
        wire.sendall(long)
        assert_problem(answer_of(wire), 431, "head_too_large")


@pytest.mark.parametrize("megabytes", [1, 40])
@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
def test_a_header_of_any_size_costs_no_more_than_the_limit(
    served: Served, megabytes: int, end: bytes
) -> None:
    began = time.process_time()
    served.answer_to(HEAD + b"X: ", *[b"a" * (1 << 20)] * megabytes, end)
    assert time.process_time() - began < 2.0
    assert served.quick() < 1.0


def test_a_head_up_to_the_limit_is_taken_however_it_is_cut(served: Served) -> None:
    whole = b"GET /alive HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * (60 << 10) + b"\r\n\r\n"
    with served.socket() as wire:
        for start in range(0, len(whole), 5_000):
            wire.sendall(whole[start : start + 5_000])
        assert b"200 OK" in wire.recv(65536)


def test_what_follows_a_chunked_body_is_no_header_of_the_request(served: Served) -> None:
    chunked = b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    with served.socket() as wire:
        wire.sendall(HEAD + chunked + b"Idempotency-Key: later\r\n\r\n" + GOOD)
        raw = wire.recv(65536)
        while raw.count(b"200 OK") < 2:
            raw += wire.recv(65536)
    assert b"idempotency-key" not in raw.lower()
    trailer = b"X: " + b"a" * (200 << 10)
    assert served.answer_to(HEAD + chunked + trailer)[0] in (0, 431, 200)
    assert served.quick() < 1.0


@pytest.mark.parametrize(
    "pieces",
    [
        [b"POST"],
        [HEAD],
        [HEAD + b"X: a"],
        [b"GET /talk HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"],
    ],
)
def test_a_head_that_does_not_come_in_time_is_408(served: Served, pieces: list[bytes]) -> None:
    assert_problem(served.answer_to(*pieces), 408, "too_slow")


def test_a_head_that_trickles_is_408(served: Served) -> None:
    began = time.monotonic()
    trickle = [b"X-%d: a\r\n" % i for i in range(20)]
    assert_problem(served.answer_to(HEAD, *trickle, pause_s=0.2), 408, "too_slow")
    assert time.monotonic() - began < 10


def test_a_silent_connection_is_closed(served: Served) -> None:
    began = time.monotonic()
    assert served.answer_to() == (0, {})
    assert time.monotonic() - began < 5


def test_line_breaks_keep_no_connection_open(served: Served) -> None:
    with served.socket() as wire:
        wire.sendall(GOOD)
        assert b"200 OK" in wire.recv(65536)
        began = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() - began < 8:
                wire.sendall(b"\r\n")
                time.sleep(0.3)
        assert time.monotonic() - began < 6


@pytest.mark.parametrize(
    "body", [b"", b"a", b"a" * 100_000], ids=["nothing", "a little", "a lot, then nothing"]
)
def test_a_body_that_does_not_come_in_time_is_408(served: Served, body: bytes) -> None:
    asked = HEAD + b"Content-Length: 900000\r\n\r\n" + body
    assert_problem(served.answer_to(asked), 408, "too_slow")


def test_a_body_that_trickles_is_408(served: Served) -> None:
    asked = HEAD + b"Content-Length: 1000\r\n\r\n"
    assert_problem(served.answer_to(asked, *[b"a"] * 12, pause_s=0.2), 408, "too_slow")


def test_a_body_that_comes_slowly_but_surely_has_an_end_too(served: Served) -> None:
    asked = HEAD + b"Content-Length: 900000\r\n\r\n"
    assert_problem(served.answer_to(asked, *[b"a" * 50_000] * 15, pause_s=0.4), 408, "too_slow")


def test_a_body_after_its_answer_keeps_no_connection_open(served: Served) -> None:
    asked = b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
    began = time.monotonic()
    assert served.answer_to(asked, *[b"a"] * 10, pause_s=0.2)[0] == 404
    assert time.monotonic() - began < 8


def test_bodies_under_way_are_bounded_together_and_small_ones_pass(served: Served) -> None:
    with ExitStack() as stack:
        seen = []
        wires = [stack.enter_context(served.socket()) for _ in range(6)]
        for wire in wires:
            with suppress(OSError):
                wire.sendall(HEAD + b"Content-Length: 400000\r\n\r\n" + b"a" * 399_999)
        answer = httpx.post(f"http://127.0.0.1:{served.port}/echo", content=b"small")
        assert (answer.status_code, answer.text) == (200, "5")
        for wire in wires:
            seen.append(answer_of(wire))
    refused = [problem for status, problem in seen if status == 503]
    assert refused and all(problem["type"] == "overloaded" for problem in refused)
    assert {status for status, _ in seen} <= {0, 408, 503}


def test_connections_are_bounded_and_one_too_many_is_503(served: Served) -> None:
    with ExitStack() as stack:
        wires = [stack.enter_context(served.socket()) for _ in range(SHORT.connections)]
        time.sleep(0.2)
        assert_problem(served.answer_to(), 503, "too_many_connections")
        for wire in wires:
            wire.close()
    time.sleep(0.2)
    assert served.quick() < 1.0


def test_callers_elsewhere_have_a_number_of_connections_each_and_this_machine_has_not() -> None:
    counted = Held(Limits(connections=1_000, connections_each=3))
    assert [counted.enter("192.0.2.1") for _ in range(4)] == [True, True, True, False]
    assert counted.enter("192.0.2.2")
    assert all(counted.enter("127.0.0.1") for _ in range(10))
    counted.leave("192.0.2.1")
    counted.leave("192.0.2.1")
    assert counted.enter("192.0.2.1")
    each = [counted.enter(f"2001:db8::{i:x}") for i in range(1, 5)]
    assert each == [True, True, True, False], "a /64 is one caller"


@pytest.mark.parametrize(
    "raw",
    [b"\x00\x01\x02\r\n\r\n", b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n", b"nonsense\r\n\r\n"],
)
def test_what_is_no_http_is_400(served: Served, raw: bytes) -> None:
    assert_problem(served.answer_to(raw), 400, "invalid_request")


def test_requests_sent_ahead_are_bounded(served: Served) -> None:
    with served.socket() as wire:
        with suppress(OSError):
            wire.sendall(GOOD * 5_000)
        raw = b""
        with suppress(ConnectionResetError):
            while chunk := wire.recv(65536):
                raw += chunk
    assert raw.count(b"200 OK") < 5_000
    assert served.quick() < 1.0


def test_a_connection_that_reads_no_answer_is_closed(served: Served) -> None:
    with socket.socket() as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_MEMORY)
        wire.connect(("127.0.0.1", served.port))
        wire.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for _ in range(100):
            time.sleep(0.1)
            if not served.door.server_state.connections:
                return
    raise AssertionError("its 20 MB are still held")


def test_five_hundred_stalled_callers_do_not_delay_others() -> None:
    limits = Limits(connections=700, head_s=1.0, body_window_s=1.0)
    with serving(limits) as served, ExitStack() as stack:
        for i in range(500):
            wire = stack.enter_context(served.socket())
            wire.sendall(HEAD if i % 2 else HEAD + b"Content-Length: 900\r\n\r\n{")
        assert served.quick() < 2.0
        for _ in range(100):
            time.sleep(0.1)
            if not served.door.server_state.connections:
                break
        assert not served.door.server_state.connections, "all of them are gone"


def test_a_caller_that_hangs_up_half_way_is_no_error(
    served: Served, caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest
) -> None:
    uvicorns = logging.getLogger("uvicorn")  # does not propagate
    uvicorns.addHandler(caplog.handler)
    request.addfinalizer(lambda: uvicorns.removeHandler(caplog.handler))
    with caplog.at_level(logging.INFO):
        for i in range(100):
            with served.socket() as wire:
                part = [b"POST", HEAD, HEAD + b"Content-Length: 900000\r\n\r\n" + b"a" * 70_000]
                wire.sendall(part[i % 3])
                if i % 2:
                    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        assert served.quick() < 1.0
        time.sleep(0.3)
    answer = [r.getMessage() for r in caplog.records if not r.name.startswith("http")]
    assert answer == [], "httpx may talk, the server has nothing to say"


def test_a_socket_speaks_and_its_messages_count_among_the_bodies(served: Served) -> None:
    address = f"ws://127.0.0.1:{served.port}/talk"
    with connect(address) as talking:
        for size in (1, 100_000, 1):
            talking.send("a" * size)
            assert talking.recv(5) == str(size)
        talking.ping().wait(5)
        assert served.door.server_state.bodies_bytes == 0


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (b"Content-Length: 5\r\n", b"hello"),
        (b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
        (b"X: " + b"a" * 9_000 + b"\r\n", b""),
    ],
    ids=["a body", "pieces of a body", "a line that its reader finds too long"],
)
def test_a_socket_that_its_reader_does_not_take_is_answered_and_hung_up_on(
    served: Served, headers: bytes, body: bytes
) -> None:
    head = (
        b"GET /talk HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    assert_problem(served.answer_to(head + headers + b"\r\n" + body), 400, "invalid_request")


def test_messages_not_whole_yet_are_bounded_together(served: Served) -> None:
    head = (
        b"GET /talk HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    frame = b"\x81\xff" + (900_000).to_bytes(8, "big") + b"\0" * 4 + b"a" * 400_000
    with ExitStack() as stack:
        wires = [stack.enter_context(served.socket()) for _ in range(6)]
        for wire in wires:
            wire.sendall(head)
            assert b"101 Switching" in wire.recv(65536)
            with suppress(OSError):
                wire.sendall(frame)
        time.sleep(0.3)
        assert served.door.server_state.bodies_bytes <= SHORT.bodies_bytes + 400_000
        assert served.quick() < 1.0


def assert_problem(answer: tuple[int, dict[str, Any]], status: int, name: str) -> None:
    assert answer[0] == status, answer
    assert answer[1]["type"] == name
    assert answer[1]["status"] == status
