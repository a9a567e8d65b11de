"""A blocking Postgres connection for short, rare, repeatable work; opened again when it is lost.

The log, the views and the sagas have connections of their own kind. This one is for occasional
statements between two awaits: keys, the simulated statement.
"""

from collections.abc import Callable
from threading import RLock
from typing import Any, TypeVar

import psycopg
from psycopg import Connection
from psycopg.pq.abc import PGconn

from adapters.log.recorder import Unavailable
from adapters.postgres.link.connections import connect, is_lost

T = TypeVar("T")


class BlockingConnection:
    """A connection for one purpose.

    Args:
        what: what the connection is for, as error texts name it.
        opened: called with each new connection before it is used.
    """

    def __init__(
        self,
        url: str,
        what: str,
        *,
        opened: Callable[[Connection[Any]], None] = lambda _: None,
    ) -> None:
        self._url, self._what, self._opened = url, what, opened
        self._connection: Connection[Any] | None = None
        self._turn = RLock()  # a reader of the log may call from a thread of its own

    def run(self, work: Callable[[Connection[Any]], T]) -> T:
        """Do `work`; repeat it once on a new connection if the old one was lost.

        So `work` may run twice, and must be safe to repeat.

        Raises:
            Unavailable: the server cannot be reached, or has declined.
        """
        with self._turn:
            for attempts_left in (1, 0):
                try:
                    return work(self._connected())
                except psycopg.OperationalError as e:
                    self.close()
                    if not (attempts_left and is_lost(e)):
                        text = " ".join(str(e).split())
                        raise Unavailable(f"{self._what}: {text}") from e
        raise AssertionError("not reached")

    def execute(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """The rows of one statement."""

        def work(connection: Connection[Any]) -> list[tuple[Any, ...]]:
            cursor = connection.execute(sql.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

        return self.run(work)

    def notices(self) -> list[str]:
        """The payloads of notifications that have arrived; sends nothing to the server.

        A lost connection is opened again first (`opened` is called); notifications sent meanwhile
        are lost.

        Raises:
            Unavailable: the server cannot be reached.
        """
        with self._turn:
            connection = self._connection
            if connection is not None and not connection.closed:
                try:
                    return _arrived(connection.pgconn)
                except psycopg.OperationalError:
                    self.close()
            self.run(lambda _: None)
            return []

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._url)
            self._opened(self._connection)
        return self._connection


def _arrived(wire: PGconn) -> list[str]:
    wire.consume_input()
    found: list[str] = []
    while notice := wire.notifies():
        found.append(notice.extra.decode())
    return found
