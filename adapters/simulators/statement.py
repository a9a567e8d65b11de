"""The street's own books: the balances of our client accounts at bank and custodian.

They are built from the counterparties' own reports (each confirmation and each entry once, by its
own id), not from our ledger; the controls compare our ledger with them. They survive our process:
in a table of their own schema, or in a dict for tests and crash runs.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from psycopg import Connection

from adapters.postgres import versions as schema_versions
from adapters.postgres.link.blocking import BlockingConnection

_CLOSING = """with at as (select coalesce((select position from street.read), 0) as position)
select position, kind, unit, sum(amount) from at left join street.entries on true
group by position, kind, unit"""


class Entry(NamedTuple):
    """One line of a statement. A positive amount adds to our holdings."""

    id: str
    kind: str  # cash or stock
    unit: str
    amount: Decimal


class Closing(NamedTuple):
    """The balances at bank and custodian at one moment."""

    position: int  # in our log, up to which the bank had received our messages
    cash: dict[str, Decimal]
    stock: dict[str, Decimal]


class Kept(NamedTuple):
    """The whole content of the street's tables at one moment."""

    positions: Sequence[tuple[bool, int | None]]  # the rows of street.read: normally one, with True
    entries: dict[str, Entry]


class Statement(Protocol):
    position: int  # in our log, up to which the bank has received our messages

    def book(self, entries: Iterable[Entry], /, *, position: int | None = None) -> None: ...

    def closing(self) -> Closing: ...


class MemoryStatement:
    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._sums: dict[str, dict[str, Decimal]] = {"cash": {}, "stock": {}}
        self.position = 0

    def book(self, entries: Iterable[Entry], /, *, position: int | None = None) -> None:
        for entry in entries:
            if entry.id not in self._entries:
                self._entries[entry.id] = entry
                sums = self._sums[entry.kind]
                sums[entry.unit] = sums.get(entry.unit, Decimal(0)) + entry.amount
        if position is not None:
            self.position = position

    def closing(self) -> Closing:
        return Closing(self.position, dict(self._sums["cash"]), dict(self._sums["stock"]))


class PostgresStatement:
    def __init__(self, url: str) -> None:
        self._db = BlockingConnection(url, "the street's statement")
        schema_versions.ready(url, "views")
        found = self._db.execute("select position from street.read")
        self.position: int = found[0][0] if found else 0

    def book(self, entries: Iterable[Entry], /, *, position: int | None = None) -> None:
        rows = list(entries)
        if not rows and position is None:
            return
        self._db.run(lambda connection: _book(connection, rows, position))
        if position is not None:
            self.position = position

    def closing(self) -> Closing:
        """Sums and position in one SQL statement, so that both are of one moment."""
        position, sums = 0, dict[str, dict[str, Decimal]](cash={}, stock={})
        for position, kind, unit, amount in self._db.execute(_CLOSING):  # noqa: B007
            if kind is not None:
                sums[kind][unit] = Decimal(amount)
        return Closing(position, sums["cash"], sums["stock"])

    def everything(self) -> Kept:
        return self._db.run(_everything)

    def close(self) -> None:
        self._db.close()


def _everything(connection: Connection[Any]) -> Kept:
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        read = connection.execute("select one, position from street.read order by 1").fetchall()
        rows = connection.execute("select id, kind, unit, amount from street.entries").fetchall()
    return Kept(read, {row[0]: Entry._make(row) for row in rows})


def _book(connection: Connection[Any], entries: Sequence[Entry], position: int | None) -> None:
    """Book entries and position in one database transaction; idempotent."""
    with connection.transaction():
        if entries:
            columns = [list(c) for c in zip(*entries, strict=True)]
            connection.execute(
                "insert into street.entries select * from "
                "unnest(%s::text[], %s::text[], %s::text[], %s::numeric[]) "
                "on conflict do nothing",
                columns,
            )
        if position is not None:
            connection.execute(
                "insert into street.read values (true, %s) "
                "on conflict (one) do update set position = excluded.position",
                (position,),
            )
