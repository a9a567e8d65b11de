"""Group commit: every caller gets its own answer, even if other callers fail or give up."""

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime

import pytest

from adapters.dispatch.group_commit import Closed, Full, GroupCommit
from adapters.log.recorder import (
    BATCH_MAX,
    Known,
    Result,
    Unavailable,
    Write,
    Written,
    WrongVersion,
)
from adapters.memory.recorder import MemoryRecorder
from tests.contract.log.commit import over
from tests.contract.log.recorder_suite import T0, labels, whole, write


class Gate(MemoryRecorder):
    """A recorder whose commits wait until the gate is open, or fail."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()
        self.open.set()
        self.batches: list[Sequence[Write]] = []
        self.failure: Exception | None = None

    async def append(self, batch: Sequence[Write], /, *, clock: datetime) -> Sequence[Result]:
        self.batches.append(batch)
        await self.open.wait()
        await asyncio.sleep(0)
        if self.failure:
            raise self.failure
        return await super().append(batch, clock=clock)

    async def flush(self, batch: Sequence[Write]) -> Sequence[Result]:
        return await self.append(batch, clock=T0)


@pytest.fixture
def gate() -> Gate:
    return Gate()


async def test_callers_share_a_commit_and_get_their_own_answers(gate: Gate) -> None:
    commit = over(gate, T0)
    results = await asyncio.gather(
        *[commit.submit(write(f"a-{n % 10}", 0, f"n{n}")) for n in range(20)]
    )
    assert [len(batch) for batch in gate.batches] == [20]
    assert [type(r) for r in results] == [Written] * 10 + [WrongVersion] * 10
    await commit.close()


async def test_a_lone_caller_does_not_wait(gate: Gate) -> None:
    commit = over(gate, T0)
    for version in range(3):
        result = await asyncio.wait_for(commit.submit(write("a-1", version, "x")), 1)
        assert isinstance(result, Written)
    assert [len(batch) for batch in gate.batches] == [1, 1, 1]
    await commit.close()


async def test_what_comes_during_a_commit_gathers_for_the_next(gate: Gate) -> None:
    commit = over(gate, T0)
    gate.open.clear()
    calls = [commit.submit(write("a-0", 0, "x"))]
    await asyncio.sleep(0.01)
    calls += [commit.submit(write(f"b-{n}", 0, "x")) for n in range(10)]
    await asyncio.sleep(0.01)
    gate.open.set()
    await asyncio.gather(*calls)
    assert [len(batch) for batch in gate.batches] == [1, 10]
    await commit.close()


async def test_many_callers_keep_two_commits_under_way_on_different_streams(gate: Gate) -> None:
    commit = over(gate, T0)
    gate.open.clear()
    calls = [commit.submit(write(f"a-{n // 2}", n % 2, f"n{n}")) for n in range(200)]
    await asyncio.sleep(0.01)
    assert len(gate.batches) == 2
    first, second = ({w.stream for w in batch} for batch in gate.batches)
    assert not first & second
    gate.open.set()
    assert all(isinstance(result, Written) for result in await asyncio.gather(*calls))
    assert all(len(batch) <= BATCH_MAX for batch in gate.batches)
    await commit.close()


async def test_writes_of_one_stream_keep_the_order_of_their_calls(gate: Gate) -> None:
    commit = over(gate, T0)
    calls = [commit.submit(write("a-1", n, f"n{n}")) for n in range(3000)]
    assert all(isinstance(result, Written) for result in await asyncio.gather(*calls))
    assert labels(await whole(gate)) == [f"n{n}" for n in range(3000)]
    assert all(len(batch) <= BATCH_MAX for batch in gate.batches)
    await commit.close()


async def test_a_busy_stream_keeps_its_order_among_others(gate: Gate) -> None:
    commit = over(gate, T0)
    calls = [
        commit.submit(one)
        for n in range(1500)
        for one in (write("hot-1", n, f"n{n}"), *[write(f"c{i}-{n}", 0, "c") for i in range(3)])
    ]
    assert all(isinstance(result, Written) for result in await asyncio.gather(*calls))
    assert labels(await gate.select("hot-1")) == [f"n{n}" for n in range(1500)]
    await commit.close()


@pytest.mark.parametrize("failure", [Unavailable("disk full"), RuntimeError("a bug")])
async def test_an_error_reaches_its_callers_and_the_next_ones_are_served(
    gate: Gate, failure: Exception
) -> None:
    commit = over(gate, T0)
    gate.failure = failure
    calls = [commit.submit(write(f"a-{n}", 0, "x")) for n in range(5)]
    results = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 5)
    assert results == [failure] * 5
    gate.failure = None
    assert isinstance(await commit.submit(write("a-1", 0, "x")), Written)
    await commit.close()


async def test_a_value_error_that_no_item_causes_ends_too(gate: Gate) -> None:
    commit = over(gate, T0)
    gate.failure = ValueError("a bug")
    with pytest.raises(ValueError, match="a bug"):
        await asyncio.wait_for(commit.submit(write("a-1", 0, "x")), 5)
    await commit.close()


async def test_too_many_waiting_are_turned_away_at_once(gate: Gate) -> None:
    commit = GroupCommit(gate.flush, stream=lambda w: w.stream, pending_max=3)
    gate.open.clear()
    under_way = commit.submit(write("a-0", 0, "x"))
    await asyncio.sleep(0.01)
    waiting = [commit.submit(write(f"b-{n}", 0, "x")) for n in range(3)]
    await asyncio.sleep(0.01)
    with pytest.raises(Full, match="3 are waiting"):
        commit.submit(write("c-1", 0, "x"))
    gate.open.set()
    results = await asyncio.gather(under_way, *waiting)
    assert all(isinstance(result, Written) for result in results)
    await commit.close()


async def test_a_caller_that_gave_up_does_not_disturb_others(gate: Gate) -> None:
    commit = over(gate, T0)
    gate.open.clear()
    gone = commit.submit(write("a-1", 0, "x"))
    stays = commit.submit(write("b-1", 0, "y"))
    await asyncio.sleep(0.01)
    gone.cancel()
    await asyncio.sleep(0.01)
    gate.open.set()
    assert isinstance(await asyncio.wait_for(stays, 5), Written)
    repeated = await commit.submit(write("a-1", 0, "x"))
    assert isinstance(repeated, Known)  # the cancelled write was committed
    await commit.close()


async def test_closing_drains_what_is_in_and_turns_away_the_rest(gate: Gate) -> None:
    commit = over(gate, T0)
    gate.open.clear()
    calls = [commit.submit(write(f"a-{n}", 0, "x")) for n in range(60)]
    await asyncio.sleep(0.01)
    closing = asyncio.create_task(commit.close())
    await asyncio.sleep(0.01)
    with pytest.raises(Closed):
        commit.submit(write("late-1", 0, "x"))
    assert not closing.done()
    gate.open.set()
    await asyncio.wait_for(closing, 5)
    assert all(isinstance(result, Written) for result in await asyncio.gather(*calls))


class Shelf:
    """Commits items 'stream<read,read' while open; records which items were under way together."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.batches: list[list[str]] = []
        self.beside: list[tuple[str, str]] = []
        self._under_way: list[str] = []
        self.commit = GroupCommit(self._flush, stream=self.stream, reads=self.reads)

    @staticmethod
    def stream(item: str) -> str:
        return item.split("<", maxsplit=1)[0]

    @staticmethod
    def reads(item: str) -> list[str]:
        return [name for name in item.partition("<")[2].split(",") if name]

    async def _flush(self, batch: Sequence[str]) -> list[str]:
        self.batches.append(list(batch))
        self.beside += [(mine, other) for mine in batch for other in self._under_way]
        self._under_way += batch
        await self.open.wait()
        for _ in range(9):  # long enough for the next to gather
            await asyncio.sleep(0)
        for item in batch:
            self._under_way.remove(item)
        return list(batch)


def touch(one: str, other: str) -> bool:
    """Whether either writes what the other writes or reads."""
    a, b = Shelf.stream(one), Shelf.stream(other)
    return a == b or a in Shelf.reads(other) or b in Shelf.reads(one)


async def test_nothing_is_under_way_beside_what_it_reads_or_what_reads_it() -> None:
    shelf = Shelf()
    shelf.open.set()
    dice = random.Random(5)
    names = [f"s{n}" for n in range(2000)]
    answers = []
    for n in range(3000):
        reads = ",".join(dice.sample(names, dice.randrange(3)))
        answers.append(shelf.commit.submit(f"{dice.choice(names)}<{reads}"))
        if not n % 7:
            await asyncio.sleep(0)
    await asyncio.wait_for(asyncio.gather(*answers), 10)
    assert shelf.beside  # some items were under way together
    assert not [pair for pair in shelf.beside if touch(*pair)]
    await shelf.commit.close()


async def test_a_stream_that_everybody_reads_is_written_all_the_same() -> None:
    shelf = Shelf()
    shelf.open.set()
    written: asyncio.Future[str] | None = None
    going = True

    async def reader(n: int) -> int:
        count = 0
        while going:
            await shelf.commit.submit(f"a{n}<rates")
            count += 1
        return count

    readers = [asyncio.create_task(reader(n)) for n in range(200)]
    await asyncio.sleep(0.01)
    written = shelf.commit.submit("rates")
    await asyncio.wait_for(written, 5)
    going = False
    assert min(await asyncio.gather(*readers)) > 0
    await shelf.commit.close()


async def test_items_in_order_have_no_batch_beside_theirs() -> None:
    shelf = Shelf()
    before = [shelf.commit.submit(f"a{n}") for n in range(50)]
    await asyncio.sleep(0.01)
    in_order = shelf.commit.submit_in_order([f"b{n}" for n in range(1500)])
    after = [shelf.commit.submit(f"c{n}") for n in range(100)]
    await asyncio.sleep(0.01)
    assert [item for batch in shelf.batches for item in batch] == [f"a{n}" for n in range(50)]
    shelf.open.set()
    await asyncio.wait_for(asyncio.gather(*before, *in_order, *after), 5)
    assert [item for batch in shelf.batches for item in batch if item[0] == "b"] == [
        f"b{n}" for n in range(1500)
    ]
    assert not [pair for pair in shelf.beside if pair[0][0] == "b" or pair[1][0] == "b"]
    await shelf.commit.close()
