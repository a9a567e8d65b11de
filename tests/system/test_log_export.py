"""`tidemark log export`, and the page that describes how a service follows the log."""

import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from eventsourcing.persistence import ProgrammingError, StoredEvent

from adapters.operations.export import ExportFailed, open_store
from adapters.postgres.log.library_recorder import ReadOnlyRecorder
from adapters.postgres.log.recorder import PostgresRecorder
from adapters.postgres.versions import SchemaMismatch
from tests.contract.log.recorder_suite import append, write
from tests.paths import DOCS
from tests.system.processes import Simulated, sql, verb

pytestmark = pytest.mark.slow

SELECT = "select originator_id, originator_version, topic, state from stored_events"


def export(data_dir: Path, to: str) -> dict[str, int]:
    ran = verb("log", "export", "--to", f"eventsourcing:{to}", "--json", data_dir=data_dir)
    assert ran.code == 0, ran.err
    return dict(ran.json)


def kept(file: Path) -> list[tuple[str, int, str, bytes]]:
    with sqlite3.connect(file) as store:
        return store.execute(f"{SELECT} order by rowid").fetchall()


def stored(data_dir: Path) -> list[tuple[str, int, str, bytes]]:
    found = sql(data_dir, "select stream, version, name, state from log.events order by position")
    return [(stream, version, name, bytes(state)) for stream, version, name, state in found]


def test_an_export_has_every_event_byte_for_byte_and_goes_on_where_it_was_cut(
    simulated: Simulated, tmp_path: Path
) -> None:
    file, ours = tmp_path / "events.db", stored(simulated.data_dir)
    first = export(simulated.data_dir, f"sqlite:{file}")
    assert first["events"] == len(ours) > 0
    assert kept(file) == ours
    with sqlite3.connect(file) as store:
        store.execute("delete from stored_events where rowid > 7")
    again = export(simulated.data_dir, f"sqlite:{file}")
    assert again == {"events": len(ours) - 7, "position": first["position"]}
    assert kept(file) == ours
    assert export(simulated.data_dir, f"sqlite:{file}")["events"] == 0


def test_a_store_of_another_log_is_refused_and_left_as_it_is(
    simulated: Simulated, tmp_path: Path
) -> None:
    file = tmp_path / "events.db"
    export(simulated.data_dir, f"sqlite:{file}")
    with sqlite3.connect(file) as store:
        store.execute("update stored_events set state = x'7b7d' where rowid > 100")
    before = kept(file)
    to = f"eventsourcing:sqlite:{file}"
    ran = verb("log", "export", "--to", to, data_dir=simulated.data_dir)
    assert ran.code == 1
    assert "the store holds another log" in ran.err
    assert kept(file) == before


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("sqlite:events.db", "it must be eventsourcing:sqlite:FILE or"),
        ("eventsourcing:mysql:x", "it must be eventsourcing:sqlite:FILE or"),
        ("eventsourcing:sqlite:", "it must be eventsourcing:sqlite:FILE or"),
        ("eventsourcing:sqlite:/nowhere/at/all/e.db", "there is no directory /nowhere/at/all"),
        ("eventsourcing:sqlite::memory:", "a store in memory ends with this verb"),
        (f"eventsourcing:sqlite:{__file__}", "file is not a database"),
    ],
)
def test_a_wrong_store_is_named_in_one_line(simulated: Simulated, to: str, why: str) -> None:
    ran = verb("log", "export", "--to", to, data_dir=simulated.data_dir)
    assert ran.code == 1
    assert ran.err.startswith(f"tidemark: --to {to}: ")
    assert why in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    "to",
    [
        "postgresql://reader:geheim@host/events",
        "eventsourcing:mysql://reader:geheim@host/events",
        "eventsourcing:postgresql://reader:geheim%zz@host/events",
        "eventsourcing:postgresql://reader:gehe@im@host/events?nothing=1",
        "eventsourcing:postgresql://host/events?password=geheim&nothing=1",
    ],
)
def test_an_error_repeats_no_password(to: str) -> None:
    with pytest.raises(ExportFailed, match=r"\*\*\*") as failed:
        open_store(to)
    assert "gehe" not in str(failed.value)


def test_the_parameters_of_a_postgres_url_count(database_url: str) -> None:
    more = "&" if "?" in database_url else "?"
    store = open_store(f"eventsourcing:{database_url}{more}application_name=an-export")
    try:
        with store.recorder.datastore.get_connection() as found:  # type: ignore[attr-defined]
            named = found.execute("select current_setting('application_name') n").fetchone()
        assert named == {"n": "an-export"}
    finally:
        store.close()


def test_a_store_on_postgres_has_the_same_events(simulated: Simulated, database_url: str) -> None:
    done = export(simulated.data_dir, database_url)
    assert done["events"] > 0
    assert export(simulated.data_dir, database_url)["events"] == 0
    with psycopg.connect(database_url) as store:
        found = store.execute(f"{SELECT} order by notification_id").fetchall()
    assert [(*row[:3], bytes(row[3])) for row in found] == stored(simulated.data_dir)


def test_the_page_s_service_follows_an_export(simulated: Simulated, tmp_path: Path) -> None:
    code = re.findall(r"```python\n(.*?)```", (DOCS / "eventsourcing.md").read_text(), re.DOTALL)[0]
    export(simulated.data_dir, f"sqlite:{tmp_path / 'events.db'}")
    program = tmp_path / "service.py"
    program.write_text(code)
    ran = subprocess.run(
        [sys.executable, program.name], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    [booked] = sql(
        simulated.data_dir, "select count(*) from log.events where name = 'trade.booked'"
    )[0]
    last = ran.stdout.splitlines()[-1]
    assert booked > 0
    assert last == f"{booked} trades up to {len(stored(simulated.data_dir))}"


def test_the_read_only_recorder_makes_no_log_where_there_is_none(database_url: str) -> None:
    with pytest.raises(SchemaMismatch, match="run `tidemark migrate` as the owner"):
        ReadOnlyRecorder(database_url)
    with psycopg.connect(database_url) as connection:
        made = connection.execute("select count(*) from pg_tables where schemaname = 'log'")
        assert made.fetchone() == (0,)


async def test_the_read_only_recorder_follows_our_table_and_writes_nothing(
    database_url: str,
) -> None:
    recorder = await PostgresRecorder.connect(database_url)
    await append(recorder, write("a", 0, "one"))
    await recorder.close()
    reading = ReadOnlyRecorder(database_url)
    try:
        with reading.subscribe(gt=0) as found:
            assert next(found).originator_id == "a"
        with pytest.raises(ProgrammingError, match="only reads"):
            reading.insert_events([StoredEvent("b", 1, "x", b"{}")])
        with (
            reading._pool.connection() as connection,
            pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
        ):
            connection.execute("create table not_here (n integer)")
    finally:
        reading.close()
