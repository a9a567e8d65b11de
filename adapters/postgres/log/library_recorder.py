"""The `eventsourcing` library's ApplicationRecorder contract over the same table as our own.

So the library's recorder test cases prove the table, its order and its conflicts, and its
applications, notification logs and subscriptions run on our log. Tidemark itself appends through
`PostgresRecorder`, which adds expected versions and idempotency; events appended here have no
chain hash and no message id.
"""

import contextlib
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import psycopg
from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    ListenNotifySubscription,
    Notification,
    OperationalError,
    PersistenceError,
    ProgrammingError,
    StoredEvent,
)
from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg_pool import ConnectionPool

from adapters.postgres import versions as schema_versions
from adapters.postgres.link import arrays as postgres_arrays
from adapters.postgres.link.arrays import Bools, Bytes, Ints, Texts
from adapters.postgres.link.connections import Row, connection_arguments
from adapters.postgres.log.append import APPEND
from adapters.postgres.log.tail import CHANNEL
from domain.shared.limits import INT64_MAX

POOL_MAX = 8
STOPPED_S = 0.2  # how soon a subscription notices that it was stopped
VERSION_MAX = 2**31 - 1

SELECT_EVENTS = """
    select version, name, state from log.events
    where stream = %s and version > %s and version <= %s order by version {order} limit %s
"""
SELECT_NOTIFICATIONS = """
    select position, stream, version, name, state from log.events
    where position >= %s and position <= %s {topics} order by position limit %s
"""


class PostgresApplicationRecorder(ApplicationRecorder):
    """A thread-safe recorder with a connection pool; `close` it.

    Streams are named by text originator ids. Notification ids are positions: increasing, and
    contiguous only while no other process writes.
    """

    def __init__(self, url: str, *, settings: str = "") -> None:
        """`settings` of its sessions, beside those of every connection to the log."""
        self.url = url
        words = connection_arguments(url)
        words["options"] = f"{words['options']} {settings}".strip()
        self._pool = ConnectionPool(
            url, kwargs=words, configure=postgres_arrays.register,
            min_size=1, max_size=POOL_MAX, open=True,
        )  # fmt: skip
        try:
            self._check_schema()
        except BaseException:
            self._pool.close()
            raise

    def _check_schema(self) -> None:
        schema_versions.ready(self.url, "log")

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """Insert all or none; returns their notification ids.

        Raises:
            IntegrityError: one of them has the id and version of an event that is there.
        """
        if not stored_events:
            return []
        count = len(stored_events)
        rows = self._rows(
            APPEND,
            Texts.of([str(e.originator_id) for e in stored_events]),
            Ints.of([e.originator_version for e in stored_events]),
            Texts.of([e.topic for e in stored_events]),
            Bytes.of([bytes(e.state) for e in stored_events]),
            Bytes.of([b""] * count), Ints.of([0] * count), Ints.of([0] * count),
            Texts.of([""] * count), Bytes.of([b""] * count), Bools.of([False] * count),
            Texts.of([]), Ints.of([]), Texts.of([]), Bytes.of([]), Bools.of([]),
            Texts.of([]), Ints.of([]), Bools.of([]),
            datetime.now(UTC),
        )  # fmt: skip
        base = int(rows[0][0])
        return list(range(base + 1, base + count + 1))

    def select_events(
        self,
        originator_id: Any,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        rows = self._rows(
            SELECT_EVENTS.format(order="desc" if desc else "asc"),
            str(originator_id),
            -1 if gt is None else gt,
            VERSION_MAX if lte is None else lte,
            INT64_MAX if limit is None else limit,
        )
        return [StoredEvent(originator_id, *row) for row in rows]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        first = 0 if start is None else start + (not inclusive_of_start)
        last = INT64_MAX if stop is None else stop
        wanted = [Texts.of(list(topics))] if topics else []
        rows = self._rows(
            SELECT_NOTIFICATIONS.format(topics="and name = any(%s)" if topics else ""),
            first, last, *wanted, limit,
        )  # fmt: skip
        return [
            Notification(id=row[0], originator_id=row[1], originator_version=row[2],
                         topic=row[3], state=row[4])
            for row in rows
        ]  # fmt: skip

    def max_notification_id(self) -> int | None:
        [(position,)] = self._rows("select max(position) from log.events")
        return None if position is None else int(position)

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> "PostgresSubscription":
        return PostgresSubscription(self, gt=gt, topics=topics)

    def close(self) -> None:
        self._pool.close()

    def _rows(self, query: str, *parameters: object) -> list[Row]:
        try:
            with self._pool.connection() as connection:
                cursor = connection.cursor(binary=True)
                return cursor.execute(query.encode(), parameters).fetchall()
        except UniqueViolation as e:
            raise IntegrityError(str(e)) from e
        except psycopg.OperationalError as e:
            raise OperationalError(str(e)) from e
        except psycopg.Error as e:
            raise PersistenceError(str(e)) from e


class ReadOnlyRecorder(PostgresApplicationRecorder):
    """A notification log over ours for a service that only reads (`docs/eventsourcing.md`).

    It never migrates: a service with a newer build would take the log from an older platform.
    """

    def __init__(self, url: str) -> None:
        """
        Raises:
            SchemaMismatch: the log there is not one of this build, or there is none.
        """
        super().__init__(url, settings="-c default_transaction_read_only=on")

    def _check_schema(self) -> None:
        schema_versions.require(self.url, "log")

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """
        Raises:
            ProgrammingError: always.
        """
        raise ProgrammingError("this recorder only reads the log")


class PostgresSubscription(ListenNotifySubscription[PostgresApplicationRecorder]):
    """Iterates over notifications, old and new; a thread LISTENs and wakes the puller."""

    CHANNEL: ClassVar[str] = CHANNEL

    def __init__(
        self,
        recorder: PostgresApplicationRecorder,
        gt: int | None = None,
        topics: Sequence[str] = (),
    ) -> None:
        super().__init__(recorder=recorder, gt=gt, topics=topics)
        self._listen_thread = threading.Thread(target=self._listen, daemon=True)
        self._listen_thread.start()

    def __exit__(self, *args: object, **kwargs: Any) -> None:
        try:
            super().__exit__(*args, **kwargs)
        finally:
            self._listen_thread.join()

    def _listen(self) -> None:
        try:
            with self._connect() as connection:
                connection.execute(f"listen {self.CHANNEL}".encode())
                self._has_been_notified.set()  # for events committed before the LISTEN
                while not self._has_been_stopped:
                    for _ in connection.notifies(timeout=STOPPED_S, stop_after=1):
                        self._has_been_notified.set()
        except psycopg.Error as e:
            self._thread_error = OperationalError(str(e))
            self.stop()

    def _connect(self) -> "contextlib.AbstractContextManager[Connection[Row]]":
        url = self._recorder.url
        return Connection.connect(url, **connection_arguments(url))
