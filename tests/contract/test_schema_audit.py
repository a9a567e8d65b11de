"""The definitions of the database: as the migrations make them, each named in the docs."""

import re
from pathlib import Path

import psycopg
import pytest

from adapters import schema_audit
from adapters.migrate import grant
from adapters.row_guard import guard
from adapters.schema_audit import DEFINITIONS, faults
from adapters.schema_versions import PARTS, Part, migrate
from adapters.view_tables import Table
from projections.catalogue import VIEWS
from scripts.schema_definitions import drawn

ROOT = Path(__file__).parents[2]
EVERY = """
    select n.nspname || '.' || c.relname, a.attname
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relkind in ('r', 'p', 'm', 'S', 'f') and n.nspname not in ('pg_catalog', 'pg_toast',
        'information_schema') order by 1, 2
"""


@pytest.fixture
def migrated(database_url: str) -> str:
    """A database with all that a running platform has made in it."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        for part in PARTS:
            migrate(connection, part)
        for table in (Table("views", view) for view in VIEWS):
            for statement in (*table.ddl(), *guard(table)):
                connection.execute(statement.encode())
    return database_url


def test_the_list_of_definitions_is_what_the_migrations_make(database_url: str) -> None:
    """If this fails: `.venv/bin/python -m scripts.schema_definitions`."""
    assert DEFINITIONS.read_text() == drawn(database_url)


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


def test_the_faults_are_bounded(migrated: str) -> None:
    with psycopg.connect(migrated, autocommit=True) as connection:
        for n in range(schema_audit.SHOWN_MAX + 5):
            connection.execute(f"create table log.more{n} ()".encode())
    assert len(faults(migrated, "log")) == schema_audit.SHOWN_MAX


def test_the_docs_list_every_table_and_column_with_what_compares_it(migrated: str) -> None:
    """A new table or column: say in docs/operations.md what compares it, and see that it does."""
    listed = _listed()
    with psycopg.connect(migrated) as connection:
        found: dict[str, set[str]] = {}
        for table, column in connection.execute(EVERY.encode()).fetchall():
            found.setdefault(table, set()).add(column)
    views = {f"views.{view.NAME}" for view in VIEWS}
    assert set(listed) == set(found) - views
    for table, columns in found.items():
        if table in views:  # its checksum goes over every field of its rows
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
