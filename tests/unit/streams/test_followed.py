"""Following views that other processes fold: rows sent once, bounded waits, silence noticed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from adapters.memory.sink import MemorySink
from projections.ledger import cash
from projections.ledger.cash import Cash
from projections.market import marks
from projections.ports import Change, Row, View
from streams.views import followed as module
from streams.views.followed import FollowedViews, ViewsStalled
from tests.unit.adapters.bus_world import MemoryMarks

PARTITIONS = 2


class Tables:
    """Rows and checkpoints as workers write them."""

    def __init__(self) -> None:
        self.stands = {0: 0, 1: 0}
        self.rows: dict[tuple[str, str], Cash] = {}

    def fold(self, partition: int, position: int, *accounts: str) -> None:
        self.stands[partition] = position
        for name in accounts:
            self.rows[name, "USD"] = Cash(account_id=name, currency="USD", position=position)

    async def checkpoints(self) -> Mapping[str, Mapping[int, int]]:
        return {cash.NAME: dict(self.stands)}

    async def changed(
        self, view: View, since: int, *, column: str = "", values: Collection[str] = ()
    ) -> list[Row]:
        found = [r for r in self.rows.values() if r.position > since and view is cash]
        return [r for r in found if not column or getattr(r, column) in values]


class Log:
    at = 0

    async def last(self) -> int:
        return self.at


class World:
    def __init__(self) -> None:
        self.log, self.tables = Log(), Tables()
        sink = MemorySink(partitions=PARTITIONS)
        self.views = FollowedViews(self.log, sink, [cash], tables=self.tables, marks=MemoryMarks())
        self.told: list[tuple[str, int]] = []

    def hear(self, changes: Sequence[Change]) -> None:
        for change in changes:
            for row in change.rows.values():
                self.told.append((getattr(row, "account_id", ""), row.position if row else 0))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(module, "IDLE_S", 0.005)
    monkeypatch.setattr(module, "POLL_S", 0.005)
    monkeypatch.setattr(module, "STUCK_S", 0.0)
    return World


async def eventually(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.002)


@asynccontextmanager
async def running(views: FollowedViews) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(views.run(stop))
    await eventually(lambda: views.positions)
    try:
        yield
    finally:
        stop.set()
        await task


async def test_only_wanted_rows_are_sent_and_each_once(world: Any) -> None:
    one = world()
    one.tables.fold(0, 5, "old")
    one.tables.fold(1, 5)
    one.views.listen(one.hear, wants=lambda: {"cash": {"account_id": ["A", "old"]}})
    async with running(one.views):
        one.tables.fold(0, 10, "A", "B")
        await eventually(lambda: one.told == [("A", 10)])
        one.tables.fold(1, 12, "A")
        await eventually(lambda: one.told == [("A", 10), ("A", 12)])
        one.tables.fold(1, 13)
        await asyncio.sleep(0.03)
    assert one.told == [("A", 10), ("A", 12)]


async def test_a_listener_may_want_all_of_a_view_or_nothing_of_it(world: Any) -> None:
    one = world()
    undo = one.views.listen(one.hear, wants=lambda: {"cash": {}})
    one.views.listen(lambda changes: pytest.fail("not wanted"), wants=lambda: {marks.NAME: {}})
    async with running(one.views):
        one.tables.fold(0, 10, "A", "B")
        await eventually(lambda: len(one.told) == 2)
        undo()
        one.tables.fold(0, 11, "A")
        await asyncio.sleep(0.03)
    assert sorted(one.told) == [("A", 10), ("B", 10)]


async def test_a_views_position_is_that_of_its_slowest_partition(world: Any) -> None:
    one = world()
    async with running(one.views):
        one.tables.fold(0, 10)
        assert not await one.views.wait_for(10, timeout_s=0.05)
        one.tables.fold(1, 12)
        assert await one.views.wait_for(10, timeout_s=1)
        assert one.views.positions == {"cash": 10}


async def test_catching_up_waits_for_the_workers_and_says_so_when_they_do_not_come(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = world()
    waiting = asyncio.create_task(one.views.catch_up(20))
    await asyncio.sleep(0.03)
    assert not waiting.done()
    one.tables.fold(0, 20)
    one.tables.fold(1, 21)
    assert await waiting == 0
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    with pytest.raises(ViewsStalled, match="are at 20, not at 30"):
        await one.views.catch_up(30)


async def test_views_that_do_not_move_behind_the_log_are_a_fault_until_they_do(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STILL_S", 0.03)
    one = world()
    async with running(one.views):
        assert one.views.fault is None
        one.log.at = 7
        await eventually(lambda: "at 0 of 7" in (one.views.fault or ""))
        one.tables.fold(0, 7)
        one.tables.fold(1, 7)
        await eventually(lambda: one.views.fault is None)
