"""Ledger balances as each engine has them, for the controls to compare: zero lines left out."""

from decimal import Decimal

from adapters.postgres_sink import PostgresSink
from adapters.warehouse import Warehouse
from projections.controls import Line

_POSTGRES = """select account, owner, ref, unit, sum(amount) from {schema}.balances
group by account, owner, ref, unit having sum(amount) <> 0"""
_WAREHOUSE = """SELECT account, owner, ref, unit, sum(amount) FROM postings
GROUP BY account, owner, ref, unit HAVING sum(amount) != 0"""


async def from_postgres(sink: PostgresSink) -> dict[Line, Decimal]:
    async with sink.snapshot() as connection:
        cursor = await connection.execute(_POSTGRES.format(schema=sink.schema))
        rows = await cursor.fetchall()
    return {Line(*row[:4]): Decimal(row[4]) for row in rows}


async def from_warehouse(warehouse: Warehouse) -> dict[Line, Decimal]:
    answer = await warehouse.query(_WAREHOUSE)
    return {Line(*(str(v) for v in row[:4])): Decimal(row[4]) for row in answer.rows}
