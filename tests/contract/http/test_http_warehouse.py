"""The SQL endpoint over HTTP: many callers, gone callers, large answers, its state in /readyz."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import Message

from adapters.cache.store import Rate
from adapters.dispatch.rate_limit import Limiter
from adapters.memory.cache import MemoryCache
from adapters.warehouse import loader as warehouse_loader
from adapters.warehouse.client import Answer, WarehouseError
from adapters.warehouse.loader import Loader
from api.app import create_app
from api.http import health, warehouse_line
from commands.handler import Raced
from tests.contract.http.test_http_faults import Failing
from tests.system.processes import Ran, verb


class Slow:
    """A warehouse whose statements end only when the test sets `go`."""

    def __init__(self) -> None:
        self.go, self.running, self.cancelled = asyncio.Event(), 0, 0
        self.missing: Sequence[str] = ()
        self.error: Exception | None = None
        self.rows: Sequence[tuple[Any, ...]] = [(1,)]

    async def readonly(self, sql: str, *, max_rows: int, timeout_s: float) -> Answer:
        self.running += 1
        try:
            if sql == "SLOW":
                await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        if self.error:
            raise self.error
        return Answer(("one",), self.rows)


class Facts:
    position, fault, still = 40, None, 0.0

    def still_s(self, position: int) -> float:
        return self.still


def app_over(
    slow: Slow, *, facts: Facts | None = None, rates: Mapping[str, Rate] = {}
) -> Starlette:
    platform = Failing(Raced("x"))
    platform.read_warehouse = slow  # type: ignore[assignment]
    platform.limiter = Limiter(MemoryCache(), rates or {}, b"secret", loopback=False)
    return create_app(platform, facts=facts)  # type: ignore[arg-type]


@asynccontextmanager
async def client(app: Starlette, source: str = "192.0.2.1") -> AsyncIterator[httpx.AsyncClient]:
    wire = httpx.ASGITransport(app, client=(source, 1))
    async with httpx.AsyncClient(transport=wire, base_url="http://localhost") as made:
        yield made


async def ask(app: Starlette, sql: str = "FAST", source: str = "192.0.2.1") -> httpx.Response:
    async with client(app, source) as made:
        return await made.post("/warehouse", json={"query": sql})


async def test_a_caller_has_one_statement_under_way_and_others_are_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(warehouse_line, "PATIENCE_S", 0.05)
    slow = Slow()
    app = app_over(slow)
    first = asyncio.create_task(ask(app, "SLOW"))
    await asyncio.sleep(0.01)
    second = await ask(app)
    assert (second.status_code, second.json()["type"]) == (429, "statements_waiting")
    assert int(second.headers["retry-after"]) > 0
    assert (await ask(app, source="192.0.2.2")).status_code == 200
    slow.go.set()
    assert (await first).json() == {"columns": ["one"], "rows": [[1]]}
    assert (await ask(app)).status_code == 200


async def test_beyond_all_turns_the_answer_is_503_with_when_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(warehouse_line, "PATIENCE_S", 0.05)
    slow = Slow()
    app = app_over(slow)
    held = [asyncio.create_task(ask(app, "SLOW", f"192.0.2.{n}")) for n in range(2)]
    await asyncio.sleep(0.01)
    late = await ask(app, source="192.0.2.9")
    assert (late.status_code, "retry-after" in late.headers) == (503, True)
    slow.go.set()
    assert [answer.status_code for answer in await asyncio.gather(*held)] == [200, 200]
    slow.error = WarehouseError("Other statements are running", 202)  # the owner's queue is full
    busy = await ask(app)
    assert (busy.status_code, "retry-after" in busy.headers) == (503, True)


async def test_a_disconnected_callers_statement_is_cancelled() -> None:
    slow = Slow()
    app = app_over(slow)
    result: asyncio.Queue[Message] = asyncio.Queue()
    body = b'{"query":"SLOW"}'
    result.put_nowait({"type": "http.request", "body": body, "more_body": False})
    scope = {
        "type": "http", "method": "POST", "path": "/warehouse", "raw_path": b"/warehouse",
        "headers": [(b"content-type", b"application/json"), (b"host", b"localhost")],
        "query_string": b"", "client": ("192.0.2.1", 1), "scheme": "http", "root_path": "",
        "server": ("edge", 80), "http_version": "1.1", "asgi": {"version": "3.0"},
    }  # fmt: skip

    async def send(message: Message) -> None:
        pass

    asked = asyncio.create_task(app(scope, result.get, send))
    async with asyncio.timeout(5):
        while not slow.running:
            await asyncio.sleep(0.01)
    result.put_nowait({"type": "http.disconnect"})
    await asyncio.wait_for(asked, 5)
    await asyncio.sleep(0.01)
    assert (slow.running, slow.cancelled) == (0, 1)
    assert (await ask(app)).status_code == 200


async def test_the_rate_limit_holds_at_this_door_too() -> None:
    app = app_over(Slow(), rates={"sql": Rate(0.5, 2)})
    found = [(await ask(app)).status_code for _ in range(3)]
    assert found == [200, 200, 429]


async def test_an_answer_too_large_for_json_is_declined() -> None:
    slow = Slow()
    slow.rows = [([0] * 1_000_000,)]
    answer = await ask(app_over(slow))
    assert (answer.status_code, answer.json()["code"]) == (400, 396)


async def test_readyz_shows_the_position_of_the_warehouse_and_since_when(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow, facts = Slow(), Facts()
    app = app_over(slow, facts=facts)

    async def found() -> tuple[dict[str, Any], str, str]:
        async with client(app) as made:
            body = (await made.get("/readyz")).json()
        return body["warehouse"], " ".join(body["reasons"]), " ".join(body["degraded"])

    async def last() -> int:
        return 100

    monkeypatch.setattr(Failing, "last", lambda self: last())
    facts.still = 1.0
    at, reasons, degraded = await found()
    assert at == {"position": 40, "lag": 60, "still_s": 1}
    assert "warehouse" not in reasons + degraded
    facts.still, facts.fault = health.STILL_S + 1, "no room"  # type: ignore[assignment]
    _, reasons, degraded = await found()
    assert "warehouse" not in reasons
    assert "warehouse: 60 positions behind, not moving for 31 s: no room" in degraded
    facts.still = health.STILL_MAX_S + 1
    _, reasons, degraded = await found()
    assert "warehouse: 60 positions behind" in reasons and "warehouse" not in degraded


async def test_readyz_says_what_the_sandbox_lacks() -> None:
    slow = Slow()
    slow.missing = ("files: the kernel has no Landlock",)
    async with client(app_over(slow)) as made:
        body = (await made.get("/readyz")).json()
    assert body["degraded"] == ["warehouse: no sandbox for files: the kernel has no Landlock"]


class Broken:
    """A warehouse that refuses every request, and counts the requests."""

    asked = 0

    async def query(self, *_: object) -> Answer:
        self.asked += 1
        raise WarehouseError("Memory limit exceeded", 241)


async def test_a_loader_whose_warehouse_declines_reports_why_and_tries_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(warehouse_loader, "RETRY_S", 0.01)
    broken = Broken()
    loader = Loader(None, broken)  # type: ignore[arg-type]
    running = asyncio.create_task(loader.run())
    while broken.asked < 3:
        await asyncio.sleep(0.01)
    assert loader.fault == "Memory limit exceeded"
    assert loader.still_s(0) == 0  # the log is empty
    assert loader.still_s(5) > 0.01
    running.cancel()


@pytest.mark.parametrize("words", [("--json",), ()])
def test_sql_makes_no_warehouse_where_there_is_no_log(tmp_path: Path, words: Any) -> None:
    ran: Ran = verb("sql", "SELECT 1", *words, data_dir=tmp_path / "none")
    assert (ran.code, ran.out) == (1, "")
    assert ran.complaint.startswith("tidemark: TIDEMARK_DATA_DIR: no log in ")
    assert not (tmp_path / "none").exists()


def test_sql_makes_no_warehouse_beside_a_log_that_has_none(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    ran = verb("sql", "SELECT 1", data_dir=tmp_path)
    assert ran.complaint.startswith("tidemark: no warehouse in ")
    assert ran.complaint.count("\n") == 0
    assert not (tmp_path / "warehouse").exists()


@pytest.mark.parametrize(
    "url", ["clickhouse://h:99999/x", "clickhouses://h:-1/x", "clickhouse://[::1/x"]
)
def test_a_wrong_warehouse_url_is_reported_in_one_line(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEMARK_WAREHOUSE", url)
    ran = verb("sql", "SELECT 1", data_dir=tmp_path)
    assert ran.code == 1
    assert ran.complaint.startswith("tidemark: TIDEMARK_WAREHOUSE: ")
    assert "Traceback" not in ran.err and ran.err.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "warehouse" / "db").mkdir(parents=True)
    (tmp_path / "warehouse" / "process.log").mkdir()  # cannot be opened, as on a read-only disk
    ran = verb("sql", "SELECT 1", data_dir=tmp_path)
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert ran.complaint.startswith("tidemark: the warehouse of ")
