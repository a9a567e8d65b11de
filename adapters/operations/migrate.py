"""`tidemark migrate`: bring the schemas of the log and the read models up to this build.

A process whose role may create tables migrates by itself when it starts. With separate roles, the
owner runs this first; the processes then find nothing left to do.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from psycopg import Connection

from adapters.postgres.embedded import EmbeddedPostgres, PostgresFailed
from adapters.postgres.link.connections import connect
from adapters.postgres.versions import (
    FOLDER,
    PARTS,
    Part,
    SchemaMismatch,
    migrate,
    migrations,
    outstanding,
)
from adapters.postgres.views import row_guard
from adapters.postgres.views.tables import Table
from adapters.settings import Settings
from adapters.settings_error import SettingsError
from projections.catalogue import VIEWS

SCHEMA = "views"


class Migrated(NamedTuple):
    part: Part
    version: int  # the last migration that is applied now
    applied: list[str]  # by this run; in a dry run, what it would apply
    roles: bool  # whether this run granted the roles' rights


def bring_up(settings: Settings, *, dry_run: bool, roles: bool) -> list[Migrated]:
    """Apply the outstanding migrations on both servers and, on request, grant the roles' rights.

    Raises:
        SettingsError: a server cannot be reached, refuses, or has another schema; the message
            names its variable.
    """
    out = []
    for part in PARTS:
        with _connected(settings, part) as connection:
            if dry_run:
                left = [m.name for m in outstanding(connection, part)]
                out.append(Migrated(part, len(migrations(part)) - len(left), left, False))
                continue
            done = [m.name for m in migrate(connection, part)]
            if roles:
                grant(connection, part)
            out.append(Migrated(part, len(migrations(part)), done, roles))
    return out


def grant(connection: Connection[Any], part: Part) -> None:
    """Create the roles and grant them their rights."""
    with connection.transaction():
        connection.execute((FOLDER / f"roles_{part}.sql").read_text().encode(), prepare=False)
        if part == "views":
            for statement in _guards(connection):
                connection.execute(statement.encode())


def _guards(connection: Connection[Any]) -> Iterator[str]:
    """Statements that protect existing tables, which may be older than the roles."""
    sql = "select tablename from pg_tables where schemaname = %s"
    there = {name for (name,) in connection.execute(sql.encode(), (SCHEMA,)).fetchall()}
    for view in VIEWS:
        if view.NAME in there:
            yield from row_guard.guard(Table(SCHEMA, view))


@contextmanager
def _connected(settings: Settings, part: Part) -> Iterator[Connection[Any]]:
    views = part == "views" and bool(settings.database)
    variable = "TIDEMARK_DATABASE" if views or settings.esdb_log else "TIDEMARK_LOG"
    url = settings.database if views else settings.log_server
    try:
        with _reached(settings, url) as connection:
            yield connection
    except (PostgresFailed, SchemaMismatch, psycopg.Error) as e:
        line = str(e).strip().splitlines()[0] if str(e).strip() else type(e).__name__
        raise SettingsError(f"{variable}: {line}") from e


@contextmanager
def _reached(settings: Settings, url: str) -> Iterator[Connection[Any]]:
    if url not in ("postgresql:", "postgresql://"):
        with connect(url) as connection:
            yield connection
        return
    with (
        EmbeddedPostgres(settings.data_dir / "postgres") as server,
        connect(server.uri) as connection,
    ):
        yield connection
