"""Forward-only migrations of our Postgres schemas, numbered from 0001 in two parts.

    log     schemas log and keys                  adapters/postgres/migrations/log/NNNN_name.sql
    views   schemas sagas, views, street          adapters/postgres/migrations/views/NNNN_name.sql

Each runs once, in a transaction of its own, under one advisory lock, and is then recorded in
`tidemark.migrations` with the hash of its text: any number of processes may start at once. A
released file never changes (tests/unit/adapters/test_migrations.py holds the hashes). If the role
may not create, the error says what the owner has to run; a newer build's database is not changed.

The parts may lie in one database or in two. Tables of views are no part of this: they follow from
row types and are rebuilt.
"""

import asyncio
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, NamedTuple

from psycopg import AsyncConnection, Connection, errors

from adapters.log.recorder import Unavailable
from adapters.postgres.link.connections import connect

Part = Literal["log", "views"]
PARTS: tuple[Part, ...] = ("log", "views")
FOLDER = Path(__file__).with_name("migrations")
LOCK = 7308332154838212456

# Read the catalogue itself: to_regclass may answer with the state before the wait for the lock.
_THERE = """select exists (
    select from pg_tables where schemaname = 'tidemark' and tablename = 'migrations')"""
_TAKEN = (
    errors.DuplicateColumn, errors.DuplicateTable, errors.DuplicateFunction, errors.DuplicateObject
)  # fmt: skip
_APPLIED = "select number, hash from tidemark.migrations where part = %s order by number"
_LEDGER = """
    create schema if not exists tidemark;
    create table if not exists tidemark.migrations (
        part text not null, number integer not null, name text not null, hash text not null,
        applied_at timestamptz not null default now(), primary key (part, number));
    grant usage on schema tidemark to public;
    grant select on tidemark.migrations to public;
"""


class Migration(NamedTuple):
    number: int
    name: str  # of the file
    sql: str

    @property
    def hash(self) -> str:
        return sha256(self.sql.encode()).hexdigest()


class SchemaMismatch(Unavailable):
    """This build and the database's schema do not fit; the text says how to go on."""


@cache
def migrations(part: Part) -> tuple[Migration, ...]:
    """All migrations that this build has, in order.

    Raises:
        ValueError: their numbers are not 1, 2, 3, ...
    """
    found = [
        Migration(int(file.name[:4]), file.stem, file.read_text())
        for file in sorted((FOLDER / part).glob("[0-9][0-9][0-9][0-9]_*.sql"))
    ]
    if [m.number for m in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"migrations of {part} have a hole: {[m.name for m in found]}")
    return tuple(found)


def pending(part: Part, applied: Sequence[tuple[int, str]]) -> tuple[Migration, ...]:
    """The migrations to apply after those that were `applied` (number, hash).

    Raises:
        SchemaMismatch: a newer build has migrated the database, or one with different files.
    """
    known = migrations(part)
    last = max((number for number, _ in applied), default=0)
    if last > len(known):
        raise SchemaMismatch(
            f"its schema ({part}) is from the future: it has migration {last:04}, this build knows "
            f"{len(known):04}; start the newer build"
        )
    for number, hash_ in applied:
        if known[number - 1].hash != hash_:
            raise SchemaMismatch(
                f"its schema ({part}) was made by another build: {known[number - 1].name} differs"
            )
    return known[last:]


def outstanding(connection: Connection[Any], part: Part) -> tuple[Migration, ...]:
    """The migrations that `migrate` would apply now; changes nothing."""
    there = connection.execute(_THERE).fetchone()
    applied = connection.execute(_APPLIED, (part,)).fetchall() if there == (True,) else []
    return pending(part, applied)


def migrate(connection: Connection[Any], part: Part) -> list[Migration]:
    """Apply the outstanding migrations, one transaction each; returns those that it applied.

    Args:
        connection: in autocommit, as the schema's owner.

    Raises:
        SchemaMismatch: see `pending`; or this role may not create.
    """
    done: list[Migration] = []
    while step := _step(connection, part):
        done.append(step)
    return done


def ready(url: str, part: Part) -> None:
    """Check that a part is as this build needs it, and migrate it if it is not.

    Raises:
        SchemaMismatch, psycopg.Error
    """
    with connect(url) as connection:
        if outstanding(connection, part):
            migrate(connection, part)


def require(url: str, part: Part) -> None:
    """Check that a part is as this build needs it, and change nothing.

    Raises:
        SchemaMismatch, psycopg.Error
    """
    with connect(url) as connection:
        if left := outstanding(connection, part):
            names = ", ".join(m.name for m in left)
            raise SchemaMismatch(
                f"its schema ({part}) lacks {names}: run `tidemark migrate` as the owner"
            )


async def ensure(connection: AsyncConnection[Any], url: str, part: Part) -> None:
    """As `ready`, but checks over an open connection: two queries if there is nothing to do."""
    there = await (await connection.execute(_THERE)).fetchone()
    applied: list[Any] = []
    if there == (True,):
        applied = await (await connection.execute(_APPLIED, (part,))).fetchall()
    if pending(part, applied):
        await asyncio.to_thread(ready, url, part)


def _step(connection: Connection[Any], part: Part) -> Migration | None:
    """Apply the next migration under the lock, unless another process has applied it meanwhile."""
    try:
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
            left = outstanding(connection, part)
            if not left:
                return None
            connection.execute(_LEDGER.encode())
            connection.execute(left[0].sql.encode(), prepare=False)
            connection.execute(
                "insert into tidemark.migrations (part, number, name, hash) "
                "values (%s, %s, %s, %s)",
                (part, left[0].number, left[0].name, left[0].hash),
            )
            return left[0]
    except _TAKEN as e:
        raise SchemaMismatch(
            f"its schema ({part}) has what {outstanding(connection, part)[0].name} makes, and "
            "tidemark.migrations does not list it: its rows were changed"
        ) from e
    except errors.InsufficientPrivilege as e:
        names = ", ".join(m.name for m in outstanding(connection, part))
        raise SchemaMismatch(
            f"its schema ({part}) lacks {names}, and this role may not create: "
            "run `tidemark migrate` as the owner"
        ) from e
