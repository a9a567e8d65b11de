"""Statements that every command waits for: prepared once per connection, sent as bytes.

psycopg's cursor inspects the query, each parameter and its own store of prepared statements every
time: half of the Python cost of a read of 32 streams. All else is still psycopg: its generators
talk to the server, its connection waits and cancels, its loaders make the rows.
"""

from collections.abc import Generator, Sequence
from itertools import count
from typing import Any
from weakref import WeakSet

from psycopg import AsyncConnection, InterfaceError
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.generators import execute
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult

from adapters.postgres.link.arrays import Packed
from adapters.postgres.link.connections import Row

_numbers = count(1)
_Talk = Generator[Any, Any, PGresult]


class Statement:
    """Args: `sql` with %s for each parameter, and the kinds of these."""

    def __init__(self, sql: str, *kinds: type[Packed]) -> None:
        first, *rest = sql.split("%s")
        parts = [f"${n}{part}" for n, part in enumerate(rest, 1)]
        if len(parts) != len(kinds):
            raise ValueError(f"{len(parts)} parameters, {len(kinds)} kinds: {sql}")
        self._sql = "".join((first, *parts)).encode()
        self._name = f"tidemark_{next(_numbers)}".encode()
        self._oids = [kind.OID for kind in kinds]
        self._formats = [Format.BINARY] * len(kinds)
        self._prepared = WeakSet[AsyncConnection[Any]]()

    async def rows(self, connection: AsyncConnection[Any], *parameters: Packed) -> list[Row]:
        """Run the statement on a connection that no other task uses meanwhile.

        Raises:
            psycopg.Error: as a cursor would.
        """
        if connection not in self._prepared:
            self._checked(connection, await connection.wait(self._prepare(connection)))
            self._prepared.add(connection)
        result = await connection.wait(self._run(connection, [p.value for p in parameters]))
        loaders = Transformer(connection)
        loaders.set_pgresult(self._checked(connection, result))
        return loaders.load_rows(0, result.ntuples, tuple)

    def _prepare(self, connection: AsyncConnection[Any]) -> _Talk:
        connection.pgconn.send_prepare(self._name, self._sql, self._oids)
        return self._answer((yield from execute(connection.pgconn)))

    def _run(self, connection: AsyncConnection[Any], values: Sequence[bytes]) -> _Talk:
        connection.pgconn.send_query_prepared(
            self._name, values, param_formats=self._formats, result_format=Format.BINARY
        )
        return self._answer((yield from execute(connection.pgconn)))

    def _answer(self, results: Sequence[PGresult]) -> PGresult:
        if len(results) != 1:
            raise InterfaceError(f"{len(results)} results of one statement")
        return results[0]

    def _checked(self, connection: AsyncConnection[Any], result: PGresult) -> PGresult:
        if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            raise error_from_result(result, encoding=connection.info.encoding)
        return result
