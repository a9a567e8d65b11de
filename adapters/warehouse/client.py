"""The warehouse client: the same code for an embedded owner process and a ClickHouse server.

    chdb:///data/warehouse                     attaches to the process that owns the directory,
                                               starting it where there is none
    clickhouse://user:password@host:8123/db    a server
    clickhouses://...:8443/db?ca_cert=FILE     the same with TLS; ca_cert if not of a public CA

After a lost connection (the owner crashed, or ended with the process that had started it) the
client attaches or starts the owner again and repeats the call. Every call of ours is safe to
repeat: queries change nothing, the key of its table undoes an insert that counted twice, and
`command` takes idempotent statements only. Analysts' statements (`readonly`) go through
`adapters.clickhouse.analysts`.
"""

import asyncio
import itertools
import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from adapters.clickhouse import codes
from adapters.clickhouse.analysts import ATTEMPTS_MAX, PAUSE_MAX_S, PAUSE_S, Analysts, Link
from adapters.clickhouse.names import DATABASE
from adapters.clickhouse.owner import Child, NotStarted, attach
from adapters.clickhouse.statement import Answer, Endpoint, WarehouseError
from adapters.host.retry import Retry
from adapters.settings_error import SettingsError
from commands.expected import Expected

if TYPE_CHECKING:
    import pyarrow as pa  # 0.2 s of CPU

__all__ = [
    "Answer", "Warehouse", "WarehouseError", "WarehouseUnavailable", "directory_of", "warehouse_of",
]  # fmt: skip

THREADS = 4
PORTS = {"clickhouse": 8123, "clickhouses": 8443}
OPTIONS = {"ca_cert", "client_cert", "client_cert_key"}
"""The parameters of a server's URL (after `?`): paths of PEM files."""
T = TypeVar("T")


class WarehouseUnavailable(Expected):
    """The warehouse cannot be reached or started; the text is one line for its operator."""


class Warehouse:
    """Connects at the first call, or at `open`; safe to share between tasks."""

    def __init__(self, url: str, *, idle_s: float = 0.0) -> None:
        """`idle_s`: an owner that we start outlives us until it is unused for so many seconds.

        Raises:
            ValueError: not a warehouse URL.
        """
        self._url = urlsplit(url)
        if self._url.scheme not in ("chdb", "clickhouse", "clickhouses"):
            raise ValueError(f"{self._url.scheme}: expected chdb:///directory or clickhouse://...")
        if self._url.scheme == "chdb" and not self._url.path.strip("/"):
            raise ValueError(f"{url!r} names no directory")
        self._tls: dict[str, Any] = dict(parse_qsl(self._url.query))
        if unknown := sorted(self._tls.keys() - OPTIONS):
            raise ValueError(f"{unknown[0]!r} is no option of a warehouse URL: {sorted(OPTIONS)}")
        self._port = _port(self._url)
        self._idle_s = idle_s
        self._threads = ThreadPoolExecutor(THREADS, "warehouse")
        self._connecting = threading.Lock()
        self._closing = threading.Event()
        self._link: Link | None = None
        self._child: Child | None = None
        self._analysts = Analysts(self._connected, self._forget)

    @property
    def missing(self) -> tuple[str, ...]:
        """What the embedded engine's fence lacks on this machine, in words; empty for a server."""
        link = self._link
        return link.owner.missing if link and link.owner else ()

    async def open(self) -> None:
        """Connect now, so that a fault is reported at the start.

        Raises:
            WarehouseUnavailable: it cannot be reached or started.
        """
        await self._call(lambda client: client.command("SELECT 1"), ATTEMPTS_MAX)

    async def query(self, sql: str, params: Mapping[str, Any] | None = None) -> Answer:
        """Rows of our own SQL; parameters as `{name:Type}` in it, times come back in UTC."""
        return await self._call(lambda client: _answer(client, sql, params), ATTEMPTS_MAX)

    async def readonly(self, sql: str, *, max_rows: int, timeout_s: float) -> Answer:
        """Rows of an analyst's SQL: it may only read views, bounded in rows, bytes, memory, time.

        Cancelling it ends the statement.

        Raises:
            WarehouseError: declined: 164 not a plain read, 396 over max_rows, 159 too slow,
                241 too much memory, 202 too many at once.
            WarehouseUnavailable
        """
        limits = {
            "max_result_rows": max_rows,
            "result_overflow_mode": "throw",
            "max_execution_time": max(1, round(timeout_s)),
        }
        try:
            return await self._analysts.ask(sql, limits)
        except ConnectionError as error:
            raise WarehouseUnavailable(f"{self._where()} does not answer: {error}") from error

    async def command(self, sql: str) -> None:
        """Run an idempotent statement (CREATE ... IF NOT EXISTS, CREATE OR REPLACE VIEW)."""
        await self._call(lambda client: client.command(sql), ATTEMPTS_MAX)

    async def insert_arrow(self, table: str, rows: "pa.Table", *, token: str) -> None:
        """Insert one block of columns, at least once: the table's key makes equal rows one.

        The same token with the same rows counts once. An insert that is repeated here after a
        lost connection has a token of its own: ClickHouse keeps a token before it keeps the rows,
        so a server that was killed between the two would drop the repeated rows (ADR 0040).
        """
        attempts = itertools.count()

        def insert(client: Any) -> Any:
            again = next(attempts)
            settings = {
                "insert_deduplication_token": f"{token}#{again}" if again else token,
                "max_partitions_per_insert_block": 0,
            }
            return client.insert_arrow(table, rows, settings=settings)

        await self._call(insert, ATTEMPTS_MAX)

    async def close(self) -> None:
        """Disconnect; stop the owner process if we started it to live only as long as we do."""
        self._closing.set()  # calls that wait for an owner to start give up
        await asyncio.get_running_loop().run_in_executor(self._threads, self._close)
        self._threads.shutdown(wait=False)
        self._analysts.close()

    async def _call(self, operation: Callable[[Any], T], attempts: int) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._attempt, operation, attempts)

    def _attempt(self, operation: Callable[[Any], T], attempts: int) -> T:
        from adapters.clickhouse.connecting import plain_errors  # noqa: PLC0415 - takes .25 s of CPU

        lost: Exception | None = None
        retry = Retry(PAUSE_S, PAUSE_MAX_S)
        for attempt in range(attempts):
            client = None
            if attempt:
                time.sleep(retry.next_s())
            try:
                client = self._connected().client
                with plain_errors():
                    return operation(client)
            except ConnectionError as error:
                lost = error
            self._forget(client)
        raise WarehouseUnavailable(f"{self._where()} does not answer: {_line(lost)}") from lost

    def _connected(self) -> Link:
        """The link; connects if there is none.

        Raises:
            ConnectionError: connecting failed; another attempt may succeed.
            WarehouseUnavailable: connecting failed; another attempt soon would fail, too.
        """
        with self._connecting:
            if self._link is None:
                self._link = self._connect()
            return self._link

    def _connect(self) -> Link:
        try:
            return self._embedded() if self._url.scheme == "chdb" else self._server()
        except NotStarted as error:
            raise WarehouseUnavailable(str(error)) from error
        except ConnectionError as error:
            raise ConnectionError(_line(error)) from error
        except WarehouseError as error:
            if error.code != codes.AUTHENTICATION_FAILED:
                raise
            if self._url.scheme != "chdb":
                raise WarehouseUnavailable(self._unknown_user()) from error
            raise ConnectionError("another owner has taken the port since") from error

    def _embedded(self) -> Link:
        directory = directory_of(self._url.geturl())
        owner, child = attach(directory, idle_s=self._idle_s, closing=self._closing)
        self._child = child or self._child
        to = Endpoint("127.0.0.1", owner.port, DATABASE, owner.token, DATABASE, None)
        return Link(self._client(to, compress=False), to, owner)

    def _server(self) -> Link:
        secure = self._url.scheme == "clickhouses"
        to = Endpoint(
            self._url.hostname or "localhost",
            self._port or PORTS[self._url.scheme],
            unquote(self._url.username or "default"),
            unquote(self._url.password or ""),
            self._url.path.strip("/") or DATABASE,
            tuple(sorted(self._tls.items())) if secure else None,
        )
        return Link(self._client(to, secure=secure), to, None)

    def _client(self, to: Endpoint, **how: Any) -> Any:
        from adapters.clickhouse.connecting import client_of  # noqa: PLC0415 - takes .25 s of CPU

        return client_of(to, self._tls, **how)

    def _forget(self, client: Any) -> None:
        with self._connecting:
            if client is not None and self._link is not None and self._link.client is client:
                self._link = None

    def _close(self) -> None:
        with self._connecting:
            if self._link is not None:
                self._link.client.close()
                self._link = None
            if self._child is not None:
                self._child.stop()
                self._child = None

    def _unknown_user(self) -> str:
        user = unquote(self._url.username or "default")
        return f"{self._where()} refuses user {user!r}: wrong password, or no such user"

    def _where(self) -> str:
        port = f":{self._port}" if self._port else ""
        return f"{self._url.scheme}://{self._url.hostname or ''}{port}{self._url.path}"


def warehouse_of(variable: str, url: str) -> Warehouse:
    """The warehouse that a setting names.

    Raises:
        SettingsError: not a warehouse URL; the text names the variable.
    """
    try:
        return Warehouse(url)
    except ValueError as error:
        raise SettingsError(f"{variable}: {error}") from error


def directory_of(url: str) -> Path:
    """The folder of an embedded warehouse's URL."""
    return Path(unquote(urlsplit(url).path))


def _port(url: SplitResult) -> int | None:
    try:
        return url.port
    except ValueError as error:
        raise ValueError(f"the port of a warehouse URL is 0 to 65535: {error}") from error


def _answer(client: Any, sql: str, params: Mapping[str, Any] | None) -> Answer:
    result = client.query(sql, parameters=dict(params or {}))
    return Answer(tuple(result.column_names), result.result_rows)


def _line(error: Exception | None) -> str:
    text = str(error).strip()
    if cause := re.search(r"\[Errno -?\d+\] [^\"')]+", text):  # the rest is the transport's own
        return cause.group()
    return text.splitlines()[0] if text else type(error).__name__
