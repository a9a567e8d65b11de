"""Both sinks under the contract suite, and faults that only Postgres has."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from adapters.log.recorder import Unavailable
from adapters.memory.sink import MemorySink
from adapters.postgres.views.sink import PostgresSink
from projections.ports import Expelled, Sink, Unstorable
from tests.contract.views.sink_suite import ROW, A, B, SinkSuite, change


class TestMemory(SinkSuite):
    @pytest.fixture
    def sink(self) -> Sink:
        return MemorySink()

    def again(self, sink: Sink) -> Sink:
        return sink

    def part(self, sink: Sink, partition: int, partitions: int) -> Sink:
        assert isinstance(sink, MemorySink)
        return sink.part(partition, partitions)


class TestPostgres(SinkSuite):
    @pytest.fixture
    async def sink(self, database_url: str) -> AsyncIterator[Sink]:
        self._opened = [await PostgresSink.connect(database_url)]
        yield self._opened[0]
        for sink in self._opened:
            await sink.close()

    def again(self, sink: Sink) -> Sink:
        assert isinstance(sink, PostgresSink)
        self._opened.append(PostgresSink(sink.url))
        return self._opened[-1]

    def part(self, sink: Sink, partition: int, partitions: int) -> Sink:
        assert isinstance(sink, PostgresSink)
        one = PostgresSink(sink.url, partition=partition, partitions=partitions)
        self._opened.append(one)
        return one


@pytest.fixture
async def sink(database_url: str) -> AsyncIterator[PostgresSink]:
    opened = await PostgresSink.connect(database_url)
    await opened.prepare([A, B])
    yield opened
    await opened.close()


async def test_both_sinks_hash_the_same_rows_alike(sink: PostgresSink) -> None:
    memory = MemorySink()
    await memory.prepare([A])
    names = ("a", "B", "é", "\uffff", "\U00010000", "a b", "a-b")
    rows = [
        replace(ROW, name=n, number=i, amount=Decimal(f"{i}.50")) for n in names for i in (1, 9)
    ]
    for each in (memory, sink):
        await each.save([change(A, *rows, before=0, after=1)])
    assert await sink.checksum(A) == await memory.checksum(A)


async def test_the_key_order_of_the_database_is_that_of_code_points(sink: PostgresSink) -> None:
    names = ["", "Z", "a", "ä", "\ud7ff", "\uffff", "\U00010000"]
    await sink.save([change(A, *(replace(ROW, name=n) for n in names), before=0, after=1)])
    async with sink.snapshot() as connection:
        found: list[Any] = [row async for rows in sink.scan(connection, A) for row in rows]
    assert [row.name for row in found] == names


async def test_more_rows_than_one_statement_takes(sink: PostgresSink) -> None:
    rows = [replace(ROW, number=i) for i in range(12_000)]
    await sink.save([change(A, *rows, before=0, after=1)])
    assert (await sink.checksum(A)).rows == 12_000
    gone = [("n", i) for i in range(11_000)]
    await sink.save([change(A, before=1, after=2, gone=gone)])
    assert (await sink.checksum(A)).rows == 1_000


async def test_a_value_without_a_place_is_unstorable_and_nothing_is_written(
    sink: PostgresSink,
) -> None:
    with pytest.raises(Unstorable):
        await sink.save(
            [
                change(B, ROW, before=0, after=1),
                change(A, replace(ROW, text="nul \0"), before=0, after=1),
            ]
        )
    assert await sink.positions(["view_a", "view_b"]) == {"view_a": 0, "view_b": 0}
    assert await sink.load(B, [("n", 1)]) == {}
    await sink.save([change(B, ROW, before=0, after=1)])


async def test_a_connection_lost_in_the_middle_leaves_nothing_half_written(
    sink: PostgresSink, database_url: str
) -> None:
    await sink.save([change(A, ROW, before=0, after=1)])
    with psycopg.connect(database_url, autocommit=True) as other, other.transaction():
        other.execute("lock table views.view_b")  # the save writes view_a, then waits
        saving = sink.save(
            [
                change(A, replace(ROW, text="new"), before=1, after=2),
                change(B, ROW, before=0, after=2),
            ]
        )
        with pytest.raises(Unavailable):
            await _killed(saving, database_url)
    assert await sink.positions(["view_a", "view_b"]) == {"view_a": 1, "view_b": 0}
    assert await sink.load(A, [("n", 1)]) == {("n", 1): ROW}


async def _killed(saving: Any, database_url: str) -> None:
    """Await `saving`; another session terminates its connection once it waits for a lock."""

    async def kill() -> None:
        sql = (
            "select count(pg_terminate_backend(pid)) from pg_stat_activity "
            "where application_name = 'views' and wait_event_type = 'Lock' "
            "and datname = current_database()"
        )
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as c:
            while not (await (await c.execute(sql)).fetchone() or (0,))[0]:
                await asyncio.sleep(0.01)

    killing = asyncio.create_task(kill())
    try:
        await saving
    finally:
        await killing


async def test_a_save_that_is_cancelled_leaves_nothing_and_the_next_one_goes_through(
    sink: PostgresSink,
) -> None:
    one = change(A, ROW, before=0, after=5)
    async with sink.transaction() as other:
        await other.execute(f"lock table {sink.table(A).name}")
        saving = asyncio.create_task(sink.save([one]))
        await asyncio.sleep(0.2)  # its checkpoint is written, its rows wait
        saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saving
    assert await sink.positions(["view_a"]) == {"view_a": 0}
    assert await sink.load(A, [("n", 1)]) == {}
    await sink.save([one])
    assert await sink.positions(["view_a"]) == {"view_a": 5}
    assert await sink.load(A, [("n", 1)]) == {("n", 1): ROW}


async def test_a_runner_whose_table_was_replaced_is_expelled(
    sink: PostgresSink, database_url: str
) -> None:
    await sink.positions(["view_a"])
    await sink.save([change(A, ROW, before=0, after=1)])
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("update views.checkpoints set generation = generation + 1")
    with pytest.raises(Expelled):
        await sink.save([change(A, ROW, before=1, after=2)])
    await sink.positions(["view_a"])
    await sink.save([change(A, ROW, before=1, after=2)])


async def test_rows_changed_behind_the_cache_are_read_again_after_an_expulsion(
    sink: PostgresSink, database_url: str
) -> None:
    other = await PostgresSink.connect(database_url)
    try:
        await sink.save([change(A, ROW, before=0, after=1)])
        newer = replace(ROW, text="theirs")
        await other.save([change(A, newer, before=1, after=2)])
        with pytest.raises(Expelled):
            await sink.save([change(A, replace(ROW, text="ours"), before=1, after=2)])
        assert await sink.load(A, [("n", 1)]) == {("n", 1): newer}
    finally:
        await other.close()


async def test_checkpoints_of_an_older_release_are_one_partition_and_are_kept(
    sink: PostgresSink, database_url: str
) -> None:
    await sink.save([change(A, ROW, before=0, after=9)])
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("alter table views.checkpoints drop column partitions")
        other.execute("delete from tidemark.migrations where part = 'views' and number > 3")
    again = PostgresSink(database_url)
    try:
        await again.prepare([A, B])
        assert await again.positions(["view_a", "view_b"]) == {"view_a": 9, "view_b": 0}
        assert await again.load(A, [("n", 1)]) == {("n", 1): ROW}
    finally:
        await again.close()


async def test_two_processes_may_prepare_at_once(database_url: str) -> None:
    sinks = [PostgresSink(database_url) for _ in range(4)]
    try:
        await asyncio.gather(*(s.prepare([A, B]) for s in sinks))
        assert await sinks[0].positions(["view_a"]) == {"view_a": 0}
    finally:
        for s in sinks:
            await s.close()


async def test_a_missing_server_is_reported_in_one_line() -> None:
    with pytest.raises(Unavailable) as caught:
        await PostgresSink.connect("postgresql://nobody@/nothing?host=/nonexistent")
    assert "\n" not in str(caught.value) or str(caught.value).startswith("read models:")
