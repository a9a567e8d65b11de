"""The database's definitions: compared with those of the migrations, each named in the docs."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import Connection

from adapters.operations import schema_audit
from adapters.operations.migrate import grant
from adapters.operations.schema_audit import DEFINITIONS, faults
from adapters.postgres.versions import PARTS, Part, migrate
from adapters.postgres.views.row_guard import guard
from adapters.postgres.views.tables import Table
from projections.catalogue import VIEWS
from scripts.schema_definitions import definitions_text
from tests.paths import ROOT

EVERY = """
    select n.nspname || '.' || c.relname, a.attname
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relkind in ('r', 'p', 'm', 'S', 'f') and n.nspname not in ('pg_catalog', 'pg_toast',
        'information_schema') order by 1, 2
"""


@pytest.fixture
def migrated(database_url: str) -> str:
    """A database with all definitions that a running platform makes."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        _fill(connection)
    return database_url


def _fill(connection: Connection[Any]) -> None:
    for part in PARTS:
        migrate(connection, part)
    for table in (Table("views", view) for view in VIEWS):
        for statement in (*table.ddl(), *guard(table)):
            connection.execute(statement.encode())


def _of(server: str, database: str) -> str:
    return urlunsplit(urlsplit(server)._replace(path=f"/{database}"))


def test_the_list_of_definitions_is_what_the_migrations_make(database_url: str) -> None:
    """If this fails, run `.venv/bin/python -m scripts.schema_definitions`."""
    assert DEFINITIONS.read_text() == definitions_text(database_url)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("roles", [False, True])
def test_a_migrated_database_is_as_defined_with_and_without_roles(
    migrated: str, part: Part, roles: bool
) -> None:
    if roles:
        with psycopg.connect(migrated, autocommit=True) as connection:
            for one in PARTS:
                grant(connection, one)
    assert faults(migrated, part) == []


def test_the_tables_of_views_may_be_yet_to_be_made(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        for part in PARTS:
            migrate(connection, part)
    assert [faults(database_url, part) for part in PARTS] == [[], []]


HERE = "do $$ begin execute format($s$alter {0}database %I set {1}$s$, current_database()); end $$"
FOREIGN: tuple[tuple[Part, str, str], ...] = (
    ("log", HERE.format("", "session_replication_role = replica"),
     "setting session_replication_role of the database"),
    ("log", HERE.format("", "session_replication_role = replica"),
     "setting session_replication_role is replica"),
    ("views", HERE.format("", "search_path = evil, pg_catalog"),
     "setting search_path of the database"),
    ("log", HERE.format("role tidemark_writer in ", "search_path = evil"),
     "setting search_path of tidemark_writer"),
    ("log", HERE.format("role app in ", "synchronous_commit = off"),
     "setting synchronous_commit of app"),
    ("log", HERE.format("role current_user in ", "row_security = off"), "setting row_security of"),
    ("views", "create function public.f() returns event_trigger language plpgsql as 'begin end'; "
     "create event trigger late on ddl_command_end execute function public.f()",
     "event trigger late: no migration makes it"),
    ("log", "alter default privileges in schema log grant update on tables to public",
     "in schema log: UPDATE for -"),
    ("views", "alter default privileges in schema views_next grant select on tables to app",
     "in schema views_next: SELECT for app"),
    ("log", "alter default privileges grant insert on tables to app", "in any schema: INSERT for "),
    ("log", "grant select on keys.data_keys to public", "right keys.data_keys - SELECT"),
    ("log", "grant select (wrapped) on keys.data_keys to app",
     "right keys.data_keys.wrapped app SELECT"),
    ("log", "grant update (state) on log.events to app", "right log.events.state app UPDATE"),
    ("views", "grant update (settled) on views.cash to app", "right views.cash.settled app UPDATE"),
    ("log", "grant usage on schema keys to public", "right schema keys - USAGE"),
    ("log", "grant select on log.events to app", "right log.events app SELECT"),
    ("log", "grant select on log.events to tidemark_writer with grant option",
     "right log.events tidemark_writer SELECT with grant option"),
    ("views", "grant select on views.cash to tidemark_reader with grant option",
     "right views.cash tidemark_reader SELECT with grant option"),
    ("log", "alter table log.snapshots owner to app", "owner log.snapshots app"),
    ("log", "alter table log.events owner to tidemark_projector",
     "owner log.events tidemark_projector"),
    ("log", "alter function log.append_batch owner to app", "owner log.append_batch app"),
    ("log", "alter table keys.data_keys force row level security",
     "table keys.data_keys was changed"),
    ("views", "alter table views.cash force row level security", "table views.cash was changed"),
    ("log", "create table public.child () inherits (log.events)", "table log.events was changed"),
    ("log", "alter function log.append_batch strict", "function log.append_batch("),
    ("log", "create type log.mood as enum ('x')", "type log.mood: no migration makes it"),
    ("log", "create domain keys.text as pg_catalog.text", "type keys.text: no migration makes it"),
    ("log", "create operator log.= (leftarg = bytea, rightarg = bytea, function = byteane)",
     "operator log.=(pg_catalog.bytea,pg_catalog.bytea): no migration makes it"),
    ("views", "create type sagas.pair as (a int, b int)", "type sagas.pair: no migration makes it"),
    ("views", "create view views.money as select 1 as one",
     "view views.money: no migration makes it"),
    ("views", "create table views.money (one int)", "table views.money: no migration makes it"),
    ("views", "create view views_next.money as select 1 as one",
     "view views_next.money: no migration makes it"),
    ("views", "create function views_next.f() returns int language sql as 'select 1'",
     "function views_next.f(): no migration makes it"),
    ("views", "alter policy readers on views.accounts using ((select tidemark.operates() or "
     "tidemark.analyses()) or (account_id = any ((select tidemark.ids('tidemark.account_ids'))"
     "::text[]) or client_id = any ((select tidemark.ids('tidemark.client_ids'))::text[])))",
     "policy views.accounts.readers was changed"),
)  # fmt: skip


@pytest.fixture(scope="module")
def honest(postgres_url: str) -> str:
    """The name of a database with all definitions and our roles; no test changes it."""
    name = "honest_schema"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"create database {name}".encode())
    with psycopg.connect(_of(postgres_url, name), autocommit=True) as connection:
        _fill(connection)
        for part in PARTS:
            grant(connection, part)
    return name


@pytest.fixture
def with_roles(postgres_url: str, honest: str) -> Iterator[str]:
    """A copy of it, and two roles of an operator: `app`, a member of the writer's; `stranger`."""
    url = _of(postgres_url, "copy_of_schema")
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"create database copy_of_schema template {honest}".encode())
        server.execute("create role app in role tidemark_writer")
        server.execute("create role stranger")
        try:
            yield url
        finally:
            server.execute("drop database copy_of_schema with (force)")
            server.execute("drop role app, stranger")


@pytest.mark.parametrize(("part", "statement", "fault"), FOREIGN)
def test_what_is_not_of_our_migrations_is_named(
    with_roles: str, part: Part, statement: str, fault: str
) -> None:
    with psycopg.connect(with_roles, autocommit=True) as connection:
        connection.execute(statement.encode(), prepare=False)
    found = faults(with_roles, part)
    assert any(fault in one for one in found), found


@pytest.mark.parametrize(
    "statement",
    [
        HERE.format("role tidemark_analyst in ", "statement_timeout = '60s'"),
        HERE.format("role tidemark_analyst in ", "default_transaction_read_only = on"),
        HERE.format("", "log_min_duration_statement = 100"),
        HERE.format("", "work_mem = '64MB'"),
        HERE.format("", "timezone = 'Europe/Berlin'"),
        HERE.format("role stranger in ", "search_path = elsewhere"),
        "alter default privileges revoke execute on functions from public",
        "alter default privileges in schema public grant select on tables to app",
        "grant select on views.cash, sagas.state to app",
        "create table views_next.of_another_build (one int)",
        "create table views.of_another_build (one int); "
        "comment on table views.of_another_build is 'guarded 0123456789abcdef'",
        "create type public.mood as enum ('x')",
    ],
)
def test_what_an_operator_or_another_build_may_make_is_no_fault(
    with_roles: str, statement: str
) -> None:
    with psycopg.connect(with_roles, autocommit=True) as connection:
        connection.execute(statement.encode(), prepare=False)
    assert [faults(with_roles, part) for part in PARTS] == [[], []]


@pytest.mark.parametrize("part", PARTS)
def test_a_search_path_of_the_database_does_not_mislead_the_comparison(
    with_roles: str, part: Part
) -> None:
    """Empty tables named like the server's own, first in the path, would hide all differences."""
    shadows = "pg_event_trigger", "pg_db_role_setting", "pg_policy", "pg_trigger"
    with psycopg.connect(with_roles, autocommit=True) as connection:
        connection.execute("create schema evil")
        for name in shadows:
            connection.execute(f"create table evil.{name} (like pg_catalog.{name})".encode())
        connection.execute("alter table log.events add column note text")
        connection.execute("alter policy readers on views.cash using (true)")
        connection.execute(HERE.format("", "search_path = evil, pg_catalog, log").encode())
    found = faults(with_roles, part)
    assert "setting search_path of the database: no migration makes it" in found
    changed = {
        "log": "column log.events.note: no migration makes it",
        "views": "policy views.cash.readers",
    }
    assert any(changed[part] in one for one in found), found
    assert len(found) == 2


def test_the_faults_are_bounded(migrated: str) -> None:
    with psycopg.connect(migrated, autocommit=True) as connection:
        for n in range(schema_audit.SHOWN_MAX + 5):
            connection.execute(f"create table log.more{n} ()".encode())
    assert len(faults(migrated, "log")) == schema_audit.SHOWN_MAX


def test_the_docs_list_every_table_and_column_with_what_compares_it(migrated: str) -> None:
    """For a new table or column, add a check that compares it; name it in docs/operations.md."""
    listed = _listed()
    with psycopg.connect(migrated) as connection:
        found: dict[str, set[str]] = {}
        for table, column in connection.execute(EVERY.encode()).fetchall():
            found.setdefault(table, set()).add(column)
    views = {f"views.{view.NAME}" for view in VIEWS}
    assert set(listed) == set(found) - views
    for table, columns in found.items():
        if table in views:  # its checksum covers every field of its rows
            [view] = [v for v in VIEWS if f"views.{v.NAME}" == table]
            assert columns == set(view.ROW.__struct_fields__), table
        else:
            assert listed[table] == columns, table


def _listed() -> dict[str, set[str]]:
    """Table -> its columns, by the table of docs/operations.md."""
    text = (ROOT / "docs" / "operations.md").read_text()
    text = text.split("### Every table and column", 1)[1].split("\n## ", 1)[0]
    out: dict[str, set[str]] = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 5 and re.match(r"`\w+\.\w+`", cells[1]):
            for table in re.findall(r"`(\w+\.\w+)`", cells[1]):
                out.setdefault(table, set()).update(re.findall(r"`(\w+)`", cells[2]))
    return out
