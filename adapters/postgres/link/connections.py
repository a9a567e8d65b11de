"""Connections to Postgres: their settings, how they are opened, and what their errors mean."""

import asyncio
import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection, Connection, errors
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool

from adapters.log.recorder import Unavailable
from adapters.postgres.link import arrays as postgres_arrays

Row = tuple[Any, ...]
CONNECT_S = 5  # less than a lease lasts: its holder must know in time that it is lost

# The pool logs every failed attempt, while callers get one `Unavailable`. This handler keeps Python
# from printing those log records; to see them, configure logging.
logging.getLogger("psycopg").addHandler(logging.NullHandler())

# Every query here can use an index. The planner must not choose a sequential scan because a table
# was small, or empty, when the statement was prepared; nor collect a stream's rows into a bitmap
# and sort them, when the index has them in order.
SETTINGS = (
    "-c timezone=UTC -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
    " -c random_page_cost=1 -c jit=off -c default_transaction_isolation=read\\ committed"
    " -c idle_in_transaction_session_timeout=10s"
)
_LOST = {"57P01", "57P02", "57P03", "57P04", "57P05"}  # shut down, crashed, starting, dropped, idle


def arguments(url: str, options: str = "") -> dict[str, Any]:
    """The arguments of every connection to Postgres.

    Args:
        options: server settings, `-c name=value ...`; the URL's own come last and win.
    """
    settings = with_options(url, options)
    own = {"options": settings} if settings else {}
    return {"autocommit": True, "connect_timeout": CONNECT_S} | own


def connect(url: str) -> Connection[Any]:
    """A blocking connection, for work that begins and ends here; it fails after `CONNECT_S`."""
    return Connection.connect(url, **arguments(url))


async def connect_async(url: str, options: str = "") -> AsyncConnection[Any]:
    """An asynchronous connection; it fails after `CONNECT_S`."""
    return await AsyncConnection.connect(url, **arguments(url, options))


def pool(
    url: str,
    kwargs: Mapping[str, Any],
    *,
    connections: int,
    patience_s: float,
    kind: type[AsyncConnection[Any]] = AsyncConnection,
    **more: Any,
) -> AsyncConnectionPool[Any]:
    """A pool for many readers at once, not opened.

    Args:
        kwargs: of each connection: `arguments`.
        connections: at most; one is always open.
        patience_s: longest wait for a connection, and for a new one to replace a lost one.
    """
    return AsyncConnectionPool(
        url, connection_class=kind, kwargs=dict(kwargs), open=False, min_size=1,
        max_size=connections, timeout=patience_s, reconnect_timeout=patience_s, **more,
    )  # fmt: skip


def connection_arguments(url: str) -> dict[str, Any]:
    """The arguments of every connection to the log; the URL's own options come last."""
    own = {"prepare_threshold": 0, "application_name": "tidemark log"}
    return arguments(url, SETTINGS) | own


async def open_connection(url: str) -> AsyncConnection[Row]:
    connection = await AsyncConnection.connect(url, **connection_arguments(url))
    postgres_arrays.register(connection)
    return connection


def with_options(url: str, ours: str) -> str:
    """Server settings for a connection to `url`: ours, then the URL's own, which win."""
    given = str(conninfo_to_dict(url).get("options") or "")
    return f"{ours} {given}".strip()


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection is gone, so that the outcome of the statement is unknown."""
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    state = error.sqlstate
    return state is None or state in _LOST or state.startswith("08")


def unavailable(error: Exception) -> Unavailable:
    """The error as one line for operators."""
    message = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    text = " ".join((message or str(error)).split()) or type(error).__name__
    match error:
        case errors.DiskFull():
            summary = "the event log's disk is full"
        case errors.ReadOnlySqlTransaction():
            summary = "the event log's database is read-only"
        case psycopg.Error() if not is_lost(error):
            summary = "the event log's database refused"
        case _:
            summary = "the event log's database cannot be reached"
    return Unavailable(f"{summary}: {text}", summary=summary)


@contextmanager
def reply_within(connection: AsyncConnection[Row], seconds: float) -> Iterator[None]:
    """Cut the connection when no reply comes; the statement then fails as a lost connection.

    Cancelling does not help: it waits for the answer of the server that does not answer.
    """
    watchdog = asyncio.get_running_loop().call_later(seconds, _cut, connection.fileno())
    try:
        yield
    finally:
        watchdog.cancel()


def _cut(descriptor: int) -> None:
    with socket.socket(fileno=os.dup(descriptor)) as wire:
        wire.shutdown(socket.SHUT_RDWR)
