"""Derives a view's table from its row type: names, DDL, and the statements that move its rows.

Rows travel as typed columns, one array a column (`adapters.postgres.views.columns`): a statement
has as many parameters as the table has columns, however many rows it moves.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from msgspec import structs

from adapters.postgres.views.columns import literal
from projections.ports import Key, Row, View

CHECKPOINTS = "checkpoints"
COLLATE = ' collate "C"'
FILLFACTOR = 70  # room for the next version of a row beside it (heap-only updates)

_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),  # before int, its base class
    (int, "bigint"),
    (Decimal, "numeric"),
    (datetime, "timestamptz"),  # before date, its base class
    (date, "date"),
    (str, f"text{COLLATE}"),
    (StrEnum, f"text{COLLATE}"),
)


class Column(NamedTuple):
    name: str
    type: str
    nullable: bool


class Table:
    """The statements for one view in one schema. All names come from code, never from data."""

    def __init__(self, schema: str, view: View) -> None:
        self.row = view.ROW
        self.schema, self.view = schema, view.NAME
        self.audience = view.AUDIENCE
        self.name = f"{schema}.{view.NAME}"
        self.columns = columns(view.ROW)
        names = [c.name for c in self.columns]
        by_name = {c.name: c for c in self.columns}
        keys = [by_name[name] for name in view.ROW.KEY]
        key, every = ", ".join(view.ROW.KEY), ", ".join(names)
        sets = ", ".join(f"{n} = excluded.{n}" for n in names if n not in view.ROW.KEY)
        matches = " and ".join(f"t.{c.name} = k.{c.name}" for c in keys)
        given = f"{_unnest(keys)} as k ({key})"
        prefixed = ", ".join(f"t.{n}" for n in names)
        self.upsert = (
            f"insert into {self.name} ({every}) select * from {_unnest(self.columns)} "
            f"on conflict ({key}) do update set {sets}"
        )
        self.delete = f"delete from {self.name} t using {given} where {matches}"
        self.select = f"select {prefixed} from {given} join {self.name} t on {matches}"
        self.scan = f"select {every} from {self.name} order by {key}"

    def rows(self, rows: Sequence[Row]) -> tuple[str, ...]:
        """The parameters of `upsert`, a column each."""
        return tuple(map(literal, zip(*map(structs.astuple, rows), strict=True)))

    def keys(self, keys: Collection[Key]) -> tuple[str, ...]:
        """The parameters of `select` and of `delete`, a column of the key each."""
        if not keys:
            return tuple("{}" for _ in self.row.KEY)
        return tuple(map(literal, zip(*keys, strict=True)))

    def ddl(self) -> list[str]:
        """Statements that make the table and its indexes."""
        body = ", ".join(
            f"{c.name} {c.type}{'' if c.nullable else ' not null'}" for c in self.columns
        )
        key = ", ".join(self.row.KEY)
        make = (
            f"create table {self.name} ({body}, primary key ({key})) "
            f"with (fillfactor = {FILLFACTOR})"
        )
        return [make, *(self._index(columns) for columns in self.row.INDEXES)]

    def _index(self, over: Sequence[str]) -> str:
        name = "_".join((self.view, *over, "idx"))
        return f"create index {name} on {self.name} ({', '.join(over)})"


def _unnest(columns: Sequence[Column]) -> str:
    arrays = ", ".join(f"%s::{c.type.removesuffix(COLLATE)}[]" for c in columns)
    return f"unnest({arrays})"


def checkpoint_ddl(schema: str) -> str:
    """The statement that makes the checkpoints' table.

    `generation` changes when a table is replaced while a runner uses it (`rebuild`). `partitions`
    is the view's number of partitions: it has a row for each of them, or none.
    """
    return (
        f"create table if not exists {schema}.{CHECKPOINTS} ("
        'view text collate "C" not null, partition integer not null, position bigint not null, '
        "version integer not null, generation bigint not null default 0, "
        "partitions integer not null default 1, primary key (view, partition))"
    )


def columns(row: type[Row]) -> tuple[Column, ...]:
    """The table's columns, in the order of the row's fields."""
    hints = get_type_hints(row)
    return tuple(Column(f.name, *_sql(hints[f.name])) for f in structs.fields(row))


def _sql(hint: Any) -> tuple[str, bool]:
    nullable = False
    if get_origin(hint) in (Union, UnionType):
        kinds = [k for k in get_args(hint) if k is not NoneType]
        nullable = len(kinds) < len(get_args(hint))
        (hint,) = kinds
    for kind, sql in _TYPES:
        if isinstance(hint, type) and issubclass(hint, kind):
            return sql, nullable
    raise TypeError(f"no column type for {hint}")
