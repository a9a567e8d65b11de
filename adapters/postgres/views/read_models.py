"""The SQL of the serving side: rows of the views' tables by key, by parent, and by page.

The statements follow from a view's row type, as its table does (`adapters.postgres.views.tables`);
callers name views and columns, never SQL. All names come from code, all values travel as
parameters. Lists are in the order of the table's key and paged by key, never by offset.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from adapters.log.recorder import Unavailable
from adapters.postgres.link.connections import arguments, pool
from adapters.postgres.views.tables import CHECKPOINTS, Table
from adapters.reads import OPERATIONS, Identity, LedgerLine, TooManyRows, Totals, Unfit
from projections.engine.checksum import key_of
from projections.ledger import balances
from projections.ledger.client_money import CloseFigures, Sums, close_figures_of
from projections.ports import Key, Row, View

CONNECTIONS_MAX = 8
PATIENCE_S = 5.0  # longest wait for a connection; then the read is Unavailable
STATEMENT_MS = 10_000
ROWS_MAX = 100_000
"""What one statement may return; more is an error, not a silent cut."""

OPTIONS = (
    "-c default_transaction_read_only=on -c timezone=UTC -c application_name=reads "
    f"-c statement_timeout={STATEMENT_MS} -c tidemark.role=operations"
)
_IDENTIFY = (
    "select set_config('tidemark.role', %s, true), set_config('tidemark.client_ids', %s, true), "
    "set_config('tidemark.account_ids', %s, true)"
)
CLIENT_MONEY_SUMS = {
    "owed": "sum(greatest(settled, 0)) filter (where account_id <> '')",
    "in_debit": "sum(greatest(-settled, 0)) filter (where account_id <> '')",
    "shared": "sum(settled) filter (where account_id = '')",
    "in_flight": "sum(in_flight)",
    "tax": "sum(tax)",
    "due": "sum(due)",
    "resource": "sum(resource)",
}
"""Field of `projections.ledger.client_money.Sums` -> the database's sum for it."""


class Reader:
    """Reads over one connection, or over any free connection of the pool."""

    def __init__(self, schema: str, fetch: Callable[..., Any]) -> None:
        self._schema, self._fetch = schema, fetch

    async def positions(self) -> Mapping[str, int]:
        """The position of each view: the lowest of its partitions' checkpoints."""
        sql = f"select view, min(position) from {self._schema}.{CHECKPOINTS} group by view"
        return {view: int(at) for view, at in await self._fetch(sql, ())}

    async def checkpoints(self) -> Mapping[str, Mapping[int, int]]:
        """The position of each partition of each view."""
        sql = f"select view, partition, position from {self._schema}.{CHECKPOINTS}"
        out: dict[str, dict[int, int]] = {}
        for view, partition, at in await self._fetch(sql, ()):
            out.setdefault(view, {})[partition] = int(at)
        return out

    async def changed(
        self, view: View, since: int, *, column: str = "", values: Collection[str] = ()
    ) -> list[Row]:
        """Rows last changed after a position; with `column`, only those with one of the values.

        Raises:
            TooManyRows: more than `ROWS_MAX`.
        """
        table = Table(self._schema, view)
        only = f"and {_column(table, column)} = any(%s) " if column else ""
        sql = (
            f"select {_list(table)} from {table.name} where position > %s {only}"
            f"limit {ROWS_MAX + 1}"
        )
        found = await self._fetch(sql, (since, list(values)) if column else (since,))
        if len(found) > ROWS_MAX:
            raise TooManyRows(f"{view.NAME}: more than {ROWS_MAX} rows")
        return _rows(table, found)

    async def rows(self, view: View, keys: Collection[Key]) -> Mapping[Key, Row]:
        """The rows of these keys, as far as they exist."""
        table = Table(self._schema, view)
        found = _rows(table, await self._fetch(table.select, table.keys(keys)))
        take = key_of(view.ROW)
        return {take(row): row for row in found}

    async def having(self, view: View, column: str, values: Collection[str]) -> list[Row]:
        """All rows whose `column` is one of `values`, in key order.

        Raises:
            TooManyRows: more than `ROWS_MAX`.
        """
        table = Table(self._schema, view)
        sql = (
            f"select {_list(table)} from {table.name} where {_column(table, column)} = any(%s) "
            f"order by {_key(table)} limit {ROWS_MAX + 1}"
        )
        found = await self._fetch(sql, (list(values),))
        if len(found) > ROWS_MAX:
            raise TooManyRows(f"{view.NAME}: more than {ROWS_MAX} rows")
        return _rows(table, found)

    async def page(
        self, view: View, where: Mapping[str, str], *, first: int, after: Sequence[str] | None
    ) -> list[Row]:
        """Up to `first` rows with these values in these columns, after a key."""
        table = Table(self._schema, view)
        terms = [f"{_column(table, name)} = %s" for name in where]
        if after is not None:
            terms.append(_beyond(table))
        condition = f"where {' and '.join(terms)} " if terms else ""
        sql = f"select {_list(table)} from {table.name} {condition}order by {_key(table)} limit %s"
        found = await self._fetch(sql, (*where.values(), *(after or ()), first))
        return _rows(table, found)

    async def pages(
        self,
        view: View,
        column: str,
        parents: Collection[str],
        *,
        first: int,
        after: Sequence[str] | None,
    ) -> Mapping[str, list[Row]]:
        """For each parent, a page of the rows that have it in `column`."""
        table = Table(self._schema, view)
        beyond = f"and {_beyond(table)} " if after is not None else ""
        sql = (
            f"select p.parent, r.* from unnest(%s::text[]) as p (parent) cross join lateral "
            f"(select {_list(table)} from {table.name} where {_column(table, column)} = p.parent "
            f"{beyond}order by {_key(table)} limit %s) as r"
        )
        found = await self._fetch(sql, (list(parents), *(after or ()), first))
        out: dict[str, list[Row]] = {parent: [] for parent in parents}
        for parent, *values in found:
            out[parent] += _rows(table, [values])
        return out

    async def ledger(
        self, where: Mapping[str, str], *, first: int, after: Sequence[str] | None
    ) -> list[LedgerLine]:
        """Balances by (account, owner, ref, unit): house rows are sharded, and summed here."""
        terms = [f"{_column(Table(self._schema, balances), name)} = %s" for name in where]
        if after is not None:
            terms.append("(account, owner, ref, unit) > (%s, %s, %s, %s)")
        sql = (
            "select account, owner, ref, unit, sum(debit), sum(credit), sum(amount) "
            f"from {self._schema}.balances where {' and '.join(terms) or 'true'} "
            "group by account, owner, ref, unit order by account, owner, ref, unit limit %s"
        )
        found = await self._fetch(sql, (*where.values(), *(after or ()), first))
        return [LedgerLine(*line) for line in found]

    async def totals(self) -> list[Totals]:
        """The trial balance by book, unit and account of the chart."""
        sql = (
            "select book, unit, account, sum(debit), sum(credit) "
            f"from {self._schema}.trial_balance group by book, unit, account "
            f"order by book, unit, account limit {ROWS_MAX}"
        )
        return [Totals(*line) for line in await self._fetch(sql, ())]

    async def client_money(self) -> list[CloseFigures]:
        """`client_money.close_figures` of every currency, summed by the database."""
        sums = ", ".join(f"coalesce({sql}, 0)" for sql in CLIENT_MONEY_SUMS.values())
        sql = (
            f"select currency, {sums} "
            f"from {self._schema}.client_money group by currency order by currency"
        )
        return [
            close_figures_of(currency, Sums(**dict(zip(CLIENT_MONEY_SUMS, amounts, strict=True))))
            for currency, *amounts in await self._fetch(sql, ())
        ]


class ReadModels(Reader):
    """The views' database. Each of its reads sees its own instant; `snapshot` shares one."""

    statements: int

    def __init__(
        self, url: str, schema: str = "views", *, connections: int = CONNECTIONS_MAX
    ) -> None:
        super().__init__(schema, self._pooled)
        self.statements = 0
        self._pool = pool(
            url, arguments(url, OPTIONS), connections=connections, patience_s=PATIENCE_S,
            check=AsyncConnectionPool.check_connection,
        )  # fmt: skip

    @classmethod
    async def connect(
        cls, url: str, *, schema: str = "views", connections: int = CONNECTIONS_MAX
    ) -> Self:
        """Open the pool; the views' tables need not exist yet.

        Raises:
            Unavailable: the server cannot be reached.
        """
        models = cls(url, schema, connections=connections)
        try:
            await models._pool.open(wait=True, timeout=PATIENCE_S)
        except PoolTimeout as error:
            await models.close()
            raise Unavailable(f"read models: {error}") from error
        return models

    @asynccontextmanager
    async def snapshot(self, identity: Identity = OPERATIONS) -> AsyncIterator[Reader]:
        """A reader whose statements see one instant of the database, with `identity`'s rights.

        Raises:
            Unavailable: no connection within `PATIENCE_S`, or the server went away.
        """
        async with self._connection() as connection:
            await connection.execute("begin isolation level repeatable read read only")
            if identity is not OPERATIONS:
                ids = [",".join(found) for found in (identity.client_ids, identity.account_ids)]
                await connection.execute(_IDENTIFY, (identity.role, *ids))
            turn = asyncio.Lock()

            async def fetch(sql: str, values: Sequence[Any]) -> list[Any]:
                async with turn:
                    return await self._run(connection, sql, values)

            try:
                yield Reader(self._schema, fetch)
            finally:
                await connection.rollback()

    async def close(self) -> None:
        await self._pool.close()

    async def _pooled(self, sql: str, values: Sequence[Any]) -> list[Any]:
        async with self._connection() as connection:
            return await self._run(connection, sql, values)

    async def _run(
        self, connection: AsyncConnection[Any], sql: str, values: Sequence[Any]
    ) -> list[Any]:
        self.statements += 1
        try:
            cursor = await connection.execute(sql.encode(), values, prepare=True)
            return await cursor.fetchall()
        except psycopg.DataError as error:
            raise Unfit(str(error).splitlines()[0]) from error
        except psycopg.errors.InFailedSqlTransaction as error:  # an earlier read failed
            raise Unfit("another part of the same operation was refused") from error

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        try:
            async with self._pool.connection() as connection:
                yield connection
        except (PoolTimeout, psycopg.OperationalError) as error:
            raise Unavailable(f"read models: {str(error).strip()}") from error


def _rows(table: Table, found: Sequence[Sequence[Any]]) -> list[Row]:
    names = [c.name for c in table.columns]
    return [table.row(**dict(zip(names, values, strict=True))) for values in found]


def _list(table: Table) -> str:
    return ", ".join(c.name for c in table.columns)


def _key(table: Table) -> str:
    return ", ".join(table.row.KEY)


def _beyond(table: Table) -> str:
    """`(key) > (values)`, each value cast from text to its column's type."""
    kinds = {c.name: c.type.split()[0] for c in table.columns}
    casts = ", ".join(f"%s::text::{kinds[name]}" for name in table.row.KEY)
    return f"({_key(table)}) > ({casts})"


def _column(table: Table, name: str) -> str:
    """The name, if the table has it: a caller cannot smuggle SQL through a column."""
    if name not in {c.name for c in table.columns}:
        raise ValueError(f"{table.view} has no column {name}")
    return name
