"""Rebuild and replay views whose partitions are at different positions."""

from collections.abc import AsyncIterator

import pytest

from adapters.bus.partition_log import PartitionLog
from adapters.log.event_log import RecorderLog
from adapters.operations.rebuild import rebuild, replay
from adapters.postgres.views.sink import PostgresSink
from projections.engine.runner import Runner
from projections.ledger import balances, trial_balance
from projections.ports import View
from projections.trading import orders
from tests.golden import log as golden_log
from tests.unit.adapters.bus_world import inline

VIEWS: tuple[View, ...] = (balances, trial_balance, orders)
PARTITIONS = 4


class Apart:
    """Views over the golden log; each partition is a quarter of the log ahead of the one before."""

    def __init__(self, url: str, log: RecorderLog, last: int) -> None:
        self.log, self.last = log, last
        self.stands = [last * (p + 1) // PARTITIONS for p in range(PARTITIONS)]
        self.sinks = [
            PostgresSink(url, partition=p, partitions=PARTITIONS) for p in range(PARTITIONS)
        ]

    async def fold(self, stands: list[int]) -> None:
        for p, (sink, until) in enumerate(zip(self.sinks, stands, strict=True)):
            runner = Runner(PartitionLog(self.log, p, PARTITIONS), sink, VIEWS)
            await runner.step(limit=100_000, until=until, complete=True)
            assert set((await runner.positions()).values()) == {until}


@pytest.fixture
async def apart(database_url: str) -> AsyncIterator[Apart]:
    log = await golden_log.loaded(golden_log.read_rows())
    world = Apart(database_url, log, await log.last())
    await world.sinks[0].prepare(VIEWS)
    await world.fold(world.stands)
    yield world
    for sink in world.sinks:
        await sink.close()


async def test_a_replay_folds_each_partition_to_its_position(apart: Apart) -> None:
    for found in await replay(apart.log, apart.sinks[0], VIEWS):
        assert found.equal, found
        assert found.live.position == apart.stands[0]
        assert found.live.rows > 0


async def test_a_replay_finds_a_row_that_was_changed_in_one_partition(apart: Apart) -> None:
    async with apart.sinks[0].transaction() as connection:
        changed = await connection.execute("update views.balances set debit = debit + 1")
        assert changed.rowcount
    equal = {r.live.view: r.equal for r in await replay(apart.log, apart.sinks[0], VIEWS)}
    assert equal == {"balances": False, "trial_balance": True, "orders": True}


@pytest.mark.parametrize("view", VIEWS, ids=lambda v: v.NAME)
async def test_a_rebuild_is_equal_and_every_partition_goes_on_from_its_own_place(
    apart: Apart, view: View
) -> None:
    report = await rebuild(apart.log, apart.sinks[0], view)
    assert report.equal and report.swapped and report.rows > 0
    stands = [(await sink.positions([view.NAME]))[view.NAME] for sink in apart.sinks]
    assert stands == apart.stands
    await apart.fold([apart.last] * PARTITIONS)
    assert await apart.sinks[0].checksums(VIEWS) == await inline(apart.log, VIEWS)
