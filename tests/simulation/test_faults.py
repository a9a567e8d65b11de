"""The platform under faults: seeds that break no law, and mutants of the product that do.

A suite without findings proves something only if it can find defects: each mutant removes one
protection from the product. Without faults a mutant breaks no law. With faults, one of a few seeds
must catch it, and the unchanged product must break no law on that seed.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from adapters.host.entropy import SeededEntropy
from adapters.log.event_log import RecorderLog
from adapters.memory.disk import Disk
from adapters.memory.recorder import MemoryRecorder
from adapters.memory.saga_store import MemorySagaStore
from adapters.memory.sink import MemorySink
from domain import order
from domain.order import executions
from domain.order.commands import RecordFill
from domain.order.state import Order
from domain.shared.message import Decision
from projections.catalogue import VIEWS
from projections.engine.runner import Runner
from projections.ledger import balances
from projections.ports import Change, Expelled, View
from sagas.engine.ports import Saved
from simulation.faults.campaign import campaign, trace
from simulation.faults.kinds import APPEND, FOLDED, POSSIBLE, REPORT, SAGA_WRITE, SUBMIT, Kind
from simulation.faults.partitions import COUNTS, partitions_equal
from simulation.faults.schedule import Schedule, crash_places, draw
from simulation.faults.trial import WORLDS, run_trial, run_undisturbed, schedule_of, trial
from simulation.faults.virtual_time import Deadlock, Livelock, run
from simulation.faults.world import World
from simulation.run import Spec
from streams.gateways.gateway import Gateway
from streams.sagas.runner import SagaRunner

SAMPLE = 5  # seeds of `make test`
SEEDS = 16  # seeds of `make test-faults`, which also simulates thousands
SEARCHED = 200  # seeds searched for those that draw the mutant's faults ...
TRIED_MAX = 40  # ... of which the first are tried; one must catch it
TOLD_TWICE = 22  # a seed in which an execution is reported twice


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [SAMPLE, pytest.param(SEEDS, marks=pytest.mark.faults)])
async def test_no_fault_of_some_seeds_breaks_a_law(seeds: int) -> None:
    workers = 2 if seeds > SAMPLE else 1
    found = await campaign(range(seeds), seen=lambda *_: None, workers=workers)
    assert found["differences"] == []
    assert (found["lost"], found["doubled"], found["views_equal"]) == (0, 0, True)
    assert found["runs"] == seeds
    assert len(found["kinds"]) > len(Kind) / 2
    assert found["commands"] > 100 * seeds


@pytest.mark.parametrize("seed", [271, 674, 1168, 7227])
def test_who_goes_on_beside_a_store_that_lost_its_tail_finds_out_in_time(seed: int) -> None:
    """Idle sagas; a gateway that gets fills for orders that its store has lost."""
    found = trial(seed)
    assert Kind.LOST_TAIL in {struck.kind for struck in found.struck}
    assert found.broken == []


def test_a_write_of_the_process_before_is_seen_when_it_comes_late() -> None:
    found = trial(7094)
    assert {Kind.LATE, Kind.CRASH_WITHIN} <= {struck.kind for struck in found.struck}
    assert found.broken == []


def test_every_kind_of_fault_is_drawn_for_every_place_that_may_have_it() -> None:
    drawn = {
        (site, kind)
        for seed in range(1_500)
        for (site, _), kind in draw(
            seed, run_undisturbed(WORLDS[0]).visits, turn=seed
        ).faults.items()
    }
    assert drawn == {(site, kind) for site, kinds in POSSIBLE.items() for kind in kinds}


def test_a_seed_is_the_same_schedule_the_same_faults_and_the_same_log() -> None:
    one, two, other = trial(3), trial(3), trial(6)
    assert replace(one, wall_s=0) == replace(two, wall_s=0)
    assert len(one.struck) > 3
    assert other.schedule != one.schedule
    assert [line for line in trace(one) if "every law holds" in line]


def test_every_append_and_every_message_has_its_turn_to_be_crashed_at() -> None:
    visits = run_undisturbed(WORLDS[0]).visits
    places = list(crash_places(visits))
    assert len(places) == 3 * visits[APPEND] + 2 * visits[SUBMIT] > 500
    crashed = {
        place for turn in range(len(places)) for place in draw(turn, visits, turn=turn).faults
    }
    assert {(site, n) for site, n, _ in places} <= crashed


def mutant_version(patch: pytest.MonkeyPatch) -> None:
    """The log accepts a write without a check of its expected version."""
    write = MemoryRecorder._write

    def anyway(self: MemoryRecorder, one: Any, *rest: Any) -> Any:
        return write(self, replace(one, expected=self._head(one.stream)[0]), *rest)

    patch.setattr(MemoryRecorder, "_write", anyway)


def mutant_messages(patch: pytest.MonkeyPatch) -> None:
    """The log forgets every message at once."""
    write = MemoryRecorder._write

    def forgetful(self: MemoryRecorder, one: Any, *rest: Any) -> Any:
        self._messages.pop((one.stream, one.message_id), None)
        return write(self, one, *rest)

    patch.setattr(MemoryRecorder, "_write", forgetful)


def mutant_saga_checkpoint(patch: pytest.MonkeyPatch) -> None:
    """The sagas' checkpoint moves without a check of its previous value."""
    save = MemorySagaStore.save

    async def anyway(self: MemorySagaStore, page: Saved) -> None:
        self._positions |= {saga: before for saga, (before, _) in page.checkpoints.items()}
        await save(self, page)

    patch.setattr(MemorySagaStore, "save", anyway)


def mutant_view_checkpoint(patch: pytest.MonkeyPatch) -> None:
    """The views' checkpoint moves without a check of its previous value."""
    save = MemorySink.save

    async def anyway(self: MemorySink, changes: Sequence[Change]) -> None:
        for change in changes:
            self._own_positions(change.view.NAME)[self._partition] = change.before
        await save(self, changes)

    patch.setattr(MemorySink, "save", anyway)


def mutant_not_sent_again(patch: pytest.MonkeyPatch) -> None:
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
    """Owed commands leave the outbox before they are sent."""
    deliver = SagaRunner._deliver

    async def early(self: SagaRunner, batch: Any) -> list[str]:
        await self._store.acknowledge([owed.message_id for owed in batch])
        return await deliver(self, batch)

    patch.setattr(SagaRunner, "_deliver", early)


def mutant_outbox_not_read_again(patch: pytest.MonkeyPatch) -> None:
    """After an error the runner still trusts its memory."""
    patch.setattr(SagaRunner, "_forget_positions", lambda self: None)


def mutant_delivered_again_counts(patch: pytest.MonkeyPatch) -> None:
    """A view folds every event that it gets, also those that it has folded before."""

    async def advance(
        self: Runner, group: Sequence[View], *, limit: int, until: int | None
    ) -> tuple[int, list[Change]]:
        before = (await self.positions())[group[0].NAME]
        page = await self._log.after(before, limit=limit, until=until)
        try:
            return await self._fold_and_save(group, page, before)
        except Expelled:
            self._at = {}
            raise

    patch.setattr(Runner, "_advance", advance)


def mutant_tip_believed(patch: pytest.MonkeyPatch) -> None:
    """After an append without an answer, or growth of the log by others, the sole writer still
    trusts its memory of the log's end."""
    append = RecorderLog.append

    async def sure(self: RecorderLog, batch: Any, /, *, now: Any) -> Any:
        was, tip = self._sole_writer, self._tip
        try:
            return await append(self, batch, now=now)
        except Exception:
            self._sole_writer, self._tip = was, tip
            raise

    async def wait(self: RecorderLog, position: int, /, *, timeout_s: float) -> bool:
        return await self.recorder.wait(position, timeout_s=timeout_s)

    patch.setattr(RecorderLog, "append", sure)
    patch.setattr(RecorderLog, "wait", wait)


def anywhere(*kinds: Kind) -> set[tuple[str, Kind]]:
    return {
        (site, kind) for site, possible in POSSIBLE.items() for kind in possible if kind in kinds
    }


OTHERS = anywhere(Kind.FREEZE, Kind.RIVAL)
RESTARTS = anywhere(Kind.CRASH_BEFORE, Kind.CRASH_WITHIN, Kind.CRASH_AFTER)
APPENDS = {(APPEND, kind) for kind in (Kind.UNAVAILABLE, Kind.HALF_DONE)}
LOST = {(SUBMIT, kind) for kind in (Kind.MESSAGE_LOST, Kind.MESSAGE_SILENTLY_LOST)}
MUTANTS = {
    mutant_version: OTHERS,
    mutant_messages: RESTARTS,
    mutant_saga_checkpoint: OTHERS,
    mutant_view_checkpoint: OTHERS,
    mutant_not_sent_again: LOST,
    mutant_reports_dropped: APPENDS,
    mutant_acknowledged_first: APPENDS | RESTARTS,
    mutant_outbox_not_read_again: {(SAGA_WRITE, Kind.UNANSWERED), (SAGA_WRITE, Kind.UNAVAILABLE)},
    mutant_delivered_again_counts: {(FOLDED, Kind.PAGE_AGAIN)},
    mutant_tip_believed: {(APPEND, Kind.LATE), (APPEND, Kind.UNANSWERED)},
}
"""Mutants, each without one protection, and the faults that it protects from."""
SAMPLED = {
    mutant_messages,
    mutant_view_checkpoint,
}  # in `make test`; the others: `make test-faults`


class Hunt(Struct, frozen=True):
    """The result of the search for a seed that catches a mutant."""

    seed: int  # the one that caught it; -1: none
    mutant: list[str]  # laws that it broke on that seed
    product: list[str]  # laws that the unchanged product broke there


def hunt(name: str) -> Hunt:
    """Try seeds with the mutant's faults, in worlds where it breaks no law without faults."""
    mutant, faults = next((m, f) for m, f in MUTANTS.items() if m.__name__ == name)
    seeds = [s for s in range(SEARCHED) if faults & _drawn(s)][:TRIED_MAX]
    whole: dict[Spec, bool] = {}
    with pytest.MonkeyPatch.context() as patch:
        mutant(patch)
        for seed in seeds:
            spec = WORLDS[seed % len(WORLDS)]
            if spec not in whole:
                whole[spec] = not run_trial(spec, Schedule(seed=seed, faults={})).broken
            if whole[spec] and (broken := trial(seed).broken):
                break
        else:
            return Hunt(-1, [], [])
    return Hunt(seed, broken, trial(seed).broken)


def _drawn(seed: int) -> set[tuple[str, Kind]]:
    return {(site, kind) for (site, _), kind in schedule_of(seed).faults.items()}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(m.__name__, marks=() if m in SAMPLED else pytest.mark.faults, id=m.__name__)
        for m in MUTANTS
    ],
)
def test_what_protects_the_platform_is_missed(name: str) -> None:
    found = hunt(name)
    assert found.mutant, f"no seed of {TRIED_MAX} caught {name}"
    assert found.product == []


def reports_forgotten(patch: pytest.MonkeyPatch) -> None:
    """The log forgets every report of the venue at once."""
    write = MemoryRecorder._write

    def forgetful(self: MemoryRecorder, one: Any, *rest: Any) -> Any:
        if one.message_id.startswith("venue|"):
            self._messages.pop((one.stream, one.message_id), None)
        return write(self, one, *rest)

    patch.setattr(MemoryRecorder, "_write", forgetful)


def executions_forgotten(patch: pytest.MonkeyPatch) -> None:
    """An order accepts a second execution under the same id."""

    def fill(command: RecordFill, state: Order, _: object) -> Decision:
        return executions._with_parked(state, (executions._fill_event(command, state),))

    patch.setitem(order._DECIDE, RecordFill, fill)


def test_an_execution_reported_twice_counts_once_by_its_message_or_by_its_id_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_undisturbed(WORLDS[TOLD_TWICE % len(WORLDS)])
    assert (REPORT, Kind.REPORT_DOUBLED) in _drawn(TOLD_TWICE)
    with monkeypatch.context() as patch:
        executions_forgotten(patch)
        assert trial(TOLD_TWICE).broken == []
        reports_forgotten(patch)
        doubled = trial(TOLD_TWICE).doubled
    assert [line for line in doubled if line.startswith("doubled: booked")]
    reports_forgotten(monkeypatch)
    assert trial(TOLD_TWICE).broken == []


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
    assert all(any("is written from" in line for line in found[n]) for n in COUNTS)


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
