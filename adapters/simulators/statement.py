"""The street's own books: what bank and custodian say stands on our client accounts.

Fed by what the counterparties themselves report (each confirmation and each entry once, by its
own id), not by our ledger; the controls hold our ledger against it. It outlives us: a table in
its own schema, or a dict for tests and crash runs.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from psycopg import Connection

from adapters.postgres import versions as schema_versions
from adapters.postgres.link.steady import Steady

_CLOSING = """with at as (select coalesce((select position from street.read), 0) as position)
select position, kind, unit, sum(amount) from at left join street.entries on true
group by position, kind, unit"""


class Entry(NamedTuple):
    """One line of a statement. + we hold more."""

    id: str
    kind: str  # cash or stock
    unit: str
    amount: Decimal


class Closing(NamedTuple):
    """What bank and custodian say at one moment."""

    position: int  # of our log, up to which the bank had seen what we told it
    cash: dict[str, Decimal]
    stock: dict[str, Decimal]


class Kept(NamedTuple):
    """Everything that the street's tables hold at one moment."""

    positions: Sequence[tuple[bool, int | None]]  # the rows of street.read: one, with True
    entries: dict[str, Entry]


class Statement(Protocol):
    position: int  # of our log, up to which the bank has seen what we told it

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
        self._db = Steady(url, "the street's statement")
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
        """In one statement, so that sums and position are of one moment."""
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
    """All or nothing; the same again changes nothing."""
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
