"""Faults around a log: lost answers, killed servers and writers, full disks."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from adapters.log.recorder import Known, Stored, Unavailable, Write, Written, WrongVersion
from adapters.postgres.embedded import EmbeddedPostgres
from adapters.postgres.log import tail as postgres_tail
from adapters.postgres.log.recorder import PostgresRecorder
from tests.contract.log.commit import over
from tests.contract.log.recorder_suite import (
    T0,
    append,
    labels,
    read_labels,
    sealed,
    whole,
    write,
)
from tests.contract.log.wire import Wire
from tests.paths import ROOT


@pytest.fixture
async def wire(database_url: str) -> AsyncIterator[Wire]:
    async with Wire(database_url) as between:
        yield between


@pytest.fixture
async def recorder(wire: Wire) -> AsyncIterator[PostgresRecorder]:
    opened = await PostgresRecorder.connect(wire.url, reply_s=1.0, retry_s=3.0)
    yield opened
    await opened.close()


@pytest.fixture
def own_server() -> Iterator[tuple[EmbeddedPostgres, Path]]:
    """A server that a test may kill."""
    folder = Path(tempfile.mkdtemp(prefix="tidemark-test-"))
    server = EmbeddedPostgres(folder)
    server.start()
    try:
        yield server, folder
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def run(database: str, query: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(query.encode())


async def test_calls_that_are_cancelled_while_they_wait_leave_a_log_that_goes_on(
    recorder: PostgresRecorder, database_url: str
) -> None:
    await append(recorder, write("a-1", 0, "x"))
    with psycopg.connect(database_url) as other:
        other.execute("lock table log.events")
        waiting = [
            asyncio.create_task(recorder.read(["a-1"])),
            asyncio.create_task(append(recorder, write("a-1", 1, "cut"))),
        ]
        await asyncio.sleep(0.3)
        for task in waiting:
            task.cancel()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(answer) for answer in answers] == [asyncio.CancelledError] * 2
    assert read_labels((await recorder.read(["a-1"]))["a-1"]) == ["x"]
    assert [type(r) for r in await append(recorder, write("a-1", 1, "y"))] == [Written]
    assert labels(await whole(recorder)) == ["x", "y"]


@pytest.mark.parametrize("fault", ["lose request", "lose reply", "silence"])
async def test_a_lost_answer_is_neither_lost_nor_doubled(
    wire: Wire, recorder: PostgresRecorder, fault: str
) -> None:
    await append(recorder, write("a-1", 0, "x"))
    wire.trap(fault, b"the-event")
    results = await append(recorder, write("a-1", 1, "the-event"), write("b-1", 0, "beside"))
    assert wire.sprung == 1
    stored = await whole(recorder)
    assert labels(stored) == ["x", "the-event", "beside"]
    assert results == [Written(stored[1].position), Written(stored[2].position)]


@pytest.mark.parametrize("fault", ["lose request", "lose reply"])
async def test_a_lost_answer_changes_no_result(
    wire: Wire, recorder: PostgresRecorder, fault: str
) -> None:
    await append(recorder, write("known-1", 0, "x", message_id="key"), write("stale-1", 0, "x"))
    wire.trap(fault, b"the-event")
    results = await append(
        recorder,
        write("a-1", 0, "the-event"), write("known-1", 1, "again", message_id="key"),
        write("stale-1", 0, "lost"), write("a-1", 1, "chained"), write("empty-1", 0),
        write("a-1", 2), write("behind-1", 4, "gap"),
    )  # fmt: skip
    assert wire.sprung == 1
    kinds = [Written, Known, WrongVersion, Written, Written, Written, WrongVersion]
    assert [type(r) for r in results] == kinds
    assert labels(await whole(recorder)) == ["x", "x", "the-event", "chained"]


async def test_an_answer_lost_while_asking_why_a_write_failed_is_found_too(
    wire: Wire, recorder: PostgresRecorder
) -> None:
    await append(recorder, write("known-1", 0, "x", message_id="the-key"))
    wire.trap("lose reply", b"the-key")  # in the look-up: no append, as the stream is past 0
    results = await append(
        recorder, write("a-1", 0, "y"), write("known-1", 0, "x", message_id="the-key")
    )
    assert wire.sprung == 1
    stored = await whole(recorder)
    assert labels(stored) == ["x", "y"]
    assert results[0] == Written(stored[1].position)
    assert isinstance(results[1], Known | Written)


async def test_another_outcome_under_the_same_message_is_not_taken_for_ours(
    wire: Wire, recorder: PostgresRecorder
) -> None:
    first = write("a-1", 0, "x", message_id="key")
    await append(recorder, first)
    other = Write(
        stream="a-1", expected=0, events=[sealed("a-1/the-event")], message_id="key",
        request_hash=first.request_hash,
    )  # fmt: skip
    wire.trap("lose request", b"the-event")
    second = await PostgresRecorder.connect(wire.url)  # it does not know the stream's version
    [result] = await append(second, other)
    assert wire.sprung == 1
    assert isinstance(result, Known)
    await second.close()


async def test_a_write_waits_while_another_holds_the_lock_to_its_commit(
    database_url: str, recorder: PostgresRecorder
) -> None:
    async with await psycopg.AsyncConnection.connect(database_url) as other:
        await other.execute("select log.take_turn()")
        writing = asyncio.create_task(append(recorder, write("a-1", 0, "x")))
        await asyncio.sleep(0.3)
        assert not writing.done()
        assert await whole(recorder) == []  # reads do not wait for the lock
        await other.commit()
        assert [type(r) for r in await asyncio.wait_for(writing, 10)] == [Written]


async def test_a_gone_database_is_one_clear_line_and_comes_back(
    wire: Wire, recorder: PostgresRecorder
) -> None:
    await append(recorder, write("a-1", 0, "x"))
    wire.down(True)
    started = time.monotonic()
    with pytest.raises(Unavailable) as refused:
        await append(recorder, write("a-1", 1, "y"))
    assert time.monotonic() - started < 6
    assert "cannot be reached" in str(refused.value)
    assert "\n" not in str(refused.value)
    with pytest.raises(Unavailable):
        await recorder.last()
    wire.down(False)
    assert [type(r) for r in await append(recorder, write("a-1", 1, "y"))] == [Written]
    assert labels(await whole(recorder)) == ["x", "y"]


async def test_no_server_at_all_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as refused:
        await PostgresRecorder.connect(
            f"postgresql://postgres@/postgres?host={tmp_path}", retry_s=0.2
        )
    assert "cannot be reached" in str(refused.value)
    assert "\n" not in str(refused.value)


async def test_cut_connections_are_opened_again(
    database_url: str, recorder: PostgresRecorder
) -> None:
    await append(recorder, write("a-1", 0, "x"))
    run(
        database_url,
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()",
    )
    assert labels(await whole(recorder)) == ["x"]
    assert [type(r) for r in await append(recorder, write("a-1", 1, "y"))] == [Written]
    assert labels(await whole(recorder)) == ["x", "y"]


async def test_a_waiter_survives_the_loss_of_its_listener(
    database_url: str, recorder: PostgresRecorder
) -> None:
    waiting = asyncio.create_task(recorder.wait(0, timeout_s=30))
    await asyncio.sleep(0.3)
    run(
        database_url,
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and query like 'listen%'",
    )
    other = await PostgresRecorder.connect(database_url)
    await append(other, write("a-1", 0, "x"))
    await other.close()
    assert await asyncio.wait_for(waiting, 10)


async def test_a_waiter_wakes_when_another_process_writes(
    database_url: str, recorder: PostgresRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_tail, "POLL_S", 60.0)
    await recorder.wait(0, timeout_s=0.5)  # the listener has started
    other = await PostgresRecorder.connect(database_url)
    waiting = asyncio.create_task(recorder.wait(0, timeout_s=30))
    await asyncio.sleep(0)
    await append(other, write("a-1", 0, "x"))
    assert await asyncio.wait_for(waiting, 10)
    await other.close()


@pytest.mark.parametrize(
    ("sqlstate", "words"), [("53100", "disk is full"), ("25006", "read-only"), ("58030", "refused")]
)
async def test_a_store_that_cannot_write_says_so_and_recovers(
    database_url: str, recorder: PostgresRecorder, sqlstate: str, words: str
) -> None:
    await append(recorder, write("a-1", 0, "x"))
    run(
        database_url,
        f"""create function fail() returns trigger language plpgsql as
            $$ begin raise exception using errcode = '{sqlstate}', message = 'no luck'; end $$;
            create trigger fail before insert on log.events execute function fail()""",
    )
    with pytest.raises(Unavailable, match=words) as refused:
        await append(recorder, write("a-1", 1, "y"))
    assert "\n" not in str(refused.value)
    assert labels(await whole(recorder)) == ["x"]
    run(database_url, "drop trigger fail on log.events")
    assert [type(r) for r in await append(recorder, write("a-1", 1, "y"))] == [Written]


async def test_many_may_open_an_empty_database_at_once(database_url: str) -> None:
    opened = await asyncio.gather(*[PostgresRecorder.connect(database_url) for _ in range(8)])
    results = [await append(r, write(f"a-{i}", 0, "x")) for i, r in enumerate(opened)]
    assert all(isinstance(result, Written) for [result] in results)
    for each in opened:
        await each.close()


async def test_known_at_and_tails_step_over_holes(
    database_url: str, recorder: PostgresRecorder
) -> None:
    await append(recorder, *[write(f"a-{i}", 0, f"n{i}") for i in range(50)])
    stored = await whole(recorder)
    run(database_url, "delete from log.events where position % 7 <> 3")
    left = [event for event in stored if event.position % 7 == 3]
    assert await whole(recorder) == left
    assert await recorder.position_at(T0) == left[-1].position
    run(database_url, "delete from log.events")
    assert await recorder.position_at(T0) == 0


async def test_a_killed_server_loses_and_doubles_nothing(
    own_server: tuple[EmbeddedPostgres, Path],
) -> None:
    server, folder = own_server
    recorder = await PostgresRecorder.connect(server.uri, retry_s=60)
    commit = over(recorder, T0)
    acknowledged: dict[tuple[str, int], int] = {}

    async def caller(n: int) -> None:
        for version in range(150):
            result = await commit.submit(write(f"s-{n}", version, f"{n}v{version}"))
            assert isinstance(result, Written), result
            acknowledged[f"s-{n}", version + 1] = result.position

    callers = [asyncio.create_task(caller(n)) for n in range(16)]
    for at_least in (200, 900, 1600):
        while len(acknowledged) < at_least and not any(task.done() for task in callers):
            await asyncio.sleep(0.001)
        postmaster = int((folder / "server/data/postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGKILL)
        await asyncio.to_thread(server.start)
    await asyncio.gather(*callers)
    stored = await whole(recorder)
    assert {(e.stream, e.version): e.position for e in stored} == acknowledged
    assert len(stored) == 16 * 150
    await commit.close()
    await recorder.close()


def writer(url: str, name: str, events: int, *shared: str) -> "subprocess.Popen[str]":
    words = ["-m", "tests.contract.log.recorder_writer", url, name, str(events), *shared]
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def lines(output: str) -> dict[tuple[str, int], int]:
    """Acknowledged positions by stream and version; a line cut by a kill does not count."""
    whole_lines = [line.split() for line in output.splitlines() if line.count(" ") == 2]
    return {(stream, int(version)): int(at) for stream, version, at in whole_lines if at}


async def test_a_killed_writer_loses_nothing_that_was_acknowledged(database_url: str) -> None:
    child = writer(database_url, "w", 100_000)
    assert child.stdout is not None
    first = [child.stdout.readline() for _ in range(500)]
    child.kill()
    output = "".join(first) + child.communicate()[0].rpartition("\n")[0]
    acknowledged = lines(output)
    recorder = await PostgresRecorder.connect(database_url)
    stored = {(e.stream, e.version): e.position for e in await whole(recorder)}
    assert len(acknowledged) >= 500
    assert acknowledged.items() <= stored.items()
    for stream, (head, _) in (await recorder.heads([f"w-{n}" for n in range(8)])).items():
        assert [e.version for e in await recorder.select(stream)] == list(range(1, head + 1))
    [result] = await append(recorder, write("after-1", 0, "x"))
    assert isinstance(result, Written)
    await recorder.close()


async def test_processes_write_at_once_and_a_tail_misses_nothing(database_url: str) -> None:
    recorder = await PostgresRecorder.connect(database_url)
    children = [writer(database_url, f"p{n}", 60, "shared-1") for n in range(3)]
    outputs = asyncio.gather(*[asyncio.to_thread(child.communicate) for child in children])
    tailed: list[Stored] = []
    while not outputs.done() or await recorder.wait(_end(tailed), timeout_s=0.1):
        await recorder.wait(_end(tailed), timeout_s=0.1)
        tailed += await recorder.after(_end(tailed), limit=50)
    acknowledged = [lines(output) for output, _ in await outputs]
    assert [child.returncode for child in children] == [0, 0, 0]
    assert tailed == list(await whole(recorder))
    stored = {(e.stream, e.version): e.position for e in tailed}
    assert len(stored) == len(tailed) == 3 * (8 * 60 + 20)
    assert sum(len(one) for one in acknowledged) == len(stored)
    assert {key: at for one in acknowledged for key, at in one.items()} == stored
    times = [event.committed_at for event in tailed]
    assert times == sorted(times)
    await recorder.close()


def _end(tailed: list[Stored]) -> int:
    return tailed[-1].position if tailed else 0
