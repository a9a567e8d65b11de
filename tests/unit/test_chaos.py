"""The platform under faults: seeds that break no law, and mutants of the product that do.

A suite that finds nothing proves something only if it finds what is there: each mutant takes one
protection out of the product, and some seed of a few must catch it.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from adapters.entropy import SeededEntropy
from adapters.event_log import RecorderLog
from adapters.memory_disk import Disk
from adapters.memory_recorder import MemoryRecorder
from adapters.memory_saga_store import MemorySagaStore
from adapters.memory_sink import MemorySink
from projections import balances
from projections.catalogue import VIEWS
from projections.ports import Change, Expelled
from projections.runner import Runner
from sagas.ports import Saved
from streams import sagas as saga_driver
from streams.chaos.campaign import campaign, trace
from streams.chaos.kinds import APPEND, SUBMIT, Kind
from streams.chaos.partitions import COUNTS, partitions_equal
from streams.chaos.schedule import Schedule, crash_places, draw
from streams.chaos.trial import WORLDS, Trial, trial, undisturbed
from streams.chaos.virtual_time import Deadlock, Livelock, run
from streams.chaos.world import World
from streams.gateways import PAGE_MAX, Gateway
from streams.sagas import SagaRunner

SEEDS = 100
MUTANT_SEEDS = 40


@pytest.mark.slow
@pytest.mark.timeout(1_200)
async def test_no_fault_of_a_hundred_seeds_breaks_a_law() -> None:
    found = await campaign(range(SEEDS), seen=lambda *_: None, workers=2)
    assert found["differences"] == []
    assert (found["lost"], found["doubled"], found["views_equal"]) == (0, 0, True)
    assert found["runs"] == SEEDS
    assert set(found["kinds"]) == {str(kind) for kind in Kind}
    assert found["commands"] > 100 * SEEDS


def test_a_seed_is_the_same_schedule_the_same_faults_and_the_same_log() -> None:
    one, two, other = trial(3), trial(3), trial(6)
    assert replace(one, wall_s=0) == replace(two, wall_s=0)
    assert len(one.struck) > 3
    assert other.schedule != one.schedule
    assert [line for line in trace(one) if "every law holds" in line]


def test_every_append_and_every_message_has_its_turn_to_be_crashed_at() -> None:
    visits = undisturbed(WORLDS[0]).visits
    places = list(crash_places(visits))
    assert len(places) == 3 * visits[APPEND] + 2 * visits[SUBMIT] > 500
    crashed = {
        place for turn in range(len(places)) for place in draw(turn, visits, turn=turn).faults
    }
    assert {(site, n) for site, n, _ in places} <= crashed


def mutant_version(patch: pytest.MonkeyPatch) -> None:
    """The log takes a write whatever version it was decided on."""
    write = MemoryRecorder._write

    def anyway(self: MemoryRecorder, one: Any, *rest: Any) -> Any:
        return write(self, replace(one, expected=self._head(one.stream)[0]), *rest)

    patch.setattr(MemoryRecorder, "_write", anyway)


def mutant_messages(patch: pytest.MonkeyPatch) -> None:
    """The log forgets at once which messages it has seen."""
    write = MemoryRecorder._write

    def forgetful(self: MemoryRecorder, one: Any, *rest: Any) -> Any:
        self._messages.pop((one.stream, one.message_id), None)
        return write(self, one, *rest)

    patch.setattr(MemoryRecorder, "_write", forgetful)


def mutant_saga_checkpoint(patch: pytest.MonkeyPatch) -> None:
    """The sagas' checkpoint moves whoever moves it."""
    save = MemorySagaStore.save

    async def anyway(self: MemorySagaStore, page: Saved) -> None:
        self._positions |= {saga: before for saga, (before, _) in page.checkpoints.items()}
        await save(self, page)

    patch.setattr(MemorySagaStore, "save", anyway)


def mutant_view_checkpoint(patch: pytest.MonkeyPatch) -> None:
    """So does the views'."""
    save = MemorySink.save

    async def anyway(self: MemorySink, changes: Sequence[Change]) -> None:
        self._positions |= {change.view.NAME: change.before for change in changes}
        await save(self, changes)

    patch.setattr(MemorySink, "save", anyway)


def mutant_told_after_checkpoint(patch: pytest.MonkeyPatch) -> None:
    """A gateway moves its checkpoint before the messages have left."""

    async def step(self: Gateway) -> int:
        assert self._position is not None
        page = await self._log.after(self._position, limit=PAGE_MAX)
        if not page:
            return 0
        states, messages = await self._fold(page, self._position)
        last, name = page[-1].position, self.name
        if states:
            saved = Saved(states={}, checkpoints={name: (self._saved, last)})
            await self._store.save(saved)
            self._saved = last
        self._position = last
        for message in messages:
            await self._counterparty.submit(message)
        return len(page)

    patch.setattr(Gateway, "step", step)


def mutant_not_told_again(patch: pytest.MonkeyPatch) -> None:
    """A gateway whose session broke goes on as if nothing had been lost."""

    async def start(self: Gateway, now: object) -> int:
        found = await self._store.positions({self.name: self._channel.VERSION})
        self._position = self._saved = found[self.name]
        return 0

    patch.setattr(Gateway, "start", start)


def mutant_reports_dropped(patch: pytest.MonkeyPatch) -> None:
    """A report that could not be recorded at once is dropped."""
    deliver = Gateway.deliver

    async def once(self: Gateway, now: Any) -> int:
        self._inbox.clear()
        return await deliver(self, now)

    patch.setattr(Gateway, "deliver", once)


def mutant_acknowledged_first(patch: pytest.MonkeyPatch) -> None:
    """What is owed leaves the outbox before it is sent."""
    deliver = SagaRunner._deliver

    async def early(self: SagaRunner, batch: Any) -> list[str]:
        await self._store.acknowledge([owed.message_id for owed in batch])
        return await deliver(self, batch)

    patch.setattr(SagaRunner, "_deliver", early)


def mutant_outbox_not_read_again(patch: pytest.MonkeyPatch) -> None:
    """After an error the runner believes what it remembers."""
    patch.setattr(SagaRunner, "_doubt", lambda self: None)


def mutant_refusal_not_recorded(patch: pytest.MonkeyPatch) -> None:
    """A refused saga command is crossed off, and its saga never hears of it."""
    patch.setattr(saga_driver, "_refusal", lambda *_: None)


def mutant_unanswered_is_done(patch: pytest.MonkeyPatch) -> None:
    """Views whose save was not answered are taken to have been saved."""

    async def save(self: Runner, changes: Sequence[Change]) -> None:
        try:
            await (self._sink.save(changes) if changes else asyncio.sleep(0))
        except Expelled:
            raise
        except Exception:
            self._at |= {change.view.NAME: change.after for change in changes}
        self._at |= {change.view.NAME: change.after for change in changes}

    patch.setattr(Runner, "_save", save)


def mutant_tip_believed(patch: pytest.MonkeyPatch) -> None:
    """After an append that was not answered, the log's end is still taken to be known."""
    append = RecorderLog.append

    async def sure(self: RecorderLog, batch: Any, /, *, now: Any) -> Any:
        was, tip = self._sole_writer, self._tip
        try:
            return await append(self, batch, now=now)
        except Exception:
            self._sole_writer, self._tip = was, tip
            raise

    patch.setattr(RecorderLog, "append", sure)


MUTANTS = [m for name, m in list(globals().items()) if name.startswith("mutant_")]


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.__name__)
def test_what_protects_the_platform_is_missed(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for spec in WORLDS:
        undisturbed(spec)  # as the product itself does it
    mutant(monkeypatch)
    assert _first_broken(range(MUTANT_SEEDS)), mutant.__doc__


def _first_broken(seeds: Collection[int]) -> Trial | None:
    for seed in seeds:
        if (found := trial(seed)).broken:
            return found
    return None


def test_a_row_with_two_writers_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def apart() -> dict[int, list[str]]:
        world = World(WORLDS[1], Schedule(seed=1, faults={}))
        await world.run()
        envelopes = await world.log().after(0, limit=10_000)
        whole = {view.NAME: await world.disk.rows.checksum(view) for view in VIEWS}
        return {n: await partitions_equal(envelopes, whole, count=n, seed=n) for n in COUNTS}

    assert run(apart()) == {n: [] for n in COUNTS}
    monkeypatch.setattr(balances, "shard", lambda home: 0)
    found = run(apart())
    assert all("is written from" in found[n][0] for n in COUNTS)


def test_virtual_time_jumps_and_does_not_wait_for_what_cannot_come() -> None:
    async def sleeps() -> float:
        await asyncio.sleep(86_400)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await asyncio.Event().wait()
        assert await asyncio.to_thread(lambda: 3) == 3
        return asyncio.get_running_loop().time()

    async def forever() -> None:
        await asyncio.Event().wait()

    async def busy() -> None:
        while True:
            await asyncio.sleep(0)

    assert run(sleeps()) == 86_460
    with pytest.raises(Deadlock):
        run(forever())
    with pytest.raises(Livelock):
        run(busy())


async def test_a_disk_that_forgets_has_a_derived_store_as_it_was() -> None:
    disk = Disk(SeededEntropy(1))
    await disk.saga_store.positions({"order": 1})
    for at in range(3):
        await disk.saga_store.save(Saved(states={}, checkpoints={"order": (at, at + 1)}))
    await disk.forget("saga_store", 2)
    assert await disk.saga_store.positions({"order": 1}) == {"order": 1}
    await disk.forget("saga_store", 99)
    assert await disk.saga_store.positions({"order": 1}) == {"order": 0}
