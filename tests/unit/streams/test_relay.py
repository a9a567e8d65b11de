"""The relay over a bus in memory: its contract, and outages of the log or the bus."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from adapters.log.recorder import Unavailable
from commands.ports import Unreadable
from streams.log import relay as module
from streams.log.relay import BATCH_BYTES_MAX, Relay
from tests.contract.bus.relay_suite import PARTITIONS, RelaySuite
from tests.unit.adapters.relay_world import (
    HeldLog,
    MemoryBus,
    MemoryOutlet,
    Reader,
    Record,
    event,
    events,
)


class TestInMemory(RelaySuite):
    @pytest.fixture(autouse=True)
    def _bus(self) -> None:
        self.bus = MemoryBus()

    def outlet(self, name: str, moment: Callable[[str], None] | None = None) -> MemoryOutlet:
        return MemoryOutlet(self.bus, name, moment=moment)

    def records(self) -> list[Record]:
        return self.bus.records


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus()


def relay(log: HeldLog, bus: MemoryBus, name: str = "r1") -> Relay:
    return Relay(log, MemoryOutlet(bus, name), partitions=PARTITIONS)


async def running(one: Relay, holds: Callable[[], object]) -> None:
    """Run until a condition is true, then stop in order."""
    stop = asyncio.Event()
    task = asyncio.create_task(one.run(stop))
    async with asyncio.timeout(60):
        while not holds():
            assert not task.done()
            await asyncio.sleep(0.005)
    stop.set()
    await task


async def test_it_follows_what_comes(bus: MemoryBus) -> None:
    log = HeldLog(events(10))
    one = relay(log, bus)

    def grown() -> bool:
        if one.events == 10 and len(log.held) == 10:
            log.add(events(5, after=log.held[-1].position))
        return one.events == 15

    await running(one, grown)
    assert Reader(PARTITIONS).take(bus.records).has(log.held)


async def test_what_comes_together_goes_in_one_batch(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GATHER_S", 5.0)  # far more than the five take on a busy machine
    log = HeldLog(events(10))
    one = relay(log, bus)
    came = 0

    def grown() -> bool:
        nonlocal came
        if log.waited and came < 5:  # one after the other, some ms apart
            log.add(events(1, after=log.held[-1].position))
            came += 1
        return one.events == 15

    await running(one, grown)
    assert one.batches == 2
    assert Reader(PARTITIONS).take(bus.records).has(log.held)


@pytest.mark.parametrize("side", ["bus", "log"])
async def test_a_side_that_is_away_is_named_and_waited_for(
    bus: MemoryBus, side: str, caplog: pytest.LogCaptureFixture
) -> None:
    log = HeldLog(events(10))
    bus.down = side == "bus"
    log.away = Unavailable("gone") if side == "log" else None
    one = relay(log, bus)
    faults: list[str] = []

    def healed() -> bool:
        if one.fault and not faults:
            faults.append(one.fault)
            bus.down, log.away = False, None
        return one.events == 10

    with caplog.at_level(logging.ERROR):
        await running(one, healed)
    assert faults == [{"bus": "BusUnavailable: down", "log": "Unavailable: gone"}[side]]
    assert one.fault is None
    assert [r.message for r in caplog.records] == [f"the relay has stopped: {faults[0]}"]
    assert Reader(PARTITIONS).take(bus.records).has(log.held)


async def test_everything_before_a_corrupt_event_is_sent_and_it_is_named(bus: MemoryBus) -> None:
    sound = events(500)
    torn = event(sound[-1].position + 1, "A1")._replace(state=b"{")
    log = HeldLog([*sound, torn, *events(10, after=torn.position)])
    one = relay(log, bus)
    with pytest.raises(Unreadable, match=r"account-A1@1501 \(position 1501\)"):
        await one.catch_up()
    assert Reader(PARTITIONS).take(bus.records).has(sound)
    log.held[500] = event(torn.position, "A1")  # repaired
    await one.catch_up()
    assert Reader(PARTITIONS).take(bus.records).has(log.held)
    assert one.openings == 1  # the bus was not at fault


async def test_a_wiped_bus_is_fed_from_the_start_and_consumers_skip_what_they_have(
    bus: MemoryBus,
) -> None:
    log = HeldLog(events(400))
    await relay(log, bus).catch_up()
    reader = Reader(PARTITIONS).take(bus.records)
    wiped = MemoryBus()
    log.add(events(100, after=log.held[-1].position))
    await relay(log, wiped, "r2").catch_up()
    reader.take(wiped.records)
    assert reader.has(log.held) and reader.gaps == 0 and reader.repeated > 0


async def test_pages_that_the_bus_lost_are_a_gap_that_the_log_fills(bus: MemoryBus) -> None:
    log = HeldLog(events(1_000))
    await relay(log, bus).catch_up()
    kept = [r for r in bus.records if r.span.prev >= log.held[400].position]
    reader = Reader(PARTITIONS, log.held).take(kept)
    assert reader.has(log.held) and reader.gaps == PARTITIONS


async def test_no_more_than_two_batches_are_held(bus: MemoryBus) -> None:
    log = HeldLog(events(2_000))
    most = [0]

    def moment(name: str) -> None:
        if name == "committed":
            most[0] = max(most[0], len(log.reads) - len({r.span.end for r in bus.records}))

    await Relay(log, MemoryOutlet(bus, "r1", moment=moment), partitions=PARTITIONS).catch_up()
    assert most[0] <= 2


@pytest.mark.parametrize("share", [100, 1_000, 100_000])
async def test_a_batch_is_bounded_in_bytes_and_in_events(bus: MemoryBus, share: int) -> None:
    log = HeldLog([event(n, "A1", padding=BATCH_BYTES_MAX // share) for n in range(1, 400)])
    await relay(log, bus).catch_up()
    assert max(log.reads) <= BATCH_BYTES_MAX
    assert Reader(PARTITIONS).take(bus.records).has(log.held)


async def test_events_that_grow_large_make_the_next_batches_small(bus: MemoryBus) -> None:
    small, size = events(1_000), BATCH_BYTES_MAX // 64
    large = [event(small[-1].position + n, "A1", padding=size) for n in range(1, 300)]
    log = HeldLog([*small, *large])
    await relay(log, bus).catch_up()
    assert sorted(log.reads)[-2] <= BATCH_BYTES_MAX + 64 * 200  # one was read as the small ones
    assert Reader(PARTITIONS).take(bus.records).has(log.held)


def test_lag_is_positions_and_seconds_on_the_logs_clock(bus: MemoryBus) -> None:
    log = events(10)
    one = relay(HeldLog(log), bus)
    assert one.lag(0, None) == (0, 0.0)
    assert one.lag(30, log[-1].committed_at) == (30, None)
    one.position, one.at = 15, log[4].committed_at
    assert one.lag(30, log[-1].committed_at) == (15, 15e-6)
