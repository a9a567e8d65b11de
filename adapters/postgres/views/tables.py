"""From a view's row type to its table: names, DDL, and the statements that move its rows.

Rows travel as one JSON text a statement: msgspec writes it in 1 us a row, a sixth of what psycopg
needs for arrays of the same values, and the folding process is what runs out of time first. The
server's part is the same either way. Decimals are JSON strings, so no digit is lost.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from msgspec import structs

from projections.ports import Row, View

CHECKPOINTS = "checkpoints"
FILLFACTOR = 70  # room for the next version of a row beside it (heap-only updates)

_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),  # before int, of which it is a kind
    (int, "bigint"),
    (Decimal, "numeric"),
    (datetime, "timestamptz"),  # before date, of which it is a kind
    (date, "date"),
    (str, 'text collate "C"'),
    (StrEnum, 'text collate "C"'),
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
        keys = [c for c in self.columns if c.name in view.ROW.KEY]
        key, every = ", ".join(view.ROW.KEY), ", ".join(names)
        record = ", ".join(f"{c.name} {c.type}" for c in self.columns)
        key_record = ", ".join(f"{c.name} {c.type}" for c in keys)
        sets = ", ".join(f"{n} = excluded.{n}" for n in names if n not in view.ROW.KEY)
        matches = " and ".join(f"t.{c.name} = k.{c.name}" for c in keys)
        given = f"json_to_recordset(%s::json) as k ({key_record})"
        prefixed = ", ".join(f"t.{n}" for n in names)
        self.upsert = (
            f"insert into {self.name} ({every}) select {every} "
            f"from json_to_recordset(%s::json) as r ({record}) "
            f"on conflict ({key}) do update set {sets}"
        )
        self.delete = f"delete from {self.name} t using {given} where {matches}"
        self.select = f"select {prefixed} from {given} join {self.name} t on {matches}"
        self.scan = f"select {every} from {self.name} order by {key}"

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


def checkpoint_ddl(schema: str) -> str:
    """`generation` changes when a table is replaced under its runner's feet (`rebuild`).

    `partitions` is how many there are of the view: its rows are all there or none.
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
