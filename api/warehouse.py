"""The analysts' door over HTTP: SQL text in, bounded JSON out; the engine keeps it read-only.

Values are JSON as they are when JSON can hold them exactly; decimals, dates, times and 64-bit
integers beyond 2^53 are strings.
"""

from datetime import date
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api import bodies, wire
from api.ports import Warehouse, WarehouseError, WarehouseUnavailable
from api.problems import Problem, unavailable

SQL_MAX = 64 << 10
ROWS_MAX = 10_000
TIMEOUT_S = 30.0
EXACT_INTEGER_MAX = 2**53


class WarehouseDoor:
    """`POST /warehouse`."""

    def __init__(self, warehouse: Warehouse | None) -> None:
        self._warehouse = warehouse

    async def query(self, http: Request) -> Response:
        """Rows of one read-only statement, as `{columns, rows}`."""
        if self._warehouse is None:
            raise Problem(503, "warehouse_off", "this server runs without a warehouse")
        sql = _text(await bodies.read(http, SQL_MAX))
        try:
            answer = await self._warehouse.readonly(sql, max_rows=ROWS_MAX, timeout_s=TIMEOUT_S)
        except WarehouseError as error:
            raise Problem(400, "statement_declined", str(error), code=error.code) from error
        except WarehouseUnavailable as error:
            raise unavailable("warehouse_unavailable", str(error)) from error
        rows = [[_value(v) for v in row] for row in answer.rows]
        body = {"columns": list(answer.columns), "rows": rows}
        return Response(wire.dump(body), media_type=bodies.JSON)


def _text(raw: bytes) -> str:
    try:
        sql = raw.decode()
    except UnicodeDecodeError as error:
        raise Problem(400, "invalid_text", f"the statement is not UTF-8: {error}") from error
    if not sql.strip():
        raise Problem(400, "invalid_text", "the body is the statement; it is empty")
    return sql


def _value(value: Any) -> Any:
    match value:
        case bool() | float() | str() | None:
            return value
        case int() if abs(value) <= EXACT_INTEGER_MAX:
            return value
        case Decimal():
            return wire.decimal(value)
        case list() | tuple():
            return [_value(v) for v in value]
        case dict():
            return {str(k): _value(v) for k, v in value.items()}
        case _:
            return value.isoformat() if isinstance(value, date) else str(value)
