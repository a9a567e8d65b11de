"""Sends analysts' statements to a warehouse: vetted, bounded, and ended when the caller leaves.

The embedded owner vets a statement itself (adapters/clickhouse/engine.py), since it knows its
engine's functions. For a server, this module vets with the same guard. A statement is never
repeated once it was sent: it may have crashed the owner. If a statement does not answer long after
its time and the owner has not exited by itself, this module kills the owner.
"""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple

from adapters.clickhouse import codes
from adapters.clickhouse.owner import Owner
from adapters.clickhouse.statement import (
    Answer,
    Endpoint,
    Lost,
    Statement,
    Unreached,
    WarehouseError,
)
from adapters.host.retry import Retry

THREADS = 4  # threads that wait for answers
ATTEMPTS_MAX = 6  # to reach the owner: one that was killed keeps its lock until it is gone
PAUSE_S, PAUSE_MAX_S = 0.05, 0.8  # 1.5 s in all
PATIENCE_S = 12.0  # beyond a statement's time: its wait in line, and the owner's own grace time


class Link(NamedTuple):
    """A connection to a warehouse that answers."""

    client: Any  # of clickhouse-connect
    endpoint: Endpoint
    owner: Owner | None  # None: a server


class Analysts:
    """Runs statements on threads of their own.

    Args:
        reach: connects to the warehouse, or starts it; the caller gets its exceptions.
        forget: called with the client of a lost link.
    """

    def __init__(self, reach: Callable[[], Link], forget: Callable[[Any], None]) -> None:
        self._reach, self._forget = reach, forget
        self._threads = ThreadPoolExecutor(THREADS, "analyst")
        self._known: dict[Endpoint, frozenset[str]] = {}

    async def ask(self, sql: str, limits: Mapping[str, Any]) -> Answer:
        """The rows of one statement; cancelling the task ends the statement.

        Raises:
            WarehouseError: the statement was refused, exceeded a bound, or crashed the owner.
            ConnectionError: the warehouse cannot be reached.
        """
        under_way = _UnderWay()
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, self._ask, sql, limits, under_way)
        except asyncio.CancelledError:
            under_way.give_up()
            raise

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _ask(self, sql: str, limits: Mapping[str, Any], under_way: "_UnderWay") -> Answer:
        lost: Exception | None = None
        retry = Retry(PAUSE_S, PAUSE_MAX_S)
        for attempt in range(ATTEMPTS_MAX):
            if attempt:
                time.sleep(retry.next_s())
            try:
                link = self._reach()
            except ConnectionError as error:
                lost = error
                continue
            statement = Statement(link.endpoint, _bounds(link.client, limits))
            under_way.begin(statement)
            try:
                text = sql if link.owner else self._vetted(sql, link)
                return _waited(statement, text, limits, link.owner)
            except (Unreached, _EndedOwner) as error:
                self._forget(link.client)
                if isinstance(error, _EndedOwner):
                    raise error.cause from error
                lost = error
        raise ConnectionError(str(lost)) from lost

    def _vetted(self, sql: str, link: Link) -> str:
        """The text to send to a server, vetted by our tokens and by the server's own parser."""
        from adapters.clickhouse import guard  # noqa: PLC0415 - an embedded owner has its own

        if link.endpoint not in self._known:
            listed = link.client.query(guard.FUNCTIONS_SQL).result_rows
            self._known[link.endpoint] = frozenset(name for (name,) in listed)
        try:
            vetted = guard.vet(sql, self._known[link.endpoint])
        except guard.Refused as error:
            raise WarehouseError(f"Read-only: {error}", error.code) from error
        if vetted.query:
            explain = Statement(link.endpoint, _bounds(link.client, {}))
            tree = explain.bytes(f"EXPLAIN AST {vetted.query}", "TSVRaw", timeout_s=PATIENCE_S)
            database = link.endpoint.database
            if why := guard.objection(tree.decode("utf-8", "replace"), vetted.query, database):
                raise WarehouseError(f"Read-only: {why}", codes.READONLY)
        return vetted.text


class _UnderWay:
    """The statement that a thread waits for; the event loop can give it up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._statement: Statement | None = None
        self._given_up = False

    def begin(self, statement: Statement) -> None:
        with self._lock:
            self._statement = statement
            if self._given_up:
                statement.give_up()

    def give_up(self) -> None:
        with self._lock:
            self._given_up = True
            if self._statement is not None:
                self._statement.give_up()


class _EndedOwner(Exception):
    """A statement's connection was lost; `cause` is the error for its caller."""

    def __init__(self, cause: WarehouseError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _waited(
    statement: Statement, sql: str, limits: Mapping[str, Any], owner: Owner | None
) -> Answer:
    seconds, rows = float(limits["max_execution_time"]), int(limits["max_result_rows"])
    began = time.monotonic()
    try:
        return statement.rows(sql, rows_max=rows, timeout_s=seconds + PATIENCE_S)
    except Lost as error:
        if statement.given_up:
            raise WarehouseError("its caller has disconnected", codes.CANCELLED) from error
        took = time.monotonic() - began
        if owner is not None and took >= seconds + PATIENCE_S:
            _kill(owner)
        if took >= seconds:
            raise _EndedOwner(
                WarehouseError("the statement took too long", codes.TIMED_OUT)
            ) from error
        what = "the warehouse ended while it ran the statement, which may need too much memory"
        raise _EndedOwner(WarehouseError(what, codes.OUT_OF_MEMORY)) from error


def _kill(owner: Owner) -> None:
    with suppress(OSError):  # the owner has ended already
        os.kill(owner.pid, signal.SIGKILL)


def _bounds(client: Any, limits: Mapping[str, Any]) -> Mapping[str, Any]:
    """The limits that this user may set; a read-only profile has limits of its own.

    `readonly` of the profile is 0 (we make the statement read-only), 2 (limits may be lowered,
    nothing else set) or 1 (nothing may be set).
    """
    setting = client.server_settings.get("readonly")
    match str(setting.value) if setting else "0":
        case "0":
            return {**limits, "readonly": 1}
        case "1":
            return {}
        case _:
            return limits
