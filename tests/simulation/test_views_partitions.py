"""Views in partitions: for any count and any interleaving, the rows equal those of one fold.

Over two logs: the golden one, which holds many types of events, and a simulated fortnight.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.bus.page import PARTITIONS, partition_of
from adapters.host.entropy import SeededEntropy
from adapters.log.codec import Codec
from adapters.log.event_log import RecorderLog
from adapters.memory.disk import Disk
from adapters.memory.sink import MemorySink
from domain.shared.envelope import Envelope
from projections.catalogue import VIEWS
from projections.engine.runner import Runner
from projections.engine.shard import shard
from projections.ports import Checksum, Key
from simulation.killed import live
from simulation.run import Spec
from tests.golden import log as golden_log
from tests.unit.projections.view_log import ListLog

SPEC = Spec(first=date(2022, 5, 23), last=date(2022, 6, 3), accounts=8, seed=2)
Logs = dict[str, Sequence[Envelope]]


@pytest.fixture(scope="module")
def logs() -> Logs:
    async def read() -> Logs:
        golden = await golden_log.loaded(golden_log.read_rows())
        return {"golden": await golden.after(0, limit=100_000), "simulated": await simulated()}

    return asyncio.run(read())


async def simulated() -> Sequence[Envelope]:
    entropy = SeededEntropy(SPEC.seed)
    disk = await Disk.after((await live(SPEC)).journal, entropy)
    log = RecorderLog(disk.recorder, Codec(disk.keys, entropy), request_key=b"")
    return await log.after(0, limit=100_000)


@pytest.fixture(scope="module")
def inline(logs: Logs) -> dict[str, list[Checksum]]:
    """The checksums of one fold of each whole log."""
    whole = {name: in_partitions(events, 1, random.Random(0)) for name, events in logs.items()}
    return {name: asyncio.run(folding) for name, folding in whole.items()}


async def in_partitions(
    events: Sequence[Envelope], partitions: int, dice: random.Random
) -> list[Checksum]:
    """Fold a log in partitions, one page of random size of a random partition at a time."""
    sink, last = MemorySink(), events[-1].position
    runners = []
    for p in range(partitions):
        part = sink.part(p, partitions)
        await part.prepare(VIEWS)
        log = ListLog([e for e in events if partition_of(e.home, partitions) == p])
        runners.append(Runner(log, part, VIEWS))
    going = list(runners)
    while going:
        runner = dice.choice(going)
        await runner.step(limit=dice.choice((1, 7, 50, 1_000)), until=last, complete=True)
        assert not runner.stuck, runner.stuck
        if set((await runner.positions()).values()) == {last}:
            going.remove(runner)
    return [await sink.checksum(view) for view in VIEWS]


def test_the_logs_are_worth_the_test(logs: Logs) -> None:
    assert len(logs["golden"]) > 200
    assert len(logs["simulated"]) > 500
    for events in logs.values():
        assert {shard(e.home) % 4 for e in events} == {0, 1, 2, 3}


def test_every_row_of_every_view_is_fed_from_one_shard(logs: Logs) -> None:
    for name, events in logs.items():
        fed: dict[tuple[str, Key], set[int]] = defaultdict(set)
        for arrived in events:
            for view in VIEWS:
                for key, _ in view.facts(arrived):
                    fed[view.NAME, key].add(shard(arrived.home))
        assert len(fed) > 200
        mixed = {key: shards for key, shards in fed.items() if len(shards) > 1}
        assert not mixed, (name, mixed)


@pytest.mark.parametrize("name", ["golden", "simulated"])
@given(partitions=st.sampled_from(PARTITIONS), seed=st.integers(0, 1 << 30))
@settings(max_examples=25)
async def test_any_partitions_in_any_interleaving_give_the_rows_of_one_fold(
    logs: Logs, inline: dict[str, list[Checksum]], name: str, partitions: int, seed: int
) -> None:
    assert await in_partitions(logs[name], partitions, random.Random(seed)) == inline[name]
