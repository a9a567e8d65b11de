"""Ledger balances as each engine has them, for the controls to compare: zero lines left out.

The read models know one moment, which they tell; the warehouse knows every position.
"""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from adapters.postgres_sink import PostgresSink
from adapters.view_layout import standing
from adapters.warehouse import Warehouse
from projections import balances
from projections.balances import Balance
from projections.controls import Line, Served
from projections.ports import Row

_POSTGRES = """select account, owner, ref, unit, sum(amount) from {schema}.balances
group by account, owner, ref, unit having sum(amount) <> 0"""
_WAREHOUSE = """SELECT account, owner, ref, unit, sum(amount) FROM postings
WHERE position <= {position:UInt64}
GROUP BY account, owner, ref, unit HAVING sum(amount) != 0"""


async def from_postgres(sink: PostgresSink) -> Served:
    """What the view `balances` holds, and where it stands, at one moment of the database."""
    async with sink.snapshot() as connection:
        cursor = await connection.execute(_POSTGRES.format(schema=sink.schema).encode())
        rows = await cursor.fetchall()
        stands = await standing(connection, sink.table(balances))
    return Served({Line(*row[:4]): Decimal(row[4]) for row in rows}, stands)


async def from_warehouse(warehouse: Warehouse, position: int) -> dict[Line, Decimal]:
    """The sums of all postings up to and including a log position."""
    answer = await warehouse.query(_WAREHOUSE, {"position": position})
    return {Line(*(str(v) for v in row[:4])): Decimal(row[4]) for row in answer.rows}


def from_rows(rows: Iterable[Row]) -> dict[Line, Decimal]:
    """Rows of the `balances` view, wherever they lie."""
    out: dict[Line, Decimal] = defaultdict(Decimal)
    for row in rows:
        assert isinstance(row, Balance)
        out[Line(row.account, row.owner, row.ref, row.unit)] += row.amount
    return {line: amount for line, amount in out.items() if amount}
