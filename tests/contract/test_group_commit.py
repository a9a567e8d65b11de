"""Group commit: every caller gets its own answer, whatever happens to the others."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from adapters.group_commit import GroupCommit
from adapters.memory_recorder import MemoryRecorder
from adapters.recorder import BATCH_MAX, Known, Result, Unavailable, Write, Written, WrongVersion
from tests.contract.recorder_suite import T0, labels, sealed, whole, write


class Gate(MemoryRecorder):
    """A recorder whose commits wait until they are let through, or fail."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()
        self.open.set()
        self.batches: list[Sequence[Write]] = []
        self.clocks: list[datetime] = []
        self.failure: Exception | None = None

    async def append(self, batch: Sequence[Write], /, *, clock: datetime) -> Sequence[Result]:
        self.batches.append(batch)
        self.clocks.append(clock)
        await self.open.wait()
        await asyncio.sleep(0)
        if self.failure:
            raise self.failure
        return await super().append(batch, clock=clock)


@pytest.fixture
def gate() -> Gate:
    return Gate()


async def test_callers_share_a_commit_and_get_their_own_answers(gate: Gate) -> None:
    commit = GroupCommit(gate)
    results = await asyncio.gather(
        *[commit.append(write(f"a-{n % 10}", 0, f"n{n}"), T0) for n in range(20)]
    )
    assert [len(batch) for batch in gate.batches] == [20]
    assert [type(r) for r in results] == [Written] * 10 + [WrongVersion] * 10
    await commit.close()


async def test_a_lone_caller_waits_for_nobody(gate: Gate) -> None:
    commit = GroupCommit(gate)
    for version in range(3):
        result = await asyncio.wait_for(commit.append(write("a-1", version, "x"), T0), 1)
        assert isinstance(result, Written)
    assert [len(batch) for batch in gate.batches] == [1, 1, 1]
    await commit.close()


async def test_what_comes_during_a_commit_gathers_for_the_next(gate: Gate) -> None:
    commit = GroupCommit(gate)
    gate.open.clear()
    calls = [asyncio.create_task(commit.append(write("a-0", 0, "x"), T0))]
    await asyncio.sleep(0.01)
    calls += [asyncio.create_task(commit.append(write(f"b-{n}", 0, "x"), T0)) for n in range(10)]
    await asyncio.sleep(0.01)
    gate.open.set()
    await asyncio.gather(*calls)
    assert [len(batch) for batch in gate.batches] == [1, 10]
    await commit.close()


async def test_many_callers_keep_two_commits_under_way_on_different_streams(gate: Gate) -> None:
    commit = GroupCommit(gate)
    gate.open.clear()
    calls = [
        asyncio.create_task(commit.append(write(f"a-{n // 2}", n % 2, f"n{n}"), T0))
        for n in range(200)
    ]
    await asyncio.sleep(0.01)
    assert len(gate.batches) == 2
    first, second = ({w.stream for w in batch} for batch in gate.batches)
    assert not first & second
    gate.open.set()
    assert all(isinstance(result, Written) for result in await asyncio.gather(*calls))
    assert all(len(batch) <= BATCH_MAX for batch in gate.batches)
    await commit.close()


async def test_writes_of_one_stream_keep_the_order_of_their_calls(gate: Gate) -> None:
    commit = GroupCommit(gate)
    calls = [asyncio.create_task(commit.append(write("a-1", n, f"n{n}"), T0)) for n in range(3000)]
    assert all(isinstance(result, Written) for result in await asyncio.gather(*calls))
    assert labels(await whole(gate)) == [f"n{n}" for n in range(3000)]
    assert all(len(batch) <= BATCH_MAX for batch in gate.batches)
    await commit.close()


async def test_a_busy_stream_keeps_its_order_among_others(gate: Gate) -> None:
    commit = GroupCommit(gate)
    calls = [
        asyncio.create_task(commit.append(one, T0))
        for n in range(1500)
        for one in (write("hot-1", n, f"n{n}"), *[write(f"c{i}-{n}", 0, "c") for i in range(3)])
    ]
    assert all(isinstance(result, Written) for result in await asyncio.gather(*calls))
    assert labels(await gate.select("hot-1")) == [f"n{n}" for n in range(1500)]
    await commit.close()


async def test_a_batch_is_stamped_with_its_latest_clock(gate: Gate) -> None:
    commit = GroupCommit(gate)
    times = [T0, T0 + timedelta(seconds=5), T0 - timedelta(seconds=5)]
    await asyncio.gather(*[commit.append(write(f"a-{n}", 0, "x"), t) for n, t in enumerate(times)])
    assert gate.clocks == [times[1]]
    await commit.close()


@pytest.mark.parametrize("failure", [Unavailable("disk full"), RuntimeError("a bug")])
async def test_an_error_reaches_its_callers_and_the_next_ones_are_served(
    gate: Gate, failure: Exception
) -> None:
    commit = GroupCommit(gate)
    gate.failure = failure
    calls = [commit.append(write(f"a-{n}", 0, "x"), T0) for n in range(5)]
    results = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 5)
    assert results == [failure] * 5
    gate.failure = None
    assert isinstance(await commit.append(write("a-1", 0, "x"), T0), Written)
    await commit.close()


async def test_a_write_that_cannot_be_stored_never_fails_its_neighbours(gate: Gate) -> None:
    commit = GroupCommit(gate)
    bad = Write(stream="a-\0", expected=0, events=[sealed("a/x")], message_id="m", request_hash=b"")
    calls = [commit.append(w, T0) for w in (write("a-1", 0, "x"), bad, write("b-1", 0, "y"))]
    one, refused, two = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 5)
    assert isinstance(one, Written)
    assert isinstance(refused, ValueError)
    assert isinstance(two, Written)
    assert labels(await whole(gate)) == ["x", "y"]
    await commit.close()


async def test_a_value_error_that_is_nobodys_fault_ends_too(gate: Gate) -> None:
    commit = GroupCommit(gate)
    gate.failure = ValueError("a bug")
    with pytest.raises(ValueError, match="a bug"):
        await asyncio.wait_for(commit.append(write("a-1", 0, "x"), T0), 5)
    await commit.close()


async def test_too_many_waiting_are_turned_away_at_once(gate: Gate) -> None:
    commit = GroupCommit(gate, pending_max=3)
    gate.open.clear()
    under_way = asyncio.create_task(commit.append(write("a-0", 0, "x"), T0))
    await asyncio.sleep(0.01)
    waiting = [asyncio.create_task(commit.append(write(f"b-{n}", 0, "x"), T0)) for n in range(3)]
    await asyncio.sleep(0.01)
    with pytest.raises(Unavailable, match="too many"):
        await commit.append(write("c-1", 0, "x"), T0)
    gate.open.set()
    results = await asyncio.gather(under_way, *waiting)
    assert all(isinstance(result, Written) for result in results)
    await commit.close()


async def test_a_caller_that_gave_up_disturbs_nobody(gate: Gate) -> None:
    commit = GroupCommit(gate)
    gate.open.clear()
    gone = asyncio.create_task(commit.append(write("a-1", 0, "x"), T0))
    stays = asyncio.create_task(commit.append(write("b-1", 0, "y"), T0))
    await asyncio.sleep(0.01)
    gone.cancel()
    await asyncio.sleep(0.01)
    gate.open.set()
    assert isinstance(await asyncio.wait_for(stays, 5), Written)
    repeated = await commit.append(write("a-1", 0, "x"), T0)
    assert isinstance(repeated, Known)  # it had happened all the same
    await commit.close()


async def test_closing_drains_what_is_in_and_turns_away_the_rest(gate: Gate) -> None:
    commit = GroupCommit(gate)
    gate.open.clear()
    calls = [asyncio.create_task(commit.append(write(f"a-{n}", 0, "x"), T0)) for n in range(60)]
    await asyncio.sleep(0.01)
    closing = asyncio.create_task(commit.close())
    await asyncio.sleep(0.01)
    with pytest.raises(Unavailable, match="closing"):
        await commit.append(write("late-1", 0, "x"), T0)
    assert not closing.done()
    gate.open.set()
    await asyncio.wait_for(closing, 5)
    assert all(isinstance(result, Written) for result in await asyncio.gather(*calls))
