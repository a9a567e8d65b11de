"""`tidemark relay` as processes over a Postgres log: killed, paused, run twice, stopped."""

import asyncio
import itertools
import json
import random
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from adapters.bus.url import Bus
from adapters.host.entropy import SystemEntropy
from adapters.log.recorder import Sealed, Stored, Write
from adapters.postgres.keys import PostgresKeyStore
from adapters.postgres.log.recorder import PostgresRecorder
from tests.contract.bus.kafka_broker import Broker
from tests.contract.bus.kafka_reader import records
from tests.contract.bus.relay_suite import settled
from tests.system.processes import PATIENCE_S, ROOT, TIDEMARK, _environment, until

HOMES = 40
KILLS = 5

_numbers = itertools.count(1)


class World:
    """A growing log, its own topics, and relays."""

    def __init__(self, recorder: PostgresRecorder, folder: Path, env: dict[str, str]) -> None:
        self.recorder, self.folder, self.env = recorder, folder, env
        self.bus = Bus.parse(env["TIDEMARK_BUS"])
        self._versions = [0] * HOMES

    async def grow(self, count: int) -> None:
        """Append `count` events, one event per write."""
        writes = []
        for n in range(count):
            home = n % HOMES
            stream, version = f"account-A{home}", self._versions[home]
            self._versions[home] += 1
            metadata = {"stream": stream, "version": version + 1, "home": f"A{home}"}
            state = json.dumps({"metadata": metadata, "payload": {"n": n}}).encode()
            event = Sealed("t.done", state, sha256(state).digest())
            write = Write(
                stream=stream, expected=version, events=[event], message_id="", request_hash=b""
            )
            writes.append(write)
        await self.recorder.append(writes, clock=datetime.now(UTC))

    async def log(self) -> Sequence[Stored]:
        return await self.recorder.after(0, limit=1_000_000)

    async def all_is_on_the_bus_once(self) -> bool:
        log = await self.log()
        found = await settled(lambda: records(self.bus), log, self.bus.partitions)
        return found.has(log) and found.gaps == found.repeated == 0

    @contextmanager
    def relay(self, name: str) -> Iterator["Process"]:
        process = Process(self, name)
        try:
            yield process
        finally:
            process.end()

    def once(self) -> dict[str, object]:
        done = subprocess.run(
            [*TIDEMARK, "relay", "--once", "--json", "--data-dir", str(self.folder)],
            cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=PATIENCE_S, check=True,
        )  # fmt: skip
        return dict(json.loads(done.stdout))


class Process:
    """A `tidemark relay` whose HTTP endpoint answers."""

    def __init__(self, world: World, name: str) -> None:
        self._out, self._err = world.folder / f"{name}.out", world.folder / f"{name}.err"
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                [*TIDEMARK, "relay", "--json", "--name", name, "--data-dir", str(world.folder)],
                cwd=ROOT, env=world.env, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            )  # fmt: skip
        until(lambda: "relay on " in self.err or self.process.poll() is not None)
        assert self.process.poll() is None, self.err
        self.url = self.err.split("relay on ", 1)[1].split()[0]

    @property
    def err(self) -> str:
        return self._err.read_text()

    @property
    def out(self) -> str:
        return self._out.read_text()

    def status(self) -> dict[str, object]:
        return dict(httpx.get(f"{self.url}/status", timeout=10).json())

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self) -> int:
        return self.process.wait(PATIENCE_S)

    def end(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_S)


@pytest.fixture
async def world(kafka: Broker, database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    env = _environment(
        {
            "TIDEMARK_BUS": f"kafka://{kafka.address}?prefix=proc{next(_numbers)}",
            "TIDEMARK_LOG": database_url,
        }
    )
    master_file = tmp_path / "keys" / "master.key"
    PostgresKeyStore(database_url, master_file, SystemEntropy()).close()  # creates the log's key
    recorder = await PostgresRecorder.connect(database_url)
    yield World(recorder, tmp_path, env)
    await recorder.close()


@pytest.mark.slow
async def test_killed_again_and_again_while_the_log_grows_it_doubles_and_loses_nothing(
    world: World,
) -> None:
    dice = random.Random(7)
    stop = asyncio.Event()

    async def growing() -> None:
        while not stop.is_set():
            await world.grow(400)
            await asyncio.sleep(0.01)

    writer = asyncio.create_task(growing())
    for n in range(KILLS):
        process = await asyncio.to_thread(Process, world, f"r{n}")
        await asyncio.sleep(dice.uniform(0.0, 0.4))
        process.send(signal.SIGKILL)
        assert process.ended() == -signal.SIGKILL
    stop.set()
    await writer
    result = await asyncio.to_thread(world.once)
    log = await world.log()
    assert result["position"] == result["log_position"] == log[-1].position
    assert result["lag_events"] == 0
    assert await world.all_is_on_the_bus_once()


async def test_of_two_processes_the_first_ends_and_says_who_took_over(world: World) -> None:
    await world.grow(500)
    with world.relay("first") as first:
        until(lambda: first.status()["lag_events"] == 0)
        with world.relay("second") as second:
            until(lambda: second.status()["lag_events"] == 0)
            await world.grow(500)
            assert await asyncio.to_thread(first.ended) == 1
            assert "tidemark: fenced: relay second-" in first.err
            until(lambda: second.status()["lag_events"] == 0)
    assert await world.all_is_on_the_bus_once()


async def test_a_paused_one_that_comes_back_finds_itself_replaced(world: World) -> None:
    await world.grow(500)
    with world.relay("first") as first:
        until(lambda: first.status()["lag_events"] == 0)
        first.send(signal.SIGSTOP)
        await world.grow(500)
        with world.relay("second") as second:
            until(lambda: second.status()["lag_events"] == 0)
            first.send(signal.SIGCONT)
            assert await asyncio.to_thread(first.ended) == 1
            assert "fenced: relay second-" in first.err
    assert await world.all_is_on_the_bus_once()


async def test_on_sigterm_it_ends_in_order_with_its_figures_on_one_line(world: World) -> None:
    await world.grow(500)
    with world.relay("only") as relay:
        until(lambda: relay.status()["lag_events"] == 0)
        assert httpx.get(f"{relay.url}/healthz").status_code == 200
        assert httpx.get(f"{relay.url}/readyz").json() == {"status": "ready", "reasons": []}
        figures = httpx.get(f"{relay.url}/metrics").text
        assert "tidemark_relay_events_total 500.0" in figures
        assert "tidemark_relay_lag_events 0.0" in figures
        relay.send(signal.SIGTERM)
        assert await asyncio.to_thread(relay.ended) == 0
    [result] = relay.out.splitlines()
    assert json.loads(result)["position"] == (await world.log())[-1].position
    assert relay.err.count("\n") == 1  # only the URL of its endpoint


async def test_a_broker_that_restarts_is_followed_through(world: World, kafka: Broker) -> None:
    await world.grow(500)
    with world.relay("only") as relay:
        until(lambda: relay.status()["lag_events"] == 0)
        await asyncio.to_thread(kafka.restart)
        await world.grow(500)
        await asyncio.to_thread(
            until, lambda: relay.status()["lag_events"] == 0, seconds=120, what="caught up"
        )
        assert httpx.get(f"{relay.url}/readyz").status_code == 200
    assert await world.all_is_on_the_bus_once()
