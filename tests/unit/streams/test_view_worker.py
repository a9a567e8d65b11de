"""The worker: pages folded once, poisoned events isolated, races lost without a trace."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.bus.outlet import BusUnavailable
from adapters.bus.page import Span, decode
from adapters.bus.records import Record
from adapters.log.recorder import Unavailable
from adapters.memory.sink import MemorySink
from domain.client.events import ClientOnboarded
from domain.shared.envelope import Envelope
from domain.shared.message import Event
from projections.operations import cases
from projections.parties import clients
from projections.ports import Change, Key, Relaid, Row, View
from streams.views import orphans
from streams.views import view_worker as module
from streams.views.view_worker import GaveUp, ViewWorker
from tests.unit.adapters.bus_world import BusWorld, ClosableSink, MemoryMarks, MemoryTables, inline

VIEWS: tuple[View, ...] = (clients, cases)


class Sick:
    """The clients' view, but it raises for some clients."""

    VERSION, ROW = clients.VERSION, clients.ROW
    AUDIENCE, HOME = clients.AUDIENCE, clients.HOME
    READS: frozenset[type[Event]] = clients.READS

    def __init__(self, *hurts: str) -> None:
        self.NAME, self.hurts = "sick", set(hurts)

    def facts(self, arrived: Envelope) -> Iterable[tuple[Key, Any]]:
        event = arrived.event
        if isinstance(event, ClientOnboarded) and event.client_id in self.hurts:
            raise ValueError(f"cannot take {event.client_id}")
        return clients.facts(arrived)

    def fold(self, row: Any, key: Key, fact: Any) -> Row:
        return clients.fold(row, key, fact)


class Workers:
    """Any number of workers over one memory of views."""

    def __init__(self, world: BusWorld, views: Sequence[View] = VIEWS) -> None:
        self.world, self.views = world, views
        self.whole = MemorySink(partitions=world.partitions)
        self.marks = MemoryMarks()
        self.letters: list[tuple[bytes, dict[str, str]]] = []
        self.away = False  # the bus

    async def one(self, sink: type[ClosableSink] = ClosableSink) -> ViewWorker:
        await self.whole.prepare(self.views)
        return ViewWorker(
            self.world.log,
            lambda p: sink.of(self.whole, p, self.world.partitions),
            self.views,
            partitions=self.world.partitions,
            tables=MemoryTables(self.whole, self.views),
            marks=self.marks,
            send_letter=self._send_letter,
        )

    async def sums(self) -> list[Any]:
        return [await self.whole.checksum(view) for view in self.views]

    async def _send_letter(self, value: bytes, headers: dict[str, str]) -> None:
        if self.away:
            raise BusUnavailable("nobody there")
        self.letters.append((value, headers))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSES_S", (0.0, 0.0, 0.0))


async def test_views_stand_where_the_log_was_relayed_and_hold_what_one_fold_gives() -> None:
    world = BusWorld()
    await world.grow(50)
    workers = Workers(world)
    worker = await workers.one()
    await worker.take(await world.relay())
    assert await workers.sums() == await inline(world.log, VIEWS)
    assert worker.events == 50
    assert worker.positions() == {"clients": 50, "cases": 50}


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.data())
@settings(max_examples=25)
async def test_any_delivery_to_any_of_two_workers_gives_the_rows_of_one_fold(
    sizes: list[int], data: st.DataObject
) -> None:
    """Zombies included: both may get the same records, again and out of order."""
    world = BusWorld(data.draw(st.sampled_from([1, 2, 4, 16])))
    await world.grow(sum(sizes))
    records: list[Record] = []
    for size in sizes:
        records += await world.relay(until=world.relayed + size)
    workers = Workers(world)
    both = [await workers.one(), await workers.one()]
    for record in data.draw(st.lists(st.sampled_from(records), max_size=30)):
        await both[data.draw(st.integers(0, 1))].take([record])
    await both[0].take(records)
    assert await workers.sums() == await inline(world.log, VIEWS)


async def test_an_event_that_one_view_cannot_fold_stops_that_view_there_and_no_other() -> None:
    world = BusWorld()
    await world.grow(30)
    sick = Sick("C11")
    workers = Workers(world, (clients, sick))
    worker = await workers.one()
    await worker.take(await world.relay())
    ((view, partition),) = workers.marks.rows
    stuck = workers.marks.rows[view, partition]
    assert (view, stuck.stream, stuck.position) == ("sick", "client-C11", 11)
    assert "cannot take C11" in stuck.error
    ((value, headers),) = workers.letters
    assert [e.position for e in decode(value)] == [11]
    assert headers["view"] == "sick" and headers["partition"] == str(partition)
    assert worker.positions()["clients"] == 30
    assert 0 <= worker.positions()["sick"] < 11
    await world.grow(10)
    await worker.take(await world.relay())
    assert worker.positions()["clients"] == 40
    assert len(workers.letters) == 1


async def test_a_requeued_view_tries_its_event_again_and_goes_on_when_it_is_mended() -> None:
    world = BusWorld()
    await world.grow(30)
    sick = Sick("C11", "C12")
    workers = Workers(world, (clients, sick))
    worker = await workers.one()
    await worker.take(await world.relay())
    assert workers.marks.rows
    watching = asyncio.create_task(worker.watch(stop := asyncio.Event()))
    sick.hurts.clear()
    workers.marks.rows.clear()
    await worker.moved(range(4))  # wakes the watch
    await _eventually(lambda: worker.positions().get("sick") == 30)
    stop.set()
    await worker.moved(range(4))
    await watching
    assert workers.marks.rows == {}
    assert (await workers.sums())[0].rows == (await workers.sums())[1].rows == 30


async def test_the_next_owner_tries_a_stuck_view_and_takes_its_mark_away() -> None:
    world = BusWorld()
    await world.grow(30)
    sick = Sick("C11")
    workers = Workers(world, (clients, sick))
    records = await world.relay()
    await (await workers.one()).take(records)
    sick.hurts.clear()
    await (await workers.one()).take(records)
    assert workers.marks.rows == {}
    assert (await workers.sums())[1].position == 30


async def test_an_unreadable_event_stops_every_view_of_its_partition_right_before_it() -> None:
    world = BusWorld(partitions=1)
    await world.grow(20)
    await world.spoil(9)
    workers = Workers(world)
    worker = await workers.one()
    await worker.take(await world.relay())
    assert worker.positions() == {"clients": 8, "cases": 8}
    assert {s.position for s in workers.marks.rows.values()} == {9}
    assert len(workers.letters) == 2


async def test_a_record_that_is_no_page_is_left_out_and_the_gap_is_read_from_the_log() -> None:
    world = BusWorld(partitions=1)
    await world.grow(10)
    await world.relay()
    await world.grow(10)
    workers = Workers(world)
    worker = await workers.one()
    await worker.take([Record(0, Span(0, 10, 1), b"nonsense")])
    await worker.take(await world.relay())
    assert await workers.sums() == await inline(world.log, VIEWS)


async def test_a_bus_that_only_repeats_itself_does_not_hold_up_the_views(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Offsets that were lost in a rebalance bring thousands of old records back."""
    monkeypatch.setattr(module, "SILENCE_S", 0.1)
    monkeypatch.setattr(module, "TICK_S", 0.02)
    world = BusWorld()
    await world.grow(10)
    workers = Workers(world)
    worker = await workers.one()
    await worker.take(records := await world.relay())
    await world.grow(15)
    watching = asyncio.create_task(worker.watch(stop := asyncio.Event()))

    async def repeat() -> None:
        while not stop.is_set():
            await worker.take(records)
            await asyncio.sleep(0.005)

    repeating = asyncio.create_task(repeat())
    await _eventually(lambda: worker.positions().get("cases") == 25)
    stop.set()
    await worker.moved(range(4))
    await asyncio.gather(repeating, watching)
    assert await workers.sums() == await inline(world.log, VIEWS)


async def test_a_bus_that_is_silent_does_not_hold_up_the_views(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SILENCE_S", 0.0)
    world = BusWorld()
    await world.grow(25)
    workers = Workers(world)
    worker = await workers.one()
    await worker.moved(range(4))
    watching = asyncio.create_task(worker.watch(stop := asyncio.Event()))
    await _eventually(lambda: worker.positions().get("cases") == 25)
    stop.set()
    await worker.moved(range(4))
    await watching
    assert await workers.sums() == await inline(world.log, VIEWS)


async def test_partitions_without_a_worker_are_adopted_until_they_have_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The group has assigned no partition, as happens while it waits for a dead member."""
    _hasten(monkeypatch)
    world = BusWorld()
    await world.grow(20)
    workers = Workers(world)
    worker, rightful = await workers.one(), await workers.one()
    await worker.moved((0,))
    watching = asyncio.create_task(worker.watch(stop := asyncio.Event()))
    await _eventually(lambda: set(worker.orphans.parts) == {1, 2, 3})
    await _eventually(lambda: worker.positions() == {"clients": 20, "cases": 20})
    assert set(worker.parts) == {0}

    async with asyncio.timeout(10):
        while worker.orphans.parts:
            with monkeypatch.context() as patch:
                patch.setattr(orphans, "LOOK_S", 60.0)  # the rightful one folds first
                await world.grow(16)
                await rightful.take(await world.relay())
            await asyncio.sleep(0.02)
    await worker.moved((0, 1))
    assert set(worker.parts) == {0, 1}
    stop.set()
    await worker.moved((0, 1))
    await watching
    assert await workers.sums() == await inline(world.log, VIEWS)


async def test_an_adopted_partition_that_the_group_gives_after_all_goes_on_where_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _hasten(monkeypatch)
    world = BusWorld(partitions=1)
    await world.grow(5)
    workers = Workers(world)
    worker = await workers.one()
    watching = asyncio.create_task(worker.watch(stop := asyncio.Event()))
    await _eventually(lambda: worker.positions().get("cases") == 5)
    adopted = worker.orphans.parts[0]
    await worker.moved((0,))
    assert worker.parts[0] is adopted and not worker.orphans.parts
    stop.set()
    await worker.moved((0,))
    await watching


async def test_partitions_that_advance_are_not_adopted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The partition is behind the log but advances: its owner works, so it is not adopted."""
    _hasten(monkeypatch, still_s=0.5)
    world = BusWorld(partitions=1)
    await world.grow(120)
    workers = Workers(world)
    idle, busy = await workers.one(), await workers.one()
    watching = asyncio.create_task(idle.watch(stop := asyncio.Event()))
    for until in range(1, 100):
        await busy.take(await world.relay(until=until))
        await asyncio.sleep(0.01)
        assert not idle.orphans.parts
    stop.set()
    await idle.moved(())
    await watching


def _hasten(monkeypatch: pytest.MonkeyPatch, still_s: float = 0.05) -> None:
    monkeypatch.setattr(module, "SILENCE_S", 0.0)
    monkeypatch.setattr(module, "TICK_S", 0.01)
    monkeypatch.setattr(orphans, "LOOK_S", 0.01)
    monkeypatch.setattr(orphans, "STILL_S", still_s)


async def test_a_dead_letter_waits_for_a_bus_that_is_away() -> None:
    world = BusWorld()
    await world.grow(30)
    workers = Workers(world, (clients, Sick("C11")))
    workers.away = True
    worker = await workers.one()
    await worker.take(await world.relay())
    assert len(workers.marks.rows) == 1 and not workers.letters
    workers.away = False
    await world.grow(30)
    await worker.take(await world.relay())
    ((_, headers),) = workers.letters
    assert headers["view"] == "sick"


class Flaky(ClosableSink):
    failures = 0

    async def save(self, changes: Sequence[Change], /) -> None:
        if Flaky.failures:
            Flaky.failures -= 1
            raise Unavailable("the database is away")
        await super().save(changes)


async def test_a_store_that_is_away_costs_nothing_but_for_too_long_ends_the_worker() -> None:
    world = BusWorld(partitions=1)
    await world.grow(5)
    workers = Workers(world)
    worker = await workers.one(Flaky)
    Flaky.failures = 2
    await worker.take(await world.relay())
    assert await workers.sums() == await inline(world.log, VIEWS)
    await world.grow(5)
    Flaky.failures = 3
    with pytest.raises(GaveUp, match="the database is away"):
        await worker.take(await world.relay())
    assert (await workers.sums())[0].position == 5


async def test_a_worker_of_another_partition_count_has_to_end() -> None:
    world = BusWorld(partitions=4)
    await world.grow(8)
    workers = Workers(world)
    worker = await workers.one()
    records = await world.relay()
    await workers.whole.part(0, 2).prepare(VIEWS)
    with pytest.raises(Relaid):
        await worker.take(records)


async def _eventually(holds: Any) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)
