"""The relay's contract for every outlet: each event on the bus once, in order, despite crashes."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from adapters.bus.outlet import BusMismatch, Fenced, Outlet
from adapters.log.recorder import Stored
from streams.log.relay import Relay
from tests.unit.adapters.relay_world import MOMENTS, HeldLog, Reader, Record, events

PARTITIONS = 4
SETTLED_S = 10.0


class Killed(BaseException):
    """The process dies at this moment: no code after it runs."""


def dies(at: str, nth: int) -> Callable[[str], None]:
    """A crash port: raises at the nth occurrence of the moment `at`."""
    left = [nth]

    def moment(name: str) -> None:
        if name == at:
            left[0] -= 1
            if left[0] == 0:
                raise Killed(f"{name} {nth}")

    return moment


async def settled(
    records: Callable[[], list[Record]], log: Sequence[Stored], partitions: int
) -> Reader:
    """A reader that has the whole log, or after `SETTLED_S` as much as it has got.

    Kafka shows committed records a moment after it has acknowledged the commit.
    """
    deadline = time.monotonic() + SETTLED_S
    while True:
        reader = Reader(partitions, log).take(records())
        if reader.has(log) or time.monotonic() > deadline:
            return reader
        await asyncio.sleep(0.05)


class RelaySuite:
    """A subclass provides `outlet` and `records`, both over one bus per test."""

    def outlet(self, name: str, moment: Callable[[str], None] | None = None) -> Outlet:
        raise NotImplementedError

    def records(self) -> list[Record]:
        """All committed records, in order within each partition."""
        raise NotImplementedError

    def relay(self, log: HeldLog, name: str = "r1", **more: Any) -> Relay:
        return Relay(log, self.outlet(name, **more), partitions=PARTITIONS)

    async def found(self, log: Sequence[Stored]) -> Reader:
        return await settled(self.records, log, PARTITIONS)

    async def test_what_the_log_holds_is_on_the_bus_once_in_order(self) -> None:
        log = HeldLog(events(1_000))
        relay = self.relay(log)
        assert await relay.catch_up() == 1_000
        assert relay.position == log.held[-1].position
        assert relay.lag(await log.last(), log.held[-1].committed_at) == (0, 0.0)
        found = await self.found(log.held)
        assert found.has(log.held) and found.gaps == found.repeated == 0

    async def test_an_empty_log_relays_nothing(self) -> None:
        relay = self.relay(HeldLog())
        assert await relay.catch_up() == 0
        assert self.records() == []

    async def test_the_next_relay_goes_on_where_the_last_one_ended(self) -> None:
        log = HeldLog(events(300))
        first = self.relay(log)
        await first.catch_up()
        await first._outlet.close()
        log.add(events(200, after=log.held[-1].position))
        second = self.relay(log, "r2")
        assert await second.catch_up() == 200
        found = await self.found(log.held)
        assert found.has(log.held) and found.gaps == found.repeated == 0

    @pytest.mark.parametrize("nth", [1, 2, 4])
    @pytest.mark.parametrize("at", MOMENTS)
    async def test_killed_at_any_moment_it_leaves_neither_gap_nor_duplicate(
        self, at: str, nth: int
    ) -> None:
        log = HeldLog(events(1_000))
        with pytest.raises(Killed):
            await self.relay(log, moment=dies(at, nth)).catch_up()
        left = Reader(PARTITIONS).take(self.records())
        assert left.gaps == left.repeated == 0  # only whole batches are visible
        second = self.relay(log, "r2")
        await second.catch_up()
        found = await self.found(log.held)
        assert found.has(log.held) and found.gaps == found.repeated == 0

    async def test_killed_again_and_again_it_still_gets_through(self) -> None:
        log = HeldLog(events(1_500))
        for n in range(8):
            with pytest.raises(Killed):
                await self.relay(log, f"r{n}", moment=dies(MOMENTS[n % 4], 2)).catch_up()
        await self.relay(log, "last").catch_up()
        found = await self.found(log.held)
        assert found.has(log.held) and found.gaps == found.repeated == 0

    async def test_a_batch_that_was_not_committed_is_never_visible(self) -> None:
        log = HeldLog(events(50))
        with pytest.raises(Killed):
            await self.relay(log, moment=dies("committing", 1)).catch_up()
        assert self.records() == []
        await self.relay(log, "r2").catch_up()
        assert (await self.found(log.held)).has(log.held)
        assert sum(r.value is not None for r in self.records()) == PARTITIONS

    async def test_a_second_relay_fences_the_first_which_ends(self) -> None:
        log = HeldLog(events(100))
        first = self.relay(log, "first")
        await first.catch_up()
        second = self.relay(log, "second")
        await second.catch_up()
        log.add(events(100, after=log.held[-1].position))
        with pytest.raises(Fenced):
            await first.catch_up()
        assert await second.catch_up() == 100
        found = await self.found(log.held)
        assert found.has(log.held) and found.gaps == found.repeated == 0

    async def test_a_running_relay_that_is_fenced_ends_with_an_error(self) -> None:
        log = HeldLog(events(100))
        first = self.relay(log, "first")
        running = asyncio.create_task(first.run(asyncio.Event()))
        while first.position < log.held[-1].position:
            await asyncio.sleep(0.01)
        await self.relay(log, "second").catch_up()
        log.add(events(1, after=log.held[-1].position))
        with pytest.raises(Fenced):
            await asyncio.wait_for(running, 30)

    async def test_an_idle_relay_regularly_reports_that_nothing_came(self) -> None:
        log = HeldLog(events(10))
        stop = asyncio.Event()
        relay = Relay(log, self.outlet("r1"), partitions=PARTITIONS, idle_s=0.05)
        running = asyncio.create_task(relay.run(stop))
        while relay.batches < 4:
            await asyncio.sleep(0.01)
        stop.set()
        await running
        end = log.held[-1].position
        assert (await self.found(log.held)).has(log.held)
        last = {r.partition: r.span for r in self.records()}
        assert {(s.prev, s.end, s.watermark) for s in last.values()} == {(end, end, True)}

    async def test_on_stop_it_finishes_its_batch_and_leaves(self) -> None:
        log = HeldLog(events(20_000, homes=50))
        stop = asyncio.Event()
        relay = self.relay(log)
        running = asyncio.create_task(relay.run(stop))
        while not relay.batches:
            await asyncio.sleep(0)
        stop.set()
        await asyncio.wait_for(running, 30)
        assert 0 < relay.position < log.held[-1].position
        done = [e for e in log.held if e.position <= relay.position]
        found = await self.found(done)
        assert found.has(done) and found.gaps == found.repeated == 0

    async def test_a_bus_that_was_fed_from_another_log_is_refused(self) -> None:
        await self.relay(HeldLog(events(100))).catch_up()
        with pytest.raises(BusMismatch, match=r"position 300, .* ends at 150: .* new generation"):
            await self.relay(HeldLog(events(50)), "r2").catch_up()
