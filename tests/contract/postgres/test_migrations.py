"""Migrations of the two schemas: once, in order, safe in parallel, never backwards."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from adapters.log.frame import UNKNOWN, Payloads, frame
from adapters.postgres import versions as schema_versions
from adapters.postgres.log.recorder import PostgresRecorder
from adapters.postgres.versions import PARTS, Part, SchemaMismatch, migrate, migrations, outstanding
from tests.system.processes import folder, verb


def run(url: str, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def applied(url: str) -> list[tuple[Any, ...]]:
    return run(url, "select part, number, hash from tidemark.migrations order by part, number")


def everything() -> list[tuple[str, int, str]]:
    return [(part, m.number, m.hash) for part in PARTS for m in migrations(part)]


def bring_up(url: str, part: Part) -> list[int]:
    with psycopg.connect(url, autocommit=True) as connection:
        return [m.number for m in migrate(connection, part)]


@pytest.fixture
def next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that adds a migration to the log's, as a future release would."""
    folder = Path(shutil.copytree(schema_versions.FOLDER, tmp_path / "migrations"))
    monkeypatch.setattr(schema_versions, "FOLDER", folder)

    def add(sql: str) -> int:
        number = len(list((folder / "log").glob("*.sql"))) + 1
        (folder / "log" / f"{number:04}_coming.sql").write_text(sql)
        migrations.cache_clear()
        return number

    migrations.cache_clear()
    yield add
    monkeypatch.undo()
    migrations.cache_clear()


def test_an_empty_database_gets_all_of_them_and_the_second_time_none(database_url: str) -> None:
    for part in PARTS:
        assert bring_up(database_url, part) == [m.number for m in migrations(part)]
    assert applied(database_url) == everything()
    assert [bring_up(database_url, part) for part in PARTS] == [[], []]


def test_of_many_that_start_at_once_each_migration_runs_once(database_url: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        work = [pool.submit(bring_up, database_url, part) for part in PARTS for _ in range(6)]
        done = [number for one in work for number in one.result()]
    assert sorted(done) == sorted(number for _, number, _ in everything())
    assert applied(database_url) == everything()


def test_a_database_of_the_first_release_is_adopted_with_what_it_holds(database_url: str) -> None:
    """The first release had 0001 of each part and the keys, and no list of migrations."""
    for part, name in (("log", "0001_log"), ("log", "0002_keys"), ("views", "0001_sagas")):
        run(database_url, (schema_versions.FOLDER / part / f"{name}.sql").read_text())
    run(database_url, "comment on schema log is 'a hash of its text'")
    run(
        database_url,
        "insert into log.events values (1, 'a-1', 1, 'n', '{}', '', now());"
        "update log.head set position = 1; insert into keys.data_keys values ('c', null, true)",
    )
    for part in PARTS:
        bring_up(database_url, part)
    assert applied(database_url) == everything()
    assert run(database_url, "select position, stream from log.events") == [(1, "a-1")]
    assert run(database_url, "select client_id, destroyed from keys.data_keys") == [("c", True)]


async def test_what_was_stored_before_payloads_had_an_offset_reads_the_same(
    database_url: str,
) -> None:
    """Migration 0004 finds payloads in the stored bytes, and leaves bytes without a frame alone."""
    for number in (1, 2):
        run(database_url, migrations("log")[number - 1].sql)
    metadata = rb'{"schema":7,"message_id":"},\"payload\":,\"schema\":9,\u00e9","read":{"b-1":2}}'
    sound, _ = frame(metadata, rb'{"text":"},\"payload\":{}","n":1}')
    states = [sound, b'{"metadata":{},"payload":{}}', b'{"metadata":{"schema":1,"pay', b"\xff", b""]
    with psycopg.connect(database_url, autocommit=True) as connection:
        for position, state in enumerate(states, 1):
            connection.execute(
                "insert into log.events values (%s, %s, 1, 'n', %s, '', now())",
                (position, f"a-{position}", state),
            )
    recorder = await PostgresRecorder.connect(database_url)
    try:
        read = await recorder.read([f"a-{n}" for n in range(1, 6)])
        assert [stored.state for stored in await recorder.after(0, limit=9)] == states
    finally:
        await recorder.close()
    assert read["a-1"].events == Payloads(rb'[{"text":"},\"payload\":{}","n":1}]', (7,))
    assert [read[f"a-{n}"].events for n in range(2, 6)] == [UNKNOWN] * 4


async def test_a_database_from_the_future_is_refused_in_one_line_and_left_alone(
    database_url: str,
) -> None:
    bring_up(database_url, "log")
    run(database_url, "insert into tidemark.migrations values ('log', 9, '0009_x', 'h')")
    before = applied(database_url)
    with pytest.raises(SchemaMismatch) as caught:
        await PostgresRecorder.connect(database_url)
    last = len(migrations("log"))
    assert str(caught.value) == (
        "its schema (log) is from the future: it has migration 0009, "
        f"this build knows {last:04}; start the newer build"
    )
    assert applied(database_url) == before


def test_a_database_that_another_text_made_is_refused(database_url: str) -> None:
    bring_up(database_url, "log")
    run(database_url, "update tidemark.migrations set hash = 'x' where number = 2")
    with pytest.raises(SchemaMismatch, match="by another build: 0002_keys differs"):
        bring_up(database_url, "log")


def test_a_coming_migration_is_applied_alone(database_url: str, next_one: Any) -> None:
    bring_up(database_url, "log")
    number = next_one("create table log.coming (n integer)")
    with psycopg.connect(database_url, autocommit=True) as connection:
        assert [m.number for m in outstanding(connection, "log")] == [number]
    assert bring_up(database_url, "log") == [number]
    assert run(database_url, "select count(*) from log.coming") == [(0,)]


def test_a_migration_that_fails_leaves_nothing_of_itself(database_url: str, next_one: Any) -> None:
    bring_up(database_url, "log")
    before = applied(database_url)
    next_one("create table log.coming (n integer); select 1 / 0")
    with pytest.raises(psycopg.errors.DivisionByZero):
        bring_up(database_url, "log")
    assert applied(database_url) == before
    assert run(database_url, "select to_regclass('log.coming')") == [(None,)]


def test_a_hole_in_the_numbers_is_a_mistake(next_one: Any) -> None:
    next_one("select 1")
    (schema_versions.FOLDER / "log" / "0002_keys.sql").unlink()
    with pytest.raises(ValueError, match="hole"):
        migrations("log")


def test_the_verb_brings_the_embedded_server_up_and_grants_as_often_as_asked() -> None:
    with folder() as made:
        first = verb("migrate", "--dry-run", data_dir=made / "d")
        assert first.lines[0] == (
            "log      at 0000, to apply: " + ", ".join(m.name for m in migrations("log"))
        )
        for applied_now in (True, False):
            done = verb("migrate", "--roles", data_dir=made / "d")
            assert done.code == 0, done.err
            names = ", ".join(m.name for m in migrations("views")) if applied_now else "nothing"
            last = len(migrations("views"))
            assert done.lines[1] == f"views    at {last:04}, applied: {names}, rights granted"
        unclear = verb("migrate", "--roles", "--dry-run", data_dir=made / "d")
        assert (unclear.code, len(unclear.err.splitlines())) == (2, 1)
