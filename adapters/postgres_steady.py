"""A blocking Postgres connection for short, rare, repeatable work; opened again when it was lost.

The log, the views and the sagas have connections of their own kind. This one is for what asks a
table now and then, between two awaits: keys, the simulated statement.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg import Connection

from adapters.postgres_link import CONNECT_S, is_lost
from adapters.recorder import Unavailable

T = TypeVar("T")


class Steady:
    """Args: `what` it is for, in the words of whoever reads the error."""

    def __init__(self, url: str, what: str) -> None:
        self._url, self._what = url, what
        self._connection: Connection[Any] | None = None

    def run(self, work: Callable[[Connection[Any]], T]) -> T:
        """Do `work`, once more on a new connection if the old one was lost.

        It may thus happen twice: let it be of a kind that may.

        Raises:
            Unavailable: the server cannot be reached, or has declined.
        """
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

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._url, autocommit=True, connect_timeout=CONNECT_S
            )
        return self._connection
