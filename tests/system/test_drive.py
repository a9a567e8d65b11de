"""The drive: it restarts parts that fail, reports parts that are stuck, and stops in order.

The platform is whole and in memory; only the warehouse is a stand-in, so that it can be broken.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from adapters.cache.values import Cache
from adapters.host.clock import SimulatedClock
from adapters.host.entropy import SeededEntropy
from adapters.log.recorder import Sealed, Unavailable, Write
from adapters.memory.cache import MemoryCache
from adapters.memory.disk import Disk
from adapters.simulators.statement import MemoryStatement
from adapters.warehouse.client import WarehouseError
from adapters.warehouse.tables import fingerprint
from api.http.health import Health
from api.http.metrics import Metrics
from commands.handler import Done
from commands.ports import KeyReused, Request
from domain.house import FundHouse
from simulation.memory_platform import MemoryPlatform
from streams import supervise, waits
from streams.drive import Drive
from streams.gateways.counterparties import live_street
from streams.gateways.street import Street
from streams.log.pruner import KEEP, Pruner
from streams.supervise import Supervisor, Task
from tests.unit.adapters.platform import NOW, WriteSide

PATIENCE_S = 60.0


async def eventually(true: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await asyncio.sleep(0.005)


class Facts:
    """A warehouse that accepts all inserts after it has refused `broken` times."""

    def __init__(self, broken: int = 0) -> None:
        self.broken, self.tries, self.tables = broken, 0, set[str]()

    async def query(self, sql: str, parameters: object = None) -> Any:
        return SimpleNamespace(rows=[(fingerprint(),)] if "system.tables" in sql else [])

    async def insert_arrow(self, table: str, rows: object, *, token: str) -> None:
        self.tries += 1
        if self.tries <= self.broken:
            raise WarehouseError("too many parts", 252)
        self.tables.add(table)


class World:
    """A drive over a platform in memory, running until `end`."""

    def __init__(self, disk: Disk, facts: Facts) -> None:
        entropy = SeededEntropy(1)
        self.disk, self.facts = disk, facts
        self.platform = MemoryPlatform(disk, SimulatedClock(NOW), entropy)
        self.platform.warehouse = facts  # type: ignore[assignment]
        self.drive = Drive(
            self.platform,
            lambda p, send: live_street(
                p.log, p.saga_store, send, clock=p.clock, statement=disk.statement, marks={}
            ),
        )
        self.drive.checkpoints._every = 4
        self.drive._supervisor = Supervisor(retry_min_s=0.01, steady_s=0.3)
        self.stop = asyncio.Event()
        self.running: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.running = asyncio.create_task(self.drive.run(self.stop))

    async def end(self) -> None:
        self.stop.set()
        if self.running is not None:
            await self.running

    async def fund(self, times: int) -> int:
        position = 0
        for _ in range(times):
            command = FundHouse(currency="USD", amount=Decimal("1.00"))
            request = Request(command=command, message_id=f"f{time.monotonic_ns()}")
            [outcome] = await self.drive.send([request])
            assert isinstance(outcome, Done)
            position = outcome.position
        return position

    async def poison(self) -> None:
        """Append an event that no build can read."""
        state = b'{"metadata":{},"payload":{}}'
        event = Sealed("no.such", state, b"\0" * 32)
        await self.platform.log.recorder.append(
            [Write(stream="odd-1", expected=0, events=[event], message_id="p", request_hash=b"")],
            clock=NOW,
        )
        self.platform.log._tip = None  # the sole writer's memory of the log's end is stale

    async def ready(self) -> httpx.Response:
        models = SimpleNamespace(positions=_none, statements=0)
        platform: Any = SimpleNamespace(
            log=self.platform.log,
            read_models=models,
            read_warehouse=SimpleNamespace(missing=()),
            dispatcher=self.platform.dispatcher,
            cache=Cache(MemoryCache(), b"secret", SeededEntropy(1)),
        )
        health = Health(
            platform, self.drive.views, lambda: 0, Metrics(), troubles=self.drive.troubles
        )
        app = Starlette(routes=[Route("/readyz", health.ready)])
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://localhost"
        ) as client:
            return await client.get("/readyz")


async def _none() -> dict[str, int]:
    return {}


@pytest.fixture
async def make() -> AsyncIterator[Callable[[Facts], World]]:
    worlds: list[World] = []

    def build(facts: Facts) -> World:
        worlds.append(World(Disk(SeededEntropy(1)), facts))
        return worlds[-1]

    yield build
    for world in worlds:
        await world.end()
        await world.platform.dispatcher.close()


Make = Callable[[Facts], World]


async def test_everything_follows_the_log(make: Make) -> None:
    world = make(Facts())
    world.start()
    position = await world.fund(6)
    await eventually(lambda: world.drive.views.watermark() >= position)
    await eventually(lambda: world.drive.loader.position >= position)
    await eventually(lambda: world.drive.sagas.position >= position)
    await eventually(lambda: world.drive.checkpoints.position >= position)
    assert "checkpoint.signed" in [s.name for s in await world.disk.recorder.after(0, limit=50)]
    assert (await world.ready()).status_code == 200


async def test_facts_that_fail_say_why_and_are_tried_again(make: Make) -> None:
    world = make(Facts(broken=3))
    world.start()
    position = await world.fund(1)
    await eventually(lambda: "too many parts" in (world.drive.loader.fault or ""))
    await eventually(lambda: world.drive.loader.position >= position)
    await eventually(lambda: not world.drive.loader.fault)
    assert world.drive.troubles() == []
    assert (await world.ready()).status_code == 200


async def test_an_event_that_cannot_be_read_is_named_by_everyone_it_stops(make: Make) -> None:
    world = make(Facts())
    await world.fund(1)
    await world.poison()
    world.start()
    parts = ("facts", "sagas", "street", "checkpoints")
    await eventually(
        lambda: (
            {t.split(":")[0] for t in world.drive.troubles()} >= set(parts)
            and world.drive.views.fault
        )
    )
    reasons = (await world.ready()).json()["reasons"]
    for part in (*parts, "views"):
        [reason] = [r for r in reasons if r.startswith(f"{part}:")]
        assert "Unreadable: odd-1@1 (position 2): no.such" in reason


async def test_at_the_end_those_who_write_stop_before_those_who_read(make: Make) -> None:
    world = make(Facts())
    ended: list[str] = []

    def told(name: str, run: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def work(*args: Any) -> None:
            try:
                await run(*args)
            finally:
                await asyncio.sleep(0.02)  # a later part that did not wait would end first
                ended.append(name)

        return work

    for name in ("street", "sagas", "timer", "checkpoints", "views", "loader"):
        part = getattr(world.drive, name)
        part.run = told(name, part.run)
    world.start()
    await world.fund(1)
    await eventually(lambda: world.drive.views.watermark() >= 1)
    await world.end()
    assert ended[0] == "street"
    assert set(ended[1:3]) == {"sagas", "timer"}
    assert ended[3:] == ["checkpoints", "views", "loader"]


async def test_the_end_comes_soon(make: Make) -> None:
    world = make(Facts())
    world.start()
    await world.fund(1)
    await eventually(lambda: world.drive.views.watermark() >= 1)
    started = time.monotonic()
    await world.end()
    assert time.monotonic() - started < 2


async def test_a_drive_that_is_cancelled_leaves_nothing_running(make: Make) -> None:
    world = make(Facts())
    before = asyncio.all_tasks()
    world.start()
    assert world.running is not None
    await world.fund(1)
    world.running.cancel()
    await asyncio.gather(world.running, return_exceptions=True)
    world.running = None
    left = {t for t in asyncio.all_tasks() - before if t.get_name() != "dispatcher"}
    assert not left


# The supervisor alone


class Work:
    """Raises the given errors, returns early `returns` times, then runs until `stop`."""

    def __init__(self, *errors: Exception, returns: int = 0) -> None:
        self.errors, self.returns = list(errors), returns
        self.begun: list[float] = []

    async def __call__(self, stop: asyncio.Event) -> None:
        self.begun.append(time.monotonic())
        if self.errors:
            raise self.errors.pop(0)
        if len(self.begun) <= self.returns:
            return
        await stop.wait()


async def kept(work: Work, supervisor: Supervisor) -> tuple[asyncio.Task[None], asyncio.Event]:
    stop = asyncio.Event()
    return asyncio.create_task(supervisor.run([[Task("x", work)]], stop)), stop


async def test_the_pauses_grow_and_the_fault_is_over_when_it_runs_steadily() -> None:
    supervisor = Supervisor(retry_min_s=0.02, steady_s=0.1)
    work = Work(*(ValueError("no") for _ in range(4)))
    task, stop = await kept(work, supervisor)
    await eventually(lambda: supervisor.faults == {"x": "ValueError: no"})
    await eventually(lambda: len(work.begun) == 5)
    assert supervisor.faults, "it has not run for long enough to be believed"
    await eventually(lambda: not supervisor.faults)
    pauses = [b - a for a, b in zip(work.begun, work.begun[1:], strict=False)]
    assert pauses[0] >= 0.02 and pauses[3] >= 0.16
    stop.set()
    await task


async def test_work_that_ends_by_itself_is_a_fault_too() -> None:
    supervisor = Supervisor(retry_min_s=0.2, steady_s=0.1)
    task, stop = await kept(Work(returns=1), supervisor)
    await eventually(lambda: supervisor.faults == {"x": "ended unexpectedly"})
    await eventually(lambda: not supervisor.faults)
    stop.set()
    await task


async def test_of_a_group_of_errors_the_first_is_reported() -> None:
    supervisor = Supervisor(retry_min_s=0.01)
    group = ExceptionGroup("both", [Unavailable("no server"), ValueError("no")])
    task, stop = await kept(Work(group), supervisor)
    await eventually(lambda: supervisor.faults == {"x": "Unavailable: no server"})
    stop.set()
    await task


async def test_the_end_does_not_wait_for_a_pause() -> None:
    supervisor = Supervisor(retry_min_s=60)
    task, stop = await kept(Work(ValueError("no")), supervisor)
    await eventually(lambda: supervisor.faults)
    stop.set()
    await asyncio.wait_for(task, 1)


async def test_what_will_not_end_is_cancelled_and_the_next_phase_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervise, "STOP_S", 0.05)
    ended: list[str] = []

    async def deaf(stop: asyncio.Event) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("deaf")

    async def polite(stop: asyncio.Event) -> None:
        await stop.wait()
        ended.append("polite")

    stop = asyncio.Event()
    phases = [[Task("deaf", deaf)], [Task("polite", polite)]]
    task = asyncio.create_task(Supervisor().run(phases, stop))
    await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(task, 1)
    assert ended == ["deaf", "polite"]


async def test_a_cancellation_that_is_lost_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "STOP_S", 0.02)
    monkeypatch.setattr(waits, "CANCEL_S", 0.02)
    lost = 0

    async def swallowing(stop: asyncio.Event) -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if lost == 2:
                    raise
                lost += 1

    stop = asyncio.Event()
    task = asyncio.create_task(Supervisor().run([[Task("swallowing", swallowing)]], stop))
    await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(task, 1)
    assert lost == 2


async def test_endless_work_ends_with_stop_and_its_error_is_shown() -> None:
    stop = asyncio.Event()
    endless = asyncio.create_task(waits.until(stop, asyncio.Event().wait()))
    await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(endless, 1)

    async def broken() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await waits.until(asyncio.Event(), broken())


async def test_a_street_that_fails_leaves_no_gateway_running() -> None:
    """The street restarts as a whole: a leftover gateway would report and deliver twice."""
    running = 0

    class Idle:
        async def run(self, stop: asyncio.Event, clock: object) -> None:
            nonlocal running
            running += 1
            try:
                await stop.wait()
            finally:
                running -= 1

    class Down:
        async def after(self, position: int, /, *, limit: int) -> Any:
            await asyncio.sleep(0.01)
            assert running == 2
            raise Unavailable("no server")

    gateways: Any = [Idle(), Idle()]
    log: Any = Down()
    street = Street(log, lambda: NOW, gateways=gateways, statement=MemoryStatement())
    with pytest.raises(ExceptionGroup):
        await street.run(asyncio.Event())
    assert running == 0


# Pruning


async def test_a_week_old_key_is_forgotten_and_what_is_kept_is_kept() -> None:
    side, fund = WriteSide(), FundHouse(currency="USD", amount=Decimal("1.00"))
    other = FundHouse(currency="USD", amount=Decimal("2.00"))
    pruner = Pruner(side.recorder, side.clock)
    await side.do(fund, key="mine")
    await side.do(fund, key="business", keep=True)
    side.clock.set(NOW + KEEP)
    assert await pruner.once() == 0  # exactly a week old: not yet
    assert isinstance(await side.do(other, key="mine"), KeyReused)
    side.clock.set(NOW + KEEP + timedelta(seconds=1))
    assert await pruner.once() == 1
    assert isinstance(await side.do(other, key="mine"), Done)
    assert isinstance(await side.do(other, key="business"), KeyReused)


async def test_pruning_is_repeated_until_the_end() -> None:
    side, stop = WriteSide(), asyncio.Event()
    pruner = Pruner(side.recorder, side.clock)
    task = asyncio.create_task(pruner.run(stop, every_s=0.01))
    for n in range(1, 4):
        await side.do(FundHouse(currency="USD", amount=Decimal("1.00")), key=f"k{n}")
        side.clock.set(NOW + n * 2 * KEEP)
        await eventually(lambda n=n: pruner.forgotten == n)  # type: ignore[misc]
    stop.set()
    await asyncio.wait_for(task, 1)
