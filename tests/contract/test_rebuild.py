"""Rebuilding beside the live view, and proving that what is served is what the log says."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import psycopg
import pytest

from adapters.memory_sink import MemorySink
from adapters.postgres_sink import PostgresSink
from adapters.rebuild import RebuildFailed, rebuild, replay
from domain.envelope import Envelope
from projections.ports import View
from projections.runner import Runner
from tests.unit.listening import Listening, said
from tests.unit.view_log import GAP, ListLog

VIEW = Listening("heard")
OTHER = Listening("also_heard")
WORDS = [f"{account}:w{i}" for i in range(20) for account in "ABC"]


@pytest.fixture
async def sink(database_url: str) -> AsyncIterator[PostgresSink]:
    opened = await PostgresSink.connect(database_url)
    await opened.prepare([VIEW, OTHER])
    yield opened
    await opened.close()


async def fold(log: ListLog, sink: PostgresSink, *views: View) -> Runner:
    runner = Runner(log, sink, views)
    while (await runner.step(limit=7)).events:
        pass
    return runner


def execute(url: str, sql: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql)


async def test_a_rebuild_of_a_sound_view_is_equal_and_takes_its_place(sink: PostgresSink) -> None:
    log = said(*WORDS)
    await fold(log, sink, VIEW)
    before = await sink.checksum(VIEW)
    report = await rebuild(log, sink, VIEW)
    assert (report.view, report.rows, report.equal, report.swapped) == ("heard", 3, True, True)
    assert report.position == 60 * GAP
    assert report.differences == ()
    assert await sink.checksum(VIEW) == before


async def test_a_rebuild_mends_what_was_wrong_and_shows_it(
    sink: PostgresSink, database_url: str
) -> None:
    log = said(*WORDS)
    await fold(log, sink, VIEW)
    right = await sink.checksum(VIEW)
    execute(database_url, "update views.heard set words = 'lies' where account_id = 'B'")
    execute(database_url, "delete from views.heard where account_id = 'C'")
    execute(database_url, "insert into views.heard values (0, 'D', 'more lies')")
    report = await rebuild(log, sink, VIEW)
    assert (report.equal, report.different) == (False, 3)
    told = [
        (d.live and d.live["words"], d.rebuilt and d.rebuilt["account_id"])
        for d in report.differences
    ]
    assert told == [("lies", "B"), (None, "C"), ("more lies", None)]
    assert await sink.checksum(VIEW) == right


async def test_a_comparison_without_a_swap_leaves_everything_as_it_was(
    sink: PostgresSink, database_url: str
) -> None:
    log = said(*WORDS)
    await fold(log, sink, VIEW)
    execute(database_url, "update views.heard set words = 'lies' where account_id = 'B'")
    wrong = await sink.checksum(VIEW)
    report = await rebuild(log, sink, VIEW, swap=False)
    assert (report.equal, report.swapped) == (False, False)
    assert await sink.checksum(VIEW) == wrong


async def test_the_running_view_goes_on_from_the_new_table(
    sink: PostgresSink, database_url: str
) -> None:
    log = said(*WORDS[:30])
    runner = await fold(log, sink, VIEW)
    execute(database_url, "update views.heard set words = 'lies'")
    await rebuild(log, sink, VIEW)
    log.envelopes = said(*WORDS).envelopes
    while (await runner.step()).events:  # the same runner, with rows of the old table in memory
        pass
    (replayed,) = await replay(log, sink, [VIEW])
    assert replayed.equal
    assert replayed.live.position == 60 * GAP


async def test_a_view_that_keeps_moving_is_rebuilt_without_losing_an_event(
    sink: PostgresSink,
) -> None:
    log, every = ListLog(), said(*(WORDS * 10)).envelopes
    runner = Runner(log, sink, [VIEW])

    async def live() -> None:
        for arrived in every:
            log.envelopes.append(arrived)
            await runner.step()

    running = asyncio.create_task(live())
    reports = [await rebuild(log, sink, VIEW) for _ in range(5)]
    await running
    assert all(report.equal for report in reports)
    assert len({report.position for report in reports}) > 1, "it did not move"
    (replayed,) = await replay(log, sink, [VIEW])
    assert replayed.equal
    assert replayed.live.position == every[-1].position


async def test_a_view_with_new_columns_is_rebuilt_over_the_old_table(
    sink: PostgresSink, database_url: str
) -> None:
    log = said(*WORDS)
    await fold(log, sink, VIEW)
    execute(database_url, "alter table views.heard drop column words")
    report = await rebuild(log, sink, VIEW)
    assert (report.equal, report.different, report.swapped) == (False, 3, True)
    (replayed,) = await replay(log, sink, [VIEW])
    assert replayed.equal


async def test_what_an_interrupted_rebuild_left_does_not_get_into_the_next(
    sink: PostgresSink, database_url: str
) -> None:
    log = said(*WORDS)
    await fold(log, sink, VIEW)

    class Breaks(ListLog):
        async def after(
            self, position: int, /, *, limit: int, until: int | None = None
        ) -> Sequence[Envelope]:
            if position >= 30 * GAP:
                raise ConnectionError("cut")
            return await super().after(position, limit=7, until=until)

    with pytest.raises(ConnectionError):
        await rebuild(Breaks(log.envelopes), sink, VIEW)
    execute(database_url, "update views_next.heard set words = 'lies'")
    assert (await rebuild(log, sink, VIEW)).equal


async def test_a_view_that_cannot_fold_an_event_is_not_rebuilt_and_says_which(
    sink: PostgresSink,
) -> None:
    log = said(*WORDS)
    await fold(log, sink, VIEW)
    before = await sink.checksum(VIEW)
    with pytest.raises(RebuildFailed, match="account-A@5"):
        await rebuild(log, sink, Listening("heard", deaf="w4"))
    assert await sink.checksum(VIEW) == before


async def test_a_replay_finds_the_view_that_was_changed_behind_its_back(
    sink: PostgresSink, database_url: str
) -> None:
    log = said(*WORDS)
    await fold(log, sink, VIEW, OTHER)
    assert [r.equal for r in await replay(log, sink, [VIEW, OTHER])] == [True, True]
    execute(database_url, "update views.heard set words = words || '.' where account_id = 'A'")
    assert [r.equal for r in await replay(log, sink, [VIEW, OTHER])] == [False, True]


async def test_a_replay_holds_each_view_against_the_log_up_to_where_it_stands(
    sink: PostgresSink,
) -> None:
    log = said(*WORDS)
    await Runner(log, sink, [VIEW]).step(limit=13)
    await fold(log, sink, OTHER)
    one, other = await replay(log, sink, [VIEW, OTHER])
    assert (one.equal, one.live.position) == (True, 13 * GAP)
    assert (other.equal, other.live.position) == (True, 60 * GAP)


async def test_memory_and_postgres_agree_on_every_hash(sink: PostgresSink) -> None:
    log, memory = said(*WORDS), MemorySink()
    await memory.prepare([VIEW])
    await fold(log, sink, VIEW)
    runner = Runner(log, memory, [VIEW])
    while (await runner.step()).events:
        pass
    assert await memory.checksum(VIEW) == await sink.checksum(VIEW)
