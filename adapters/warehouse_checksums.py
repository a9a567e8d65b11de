"""Checksums of the warehouse's tables, computed by the warehouse itself over all rows up to a
position: SHA-256 over the rows' own SHA-256 in key order, so that they do not depend on parts."""

from typing import Any

from adapters.warehouse import Warehouse
from projections.facts import FACTS

_SQL = """SELECT count(), lower(hex(SHA256(arrayStringConcat(
    groupArray(row), '')))) FROM (
    SELECT SHA256(toString(tuple(*))) AS row FROM {table}
    WHERE position <= {{position:Int64}} ORDER BY position, leg)"""


async def table_checksums(warehouse: Warehouse, position: int) -> dict[str, dict[str, Any]]:
    out: dict[str, dict[str, Any]] = {}
    for fact in FACTS:
        answer = await warehouse.query(_SQL.format(table=fact.TABLE), {"position": position})
        rows, digest = answer.rows[0]
        out[fact.TABLE] = {"rows": int(rows), "hash": str(digest)}
    return out
