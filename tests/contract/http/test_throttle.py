"""Rate limits over HTTP and sockets: the answers to limited callers, and callers without limit."""

import asyncio
from typing import Any

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from adapters.cache.store import Rate
from adapters.dispatch.rate_limit import Limiter
from adapters.memory.cache import MemoryCache
from api.app import create_app
from api.http.metrics import Metrics
from api.http.throttle import Throttle
from commands.handler import Raced
from tests.contract.http.test_http_faults import DEPOSIT, Failing

ASK = {"query": "{ __typename }"}


def limiter(*, per_s: float = 0.5, burst: int = 3, loopback: bool = False) -> Limiter:
    rate = Rate(per_s, burst)
    rates = {"commands": rate, "queries": rate}
    return Limiter(MemoryCache(), rates, b"secret", loopback=loopback)


class Edge:
    """The app; requests may come from any address."""

    def __init__(self, limits: Limiter) -> None:
        platform = Failing(Raced("account-A1"))
        platform.limiter = limits
        self._app = create_app(platform)  # type: ignore[arg-type]

    async def ask(self, method: str, path: str, body: Any, source: str) -> httpx.Response:
        wire = httpx.ASGITransport(self._app, client=(source, 1), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=wire, base_url="http://localhost") as client:
            return await client.request(
                method, path, json=body, headers={"Idempotency-Key": "k"} if body else {}
            )

    async def command(self, source: str = "192.0.2.1") -> httpx.Response:
        return await self.ask("POST", "/commands/DepositCash", DEPOSIT, source)

    async def query(self, source: str = "192.0.2.1") -> httpx.Response:
        return await self.ask("POST", "/graphql", ASK, source)


async def test_over_the_limit_the_answer_is_429_with_what_to_wait_for() -> None:
    edge = Edge(limiter())
    served = [await edge.command() for _ in range(3)]
    assert [a.status_code for a in served] == [409] * 3  # the handler's own answer
    assert [a.headers["ratelimit"] for a in served] == [
        '"commands";r=2;t=2', '"commands";r=1;t=4', '"commands";r=0;t=6',
    ]  # fmt: skip
    refused = await edge.command()
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["type"] == "rate_limited"
    assert refused.headers["ratelimit-policy"] == '"commands";q=3;w=6'
    assert refused.headers["ratelimit"] == '"commands";r=0;t=6'
    assert refused.headers["retry-after"] == "2"


async def test_a_caller_that_waits_as_required_is_served() -> None:
    edge = Edge(limiter(per_s=20, burst=1))
    assert (await edge.command()).status_code == 409
    assert (await edge.command()).status_code == 429
    await asyncio.sleep(0.06)
    assert (await edge.command()).status_code == 409


async def test_each_caller_and_each_door_has_its_own() -> None:
    edge = Edge(limiter(burst=1))
    assert (await edge.command()).status_code == 409
    assert (await edge.command()).status_code == 429
    assert (await edge.command("192.0.2.2")).status_code == 409
    assert (await edge.query()).status_code == 200
    refused = await edge.query()
    assert (refused.status_code, refused.json()["type"]) == (429, "rate_limited")
    assert (await edge.ask("GET", "/graphql?query={__typename}", None, "192.0.2.1")).is_error


async def test_this_machine_and_other_paths_are_left_alone() -> None:
    edge = Edge(limiter(burst=1))
    for _ in range(3):
        answer = await edge.command("127.0.0.1")
        assert answer.status_code == 409
        assert "ratelimit" not in answer.headers
        for path in ("/healthz", "/metrics", "/openapi.json", "/nowhere"):
            assert (await edge.ask("GET", path, None, "192.0.2.1")).status_code != 429
    strict = Edge(limiter(burst=1, loopback=True))
    assert [(await strict.command("127.0.0.1")).status_code for _ in range(2)] == [409, 429]


async def test_a_bulk_is_charged_for_each_of_its_commands() -> None:
    edge = Edge(limiter(per_s=10, burst=5))
    items = [{"name": "DepositCash", "key": f"k{i}", "body": DEPOSIT} for i in range(50)]
    bulk = await edge.ask("POST", "/commands", items, "192.0.2.1")
    assert (bulk.status_code, len(bulk.json())) == (200, 50)
    refused = await edge.command()
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "5"  # 50 + 1 less the burst, at 10 a second


async def test_refusals_are_counted_by_door() -> None:
    edge = Edge(limiter(burst=1))
    for _ in range(3):
        await edge.query()
    text = (await edge.ask("GET", "/metrics", None, "127.0.0.1")).text
    assert 'tidemark_rate_limited_total{door="queries"} 2.0' in text


async def test_a_socket_is_refused_while_its_caller_may_not() -> None:
    limits = limiter(burst=1)
    await limits.admit("queries", "192.0.2.1")
    one = Socket(limits)
    await one.run([{"type": "websocket.connect"}])
    assert one.sent[0]["type"] == "websocket.http.response.start"
    assert one.sent[0]["status"] == 429
    assert one.got == []


async def test_the_messages_of_a_socket_are_paced() -> None:
    one, started = Socket(limiter(per_s=20, burst=2)), asyncio.get_running_loop().time()
    messages: list[Message] = [{"type": "websocket.receive", "text": str(i)} for i in range(5)]
    await one.run([{"type": "websocket.connect"}, *messages])
    assert [m.get("text") for m in one.got] == [None, "0", "1", "2", "3", "4"]
    # Six charges, two of them at once, the rest one every 50 ms.
    assert 0.19 < asyncio.get_running_loop().time() - started < 1


class Socket:
    """A WebSocket app behind the throttle: the messages that it received and that were sent."""

    def __init__(self, limits: Limiter) -> None:
        self.got: list[Message] = []
        self.sent: list[Message] = []
        self._throttle = Throttle(self._app, limiter=limits, metrics=Metrics())

    async def run(self, messages: list[Message]) -> None:
        waiting = iter(messages)

        async def receive() -> Message:
            return next(waiting, {"type": "websocket.disconnect"})

        async def send(message: Message) -> None:
            self.sent.append(message)

        scope: Scope = {
            "type": "websocket", "path": "/graphql", "client": ("192.0.2.1", 1), "headers": [],
            "extensions": {"websocket.http.response": {}},
        }  # fmt: skip
        await self._throttle(scope, receive, send)

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] != "websocket.disconnect":
            self.got.append(message)


@pytest.mark.parametrize("path", ["/", "/graphqlx", "/commandsx/a", "/healthz"])
async def test_only_the_two_doors_are_charged(path: str) -> None:
    limits = limiter(burst=1)
    edge = Edge(limits)
    for _ in range(3):
        await edge.ask("GET", path, None, "192.0.2.1")
    found = await limits.admit("queries", "192.0.2.1")
    assert found is not None and found.remaining == 0 and found.admitted


@pytest.mark.parametrize(
    "target", ["*", "", "/", "//", "graphql"], ids=["of the server", "none", "root", "two", "bare"]
)
async def test_a_target_that_is_no_path_has_no_limit_and_is_no_error(target: str) -> None:
    asked: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        asked.append(scope)

    throttle = Throttle(app, limiter=limiter(), metrics=Metrics())
    for kind in ("http", "websocket"):
        scope = {"type": kind, "path": target, "headers": [], "client": ("192.0.2.1", 1)}
        await throttle(scope, receive_nothing, send_nothing)
    assert len(asked) == 2


async def receive_nothing() -> Message:
    raise AssertionError("nothing is read")


async def send_nothing(_message: Message) -> None:
    raise AssertionError("nothing is said")
