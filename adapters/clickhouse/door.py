"""The warehouse child's HTTP server: the part of ClickHouse's API that clickhouse-connect uses.

The body or `query` holds the statement, `param_x` its parameters, the rest of the query string
settings; insert bodies are bytes in a format. Errors are 500 with X-ClickHouse-Exception-Code. The
password is the token of the lock file; the user name is ignored.

`readonly=1` selects the analysts' path. It has threads of its own, so that the loader never waits
for analysts, and a short queue. We end a statement when its caller disconnects or its time is over.
If it does not end then (the engine checks the clock only between blocks), this process exits, and
the next process that needs the warehouse starts it again.
"""

import asyncio
import base64
import binascii
import hmac
import json
import os
import re
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from adapters.clickhouse import codes
from adapters.clickhouse.engine import Engine, StatementFailed, seconds_of

BODY_MAX = 512 << 20
THREADS_MAX = 8
ANALYSTS_MAX = 2  # analysts' statements at a time
WAITING_MAX = 8  # statements that may wait for a turn
LINE_S = 5.0  # the longest wait for a turn
OVER_S = 0.5  # beyond a statement's time, before we end it from outside
GRACE_S = 2.0  # for the statement to end after that
HUNG = 5  # exit status: a statement did not end

TRANSPORT = frozenset(
    {
        "database", "buffer_size", "session_id", "session_timeout", "session_check", "query_id",
        "quota_key", "compress", "decompress", "wait_end_of_query", "client_protocol_version",
        "role", "send_progress_in_http_headers", "http_headers_progress_interval_ms",
        "enable_http_compression", "query", "default_format",
        "cancel_http_readonly_queries_on_client_close",
    }
)  # fmt: skip
"""Parameters of the HTTP request that the engine would refuse as unknown settings."""

_INSERT = re.compile(
    rb"\s*(INSERT\s+INTO\s.*?)\s+FORMAT\s+(\w+)[ \t]*\r?\n?", re.IGNORECASE | re.DOTALL
)
_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)

T = TypeVar("T")


class Door:
    """The HTTP server: authenticates and parses a request, and runs its statement on a thread."""

    def __init__(self, engine: Engine, token: str) -> None:
        self._engine = engine
        self._token = token
        self._threads = ThreadPoolExecutor(THREADS_MAX, "statement")
        self._analysts = ThreadPoolExecutor(ANALYSTS_MAX, "analyst")
        self._free = asyncio.Semaphore(ANALYSTS_MAX)
        self._asked = 0
        self._running = 0
        self._last = time.monotonic()

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/ping", self._ping, methods=["GET"]),
                Route("/", self._serve, methods=["GET", "POST"]),
            ]
        )

    @property
    def idle_s(self) -> float:
        return 0.0 if self._running else time.monotonic() - self._last

    async def _ping(self, _: Request) -> Response:
        return PlainTextResponse("Ok.\n")

    async def _serve(self, request: Request) -> Response:
        if not self._knows(request.headers.get("authorization", "")):
            wrong = f"Code: {codes.AUTHENTICATION_FAILED}. Authentication failed"
            return _failure(StatementFailed(wrong), status=403)
        self._running += 1
        try:
            return await self._answer(request)
        except StatementFailed as error:
            return _failure(error)
        finally:
            self._running -= 1
            self._last = time.monotonic()

    def _knows(self, header: str) -> bool:
        kind, _, credentials = header.partition(" ")
        try:
            _, _, password = base64.b64decode(credentials).partition(b":")
        except binascii.Error:
            return False
        return kind.lower() == "basic" and hmac.compare_digest(password, self._token.encode())

    async def _answer(self, request: Request) -> Response:
        query = dict(request.query_params)
        body = await _body(request)
        params = {k[6:]: v for k, v in query.items() if k.startswith("param_")}
        settings = {
            k: v for k, v in query.items() if k not in TRANSPORT and not k.startswith("param_")
        }
        head = query.get("query", "").encode()
        statement = head or body
        if not _readonly(settings) and (insert := _INSERT.match(statement)):
            block = body if head else body[insert.end() :]
            return await self._insert(insert, block, settings)
        sql = (head + b"\n" + body if head and body else statement).decode("utf-8", "replace")
        if _readonly(settings):
            form = query.get("default_format") or "TabSeparated"
            return await self._analyse(request, sql, form, settings)
        return await self._select(sql, query.get("default_format", ""), params, settings)

    async def _insert(
        self, insert: re.Match[bytes], block: bytes, settings: Mapping[str, str]
    ) -> Response:
        sql, form = insert.group(1).decode(), insert.group(2).decode()
        rows = await self._thread(lambda: self._engine.insert(sql, form, block, settings))
        return Response(headers={"X-ClickHouse-Summary": json.dumps({"written_rows": str(rows)})})

    async def _select(
        self, sql: str, form: str, params: Mapping[str, str], settings: Mapping[str, str]
    ) -> Response:
        embedded = _FORMAT.search(sql)
        form = embedded.group(1) if embedded else form or "TabSeparated"
        run = self._engine.run
        out = await self._thread(lambda: run(sql, form, params, settings))
        return _rows(out, form)

    async def _analyse(
        self, request: Request, sql: str, form: str, settings: Mapping[str, str]
    ) -> Response:
        """Run an analyst's statement for as long as its caller waits for it."""
        if self._asked >= ANALYSTS_MAX + WAITING_MAX:
            raise _busy()
        self._asked += 1
        gone = asyncio.ensure_future(_disconnected(request))
        try:
            turn = asyncio.ensure_future(self._free.acquire())
            await _first(turn, gone, timeout_s=LINE_S)
            if not turn.done():
                turn.cancel()
                raise _busy()
            try:
                return _rows(await self._watched(gone, sql, form, settings), form)
            finally:
                self._free.release()
        finally:
            self._asked -= 1
            gone.cancel()

    async def _watched(
        self, gone: "asyncio.Future[None]", sql: str, form: str, settings: Mapping[str, str]
    ) -> bytes:
        tag = secrets.token_hex(8)
        loop, analyse = asyncio.get_running_loop(), self._engine.analyse
        answer = loop.run_in_executor(self._analysts, lambda: analyse(sql, form, settings, tag=tag))
        await _first(answer, gone, timeout_s=seconds_of(settings) + OVER_S)
        if not answer.done():
            loop.run_in_executor(self._threads, self._engine.end, tag)
            await _first(answer, timeout_s=GRACE_S)
            if not answer.done():
                print("a statement did not end in time", file=sys.stderr, flush=True)
                os._exit(HUNG)
        self._engine.forget(tag)
        return await answer

    async def _thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)


def _busy() -> StatementFailed:
    return StatementFailed(f"Code: {codes.TOO_MANY}. Other statements are running; try again")


async def _first(*waited: "asyncio.Future[Any]", timeout_s: float | None = None) -> None:
    """Wait until one of the futures is done, at most `timeout_s`."""
    await asyncio.wait(waited, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)


async def _disconnected(request: Request) -> None:
    """Wait until the caller has closed the connection. The body must have been read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _rows(out: bytes, form: str) -> Response:
    headers = {"X-ClickHouse-Format": form, "X-ClickHouse-Timezone": "UTC"} if out else {}
    return Response(out, headers=headers, media_type="application/octet-stream")


def _readonly(settings: Mapping[str, str]) -> bool:
    return settings.get("readonly", "0") != "0"


async def _body(request: Request) -> bytes:
    """The whole body, bounded; multipart forms (very long parameters) are not supported."""
    if request.headers.get("content-type", "").startswith("multipart/"):
        raise StatementFailed("Code: 48. Form-encoded parameters are not supported")
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > BODY_MAX:
            raise StatementFailed(f"Code: 307. The body is over {BODY_MAX} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _failure(error: StatementFailed, status: int = 500) -> Response:
    headers = {"X-ClickHouse-Exception-Code": str(error.code)}
    return PlainTextResponse(str(error), status_code=status, headers=headers)
