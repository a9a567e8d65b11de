"""The inline runner: it follows the log, reports its position, and survives errors."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy

import pytest

from adapters.memory.sink import MemorySink
from domain.shared.envelope import Envelope
from projections.engine.runner import NEAR_PAGE, PAGE
from projections.ports import Change, Checksum
from streams import reread_timer
from streams.views import inline
from streams.views.inline import InlineRunner
from tests.unit.projections.listening import Listening, said
from tests.unit.projections.view_log import GAP, ListLog

PATIENCE_S = 10.0


class Tail(ListLog):
    """A log with `wait`; the test may break it at a position for a while."""

    def __init__(self, envelopes: Sequence[Envelope] = ()) -> None:
        super().__init__(envelopes)
        self.broken_at: int | None = None
        self._grown = asyncio.Event()

    def append(self, *envelopes: Envelope) -> None:
        self.envelopes += envelopes
        self._grown.set()

    async def after(
        self, position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Envelope]:
        page = await super().after(position, limit=limit, until=until)
        if any(arrived.position == self.broken_at for arrived in page):
            raise ValueError(f"unreadable at {self.broken_at}")
        return page

    async def wait(self, position: int, /, *, timeout_s: float) -> bool:
        if await self.last() <= position:
            self._grown.clear()
            await asyncio.wait_for(self._grown.wait(), timeout_s)
        return True


@asynccontextmanager
async def running(runner: InlineRunner) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(runner.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, PATIENCE_S)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await asyncio.sleep(0.01)


async def test_catching_up_folds_all_there_is_and_says_how_far() -> None:
    log, sink, view = Tail(said("A:x", "B:y").envelopes), MemorySink(), Listening()
    runner = InlineRunner(log, sink, [view])
    assert runner.watermark() == 0
    assert await runner.catch_up() == 2
    assert runner.watermark() == 2 * GAP
    assert await runner.lag() == 0
    assert len(sink.rows(view)) == 2


async def test_catching_up_stops_at_the_position_asked_for() -> None:
    runner = InlineRunner(Tail(said("A:x", "B:y", "C:z").envelopes), MemorySink(), [Listening()])
    assert await runner.catch_up(until=2 * GAP) == 2
    assert (runner.watermark(), await runner.lag()) == (2 * GAP, GAP)


async def test_a_running_runner_follows_the_log() -> None:
    log, every = Tail(), said("A:x", "B:y", "A:z").envelopes
    runner = InlineRunner(log, MemorySink(), [Listening()])
    async with running(runner):
        for arrived in every:
            log.append(arrived)
            assert await runner.wait_for(arrived.position, timeout_s=PATIENCE_S)


async def test_waiting_for_what_does_not_come_is_bounded() -> None:
    runner = InlineRunner(Tail(said("A:x").envelopes), MemorySink(), [Listening()])
    async with running(runner):
        assert await runner.wait_for(GAP, timeout_s=PATIENCE_S)
        assert not await runner.wait_for(GAP + 1, timeout_s=0.05)


async def test_listeners_get_saved_changes_until_they_leave() -> None:
    log, every = Tail(), said("A:x", "B:y").envelopes
    runner, result = InlineRunner(log, MemorySink(), [Listening()]), list[Change]()
    leave = runner.listen(result.extend)
    log.append(every[0])
    await runner.catch_up()
    assert [list(change.rows) for change in result] == [[("A",)]]
    leave()
    log.append(every[1])
    await runner.catch_up()
    assert len(result) == 1


async def test_pages_are_short_near_the_end_and_grow_with_what_waits() -> None:
    events = said(*["A:x"] * 2_001).envelopes
    log, asked = Tail(events[:-1]), list[int]()
    read = log.after

    async def after(
        position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Envelope]:
        asked.append(limit)
        return await read(position, limit=limit, until=until)

    log.after = after  # type: ignore[method-assign]
    runner = InlineRunner(log, MemorySink(), [Listening()])
    await runner.catch_up()
    assert asked[:3] == [NEAR_PAGE, 2 * NEAR_PAGE, PAGE]
    asked.clear()
    log.append(events[-1])
    await runner.catch_up()
    assert asked == [NEAR_PAGE, NEAR_PAGE]


async def test_an_unreadable_event_stops_the_views_right_before_it_and_is_shown() -> None:
    log = Tail(said(*["A:x"] * 20).envelopes)
    log.broken_at = 14 * GAP
    runner = InlineRunner(log, MemorySink(), [Listening()])
    async with running(runner):
        await until(lambda: runner.watermark() == 13 * GAP and runner.fault is not None)
        assert runner.fault == f"ValueError: unreadable at {14 * GAP}"
        log.broken_at = None  # repaired
        assert await runner.wait_for(20 * GAP, timeout_s=PATIENCE_S)
        await until(lambda: runner.fault is None)


async def test_a_stuck_view_is_shown_and_does_not_hold_up_the_others() -> None:
    log = Tail(said("A:x", "A:bad", "A:z").envelopes)
    views = [Listening("sound"), Listening("sick", deaf="bad")]
    runner = InlineRunner(log, MemorySink(), views)
    async with running(runner):
        assert await runner.wait_for(3 * GAP, timeout_s=PATIENCE_S, views=["sound"])
        assert not await runner.wait_for(3 * GAP, timeout_s=0.05)
    assert [(s.view, s.stream, s.version) for s in runner.stuck] == [("sick", "account-A", 2)]
    assert (runner.watermark(), runner.positions["sound"]) == (GAP, 3 * GAP)


async def test_a_runner_with_nothing_left_to_move_does_not_spin() -> None:
    class Counting(Tail):
        reads = 0

        async def after(
            self, position: int, /, *, limit: int, until: int | None = None
        ) -> Sequence[Envelope]:
            self.reads += 1
            return await super().after(position, limit=limit, until=until)

        async def wait(self, position: int, /, *, timeout_s: float) -> bool:
            self.reads += 1
            return await super().wait(position, timeout_s=timeout_s)

    for views in ([Listening("sick", deaf="bad")], [Listening("sound")]):
        log = Counting(said("A:x", "A:bad", "A:z").envelopes)
        async with running(InlineRunner(log, MemorySink(), views)):
            await asyncio.sleep(0.3)
        assert log.reads < 10


async def test_a_store_that_was_away_is_tried_again() -> None:
    class Away(MemorySink):
        away = True

        async def save(self, changes: Sequence[Change], /) -> None:
            if self.away:
                raise ConnectionError("no server")
            await super().save(changes)

    sink = Away()
    runner = InlineRunner(Tail(said("A:x", "B:y").envelopes), sink, [Listening()])
    async with running(runner):
        await until(lambda: runner.fault == "ConnectionError: no server")
        sink.away = False
        assert await runner.wait_for(2 * GAP, timeout_s=PATIENCE_S)


async def test_an_idle_store_that_lost_its_last_commits_is_folded_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reread_timer, "TRUST_S", 0.05)
    monkeypatch.setattr(inline, "WAIT_S", 0.05)
    view, sink, events = Listening(), MemorySink(), said("A:x", "A:y", "B:z").envelopes
    log = Tail(events[:1])
    runner = InlineRunner(log, sink, [view])
    async with running(runner):
        await runner.wait_for(GAP, timeout_s=PATIENCE_S)
        before = deepcopy(sink._kept)
        log.append(*events[1:])
        await runner.wait_for(3 * GAP, timeout_s=PATIENCE_S)
        whole = await sink.checksum(view)
        sink._kept.tables, sink._kept.positions = before.tables, before.positions
        assert await sink.checksum(view) != whole
        await eventually(sink, view, whole)


async def test_who_has_the_views_catch_up_relies_on_what_their_store_has() -> None:
    view, sink = Listening(), MemorySink()
    runner = InlineRunner(Tail(said("A:x", "A:y").envelopes), sink, [view])
    await runner.catch_up(until=GAP)
    before = deepcopy(sink._kept)
    await runner.catch_up()
    whole = await sink.checksum(view)
    sink._kept.tables, sink._kept.positions = before.tables, before.positions
    await runner.catch_up()
    assert await sink.checksum(view) == whole


async def eventually(sink: MemorySink, view: Listening, sum_: Checksum) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await sink.checksum(view) != sum_:
            await asyncio.sleep(0.01)


async def test_a_runner_that_another_overtook_knows_where_the_views_are_and_does_not_spin() -> None:
    class Counting(Tail):
        waits = 0

        async def wait(self, position: int, /, *, timeout_s: float) -> bool:
            self.waits += 1
            return await super().wait(position, timeout_s=timeout_s)

    log, sink, view = Counting(said("A:x").envelopes), MemorySink(), Listening()
    mine, other = InlineRunner(log, sink, [view]), InlineRunner(log, sink, [view])
    await mine.catch_up()
    log.envelopes += said("A:x", "A:y").envelopes[1:]
    await other.catch_up()
    async with running(mine):
        assert await mine.wait_for(2 * GAP, timeout_s=PATIENCE_S)
        log.waits = 0
        await asyncio.sleep(0.2)
    assert log.waits < 10
