"""Ledger balances from each engine, for the controls to compare, without lines of zero.

The read models have balances at one moment and report its positions; the warehouse has them at any
position. The clients' debt to the house is computed at the log's end: from the read models, plus
the events after them.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

import psycopg

from adapters.bus.page import partition_of
from adapters.log.recorder import TURN_PAGE, Unavailable
from adapters.postgres.views.layout import positions_of
from adapters.postgres.views.sink import PostgresSink
from domain import ledger
from projections.ledger import balances
from projections.ledger.balances import Balance
from projections.ledger.controls import Line, Served, add, by_unit
from projections.ports import Log, Row

if TYPE_CHECKING:
    from adapters.warehouse.client import Warehouse  # would import the client of ClickHouse

DUES = "C.DUE"
_POSTGRES = """select account, owner, ref, unit, sum(amount) from {schema}.balances
group by account, owner, ref, unit having sum(amount) <> 0"""
_DUES = """select account, owner, ref, unit, sum(amount) from {schema}.balances
where account = 'C.DUE' group by account, owner, ref, unit having sum(amount) <> 0"""
_WAREHOUSE = """SELECT account, owner, ref, unit, sum(amount) FROM postings
WHERE position <= {position:UInt64}
GROUP BY account, owner, ref, unit HAVING sum(amount) != 0"""


async def from_postgres(sink: PostgresSink) -> Served:
    """The rows of the view `balances` and its positions, in one database snapshot."""
    return await _served(sink, _POSTGRES)


async def dues_served(sink: PostgresSink) -> Served:
    """As `from_postgres`, but only C.DUE; empty if the view has no table yet.

    Raises:
        Unavailable: the database cannot be reached.
    """
    try:
        return await _served(sink, _DUES)
    except psycopg.errors.UndefinedTable:
        return Served({}, ())
    except psycopg.OperationalError as e:
        raise Unavailable(f"read models: {str(e).strip()}") from e


async def dues_at_end(log: Log, served: Served) -> dict[str, Decimal]:
    """The clients' debt to the house at the log's end, by currency.

    Args:
        served: at least C.DUE from the read models. If it is empty, the whole log is read.
    """
    found = {line: amount for line, amount in served.balances.items() if line.account == DUES}
    positions = served.positions or (0,)
    position = min(positions)
    while page := await log.after(position, limit=TURN_PAGE):
        for arrived in page:
            if arrived.position > positions[partition_of(arrived.home, len(positions))]:
                for entry in ledger.entries(arrived.event):
                    add(found, (p for p in entry.postings if p.account == DUES))
        position = page[-1].position
        await asyncio.sleep(0)
    return {unit: -amount for unit, amount in by_unit(found, DUES).items()}


async def _served(sink: PostgresSink, sql: str) -> Served:
    async with sink.snapshot() as connection:
        cursor = await connection.execute(sql.format(schema=sink.schema).encode())
        rows = await cursor.fetchall()
        positions = await positions_of(connection, sink.table(balances))
    return Served({Line(*row[:4]): Decimal(row[4]) for row in rows}, positions)


async def from_warehouse(warehouse: "Warehouse", position: int) -> dict[Line, Decimal]:
    """The sums of all postings up to and including a log position."""
    answer = await warehouse.query(_WAREHOUSE, {"position": position})
    return {Line(*(str(v) for v in row[:4])): Decimal(row[4]) for row in answer.rows}


def from_rows(rows: Iterable[Row]) -> dict[Line, Decimal]:
    """The balances in rows of the view `balances`, from any sink."""
    out: dict[Line, Decimal] = defaultdict(Decimal)
    for row in rows:
        assert isinstance(row, Balance)
        out[Line(row.account, row.owner, row.ref, row.unit)] += row.amount
    return {line: amount for line, amount in out.items() if amount}
