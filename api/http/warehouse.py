"""The analysts' endpoint: SQL in, bounded JSON out.

The statement is the body as application/sql, or `{"query": ...}` as application/json: types that a
web page cannot send to another site without permission. A caller (an address) has one statement
running; another one waits its turn, and is refused with Retry-After if the wait is too long. A
statement is ended when its caller disconnects. Values that JSON can hold exactly are plain JSON;
decimals, dates, times and 64-bit integers beyond 2^53 are strings.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.http import bodies, strict_json
from api.http.problems import Problem, unavailable
from api.http.throttle import address_of
from api.http.warehouse_line import Line, NoTurn
from api.http.warehouse_rows import TooLarge, body_of
from api.ports import Warehouse, WarehouseError, WarehouseUnavailable

SQL = "application/sql"
SQL_MAX = 64 << 10
JSON_MAX = 6 * SQL_MAX  # a character of a statement takes up to 6 bytes as an escape
ROWS_MAX = 10_000
TIMEOUT_S = 30.0
RETRY_AFTER_S = 5
TOO_LARGE, BUSY = 396, 202  # ClickHouse's error codes
GONE = 499  # never read: the caller has closed the connection

T = TypeVar("T")


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    query: str


class WarehouseDoor:
    """`POST /warehouse`."""

    def __init__(self, warehouse: Warehouse | None) -> None:
        self._warehouse = warehouse
        self._line = Line()

    async def query(self, http: Request) -> Response:
        """Run one read-only statement; answer with `{columns, rows}`."""
        if self._warehouse is None:
            raise Problem(503, "warehouse_off", "this server runs without a warehouse")
        sql = await _statement(http)
        warehouse = self._warehouse
        found = await _while_waited_for(http, lambda: self._answer(warehouse, http, sql))
        return Response(status_code=GONE) if found is None else found

    async def _answer(self, warehouse: Warehouse, http: Request, sql: str) -> Response:
        try:
            async with self._line.turn(address_of(http.scope)):
                answer = await warehouse.readonly(sql, max_rows=ROWS_MAX, timeout_s=TIMEOUT_S)
                body = await asyncio.to_thread(body_of, answer.columns, answer.rows)
        except NoTurn as error:
            raise _later(429 if error.own else 503, str(error)) from error
        except TooLarge as error:
            raise Problem(400, "statement_declined", str(error), code=TOO_LARGE) from error
        except WarehouseError as error:
            if error.code == BUSY:
                raise _later(503, str(error)) from error
            raise Problem(400, "statement_declined", str(error), code=error.code) from error
        except WarehouseUnavailable as error:
            raise unavailable("warehouse_unavailable", str(error)) from error
        return Response(body, media_type=bodies.JSON)


async def _statement(http: Request) -> str:
    """The SQL text of a request.

    Raises:
        Problem: 415 another type, 413 too long, 400 not text, or not an object with just `query`.
    """
    kind = bodies.media_type(http)
    if kind not in (SQL, bodies.JSON):
        detail = f'send the statement as {SQL}, or {bodies.JSON} {{"query": ...}}, in UTF-8'
        raise Problem(415, "unsupported_media_type", detail)
    raw = await bodies.read(http, SQL_MAX if kind == SQL else JSON_MAX)
    sql = _text(raw) if kind == SQL else _field(raw)
    if len(sql.encode()) > SQL_MAX:
        raise bodies.too_large(SQL_MAX)
    if not sql.strip():
        raise Problem(400, "invalid_text", "the statement is empty")
    return sql


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise Problem(400, "invalid_text", f"the statement is not UTF-8: {error}") from error


def _field(raw: bytes) -> str:
    try:
        return msgspec.convert(strict_json.loads(raw), _Asked).query
    except ValueError as error:
        raise Problem(400, "invalid_input", f'expected {{"query": text}}: {error}') from error


async def _while_waited_for(http: Request, act: Callable[[], Awaitable[T]]) -> T | None:
    """The result of `act`; if the caller disconnects first, `act` is cancelled: None."""
    acting, gone = asyncio.ensure_future(act()), asyncio.ensure_future(_disconnected(http))
    try:
        await asyncio.wait({acting, gone}, return_when=asyncio.FIRST_COMPLETED)
        return await acting if acting.done() else None
    finally:
        gone.cancel()
        acting.cancel()


async def _disconnected(http: Request) -> None:
    while (await http.receive())["type"] != "http.disconnect":
        pass


def _later(status: int, detail: str) -> Problem:
    headers = {"Retry-After": str(RETRY_AFTER_S)}
    return Problem(status, "statements_waiting", detail, headers=headers)
