"""The street's own books: what bank and custodian say stands on our client accounts.

Fed by what the counterparties themselves report (each confirmation and each entry once, by its
own id), not by our ledger; the controls hold our ledger against it. It outlives us: a table in
its own schema, or a dict for tests and crash runs.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from psycopg import Connection

from adapters import schema_versions
from adapters.postgres_steady import Steady


class Entry(NamedTuple):
    """One line of a statement. + we hold more."""

    id: str
    kind: str  # cash or stock
    unit: str
    amount: Decimal


class Statement(Protocol):
    position: int  # of our log, up to which the bank has seen what we told it

    def book(self, entries: Iterable[Entry], /, *, position: int | None = None) -> None: ...

    def cash(self) -> dict[str, Decimal]: ...

    def stock(self) -> dict[str, Decimal]: ...


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

    def cash(self) -> dict[str, Decimal]:
        return dict(self._sums["cash"])

    def stock(self) -> dict[str, Decimal]:
        return dict(self._sums["stock"])


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

    def cash(self) -> dict[str, Decimal]:
        return self._sums("cash")

    def stock(self) -> dict[str, Decimal]:
        return self._sums("stock")

    def close(self) -> None:
        self._db.close()

    def _sums(self, kind: str) -> dict[str, Decimal]:
        rows = self._db.execute(
            "select unit, sum(amount) from street.entries where kind = %s group by unit", (kind,)
        )
        out: dict[str, Decimal] = defaultdict(Decimal)
        out.update({unit: Decimal(amount) for unit, amount in rows})
        return dict(out)


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
