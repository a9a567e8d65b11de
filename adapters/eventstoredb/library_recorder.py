"""The `eventsourcing` library's ApplicationRecorder contract over EventStoreDB.

The counterpart of `adapters.postgres.log.library_recorder`: the library's recorder test cases prove
the order, the conflicts and the subscriptions of the log, and the library's applications run on it.
Events appended here have no chain hash and no message id. Versions begin at 1. An insert covers one
stream, because the server commits no more than that at once.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from esdbclient import EventStoreDBClient, NewEvent, RecordedEvent, StreamState
from esdbclient.client import DEFAULT_EXCLUDE_FILTER
from esdbclient.exceptions import (
    EventStoreDBClientException,
    GrpcError,
    NotFound,
    WrongCurrentVersion,
)
from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    Notification,
    OperationalError,
    PersistenceError,
    ProgrammingError,
    StoredEvent,
    Subscription,
)

from adapters.eventstoredb.event import arrived, content
from adapters.log.recorder import Sealed
from domain.shared.limits import INT64_MAX


class EsdbApplicationRecorder(ApplicationRecorder):
    """A thread-safe recorder over one connection; `close` it. Notification ids have gaps."""

    def __init__(self, url: str) -> None:
        self.client = EventStoreDBClient(url)

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """Insert all or none; returns their notification ids.

        Raises:
            IntegrityError: the stream does not end right before the first of them.
            ProgrammingError: they are of several streams, or not in order.
        """
        if not stored_events:
            return []
        stream, first = str(stored_events[0].originator_id), stored_events[0].originator_version
        for version, event in enumerate(stored_events, first):
            if (str(event.originator_id), event.originator_version) != (stream, version):
                raise ProgrammingError("an insert is of one stream, in order")
        if first < 1:
            raise ProgrammingError("versions begin at 1")
        now = datetime.now(UTC)
        with _errors():
            last = self.client.append_to_stream(
                stream,
                current_version=first - 2 if first > 1 else StreamState.NO_STREAM,
                events=[_proposed(event, now) for event in stored_events],
            )
            if len(stored_events) == 1:
                return [last]
            recorded = self.client.get_stream(
                stream, stream_position=first - 1, limit=len(stored_events)
            )
            return [event.commit_position or 0 for event in recorded]

    def select_events(
        self,
        originator_id: Any,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        start, end = max(gt or 0, 0), INT64_MAX if lte is None else lte
        position = (None if lte is None else lte - 1) if desc else start
        if end <= start:
            return []
        found: list[StoredEvent] = []
        with _errors():
            try:
                for event in self.client.read_stream(
                    str(originator_id), stream_position=position, backwards=desc
                ):
                    one = arrived(event)
                    if not start < one.version <= end or len(found) == limit:
                        break
                    found.append(StoredEvent(originator_id, one.version, one.name, one.state))
            except NotFound:
                pass
        return found

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        skipped = start is not None and start > 0 and not inclusive_of_start
        found: list[Notification] = []
        with (
            _errors(),
            self.client.read_all(
                commit_position=start or None, limit=limit + skipped, **_wanted(topics)
            ) as events,
        ):
            for event in events:
                position = event.commit_position or 0
                if (stop is not None and position > stop) or len(found) == limit:
                    break
                if not (skipped and position == start):
                    found.append(_notification(event))
        return found

    def max_notification_id(self) -> int | None:
        with _errors(), self.client.read_all(backwards=True, limit=1) as events:
            return next((event.commit_position for event in events), None)

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> "EsdbSubscription":
        return EsdbSubscription(self, gt=gt, topics=topics)

    def close(self) -> None:
        self.client.close()


class EsdbSubscription(Subscription[EsdbApplicationRecorder]):
    """Iterates over notifications, old and new: the server's own catch-up subscription."""

    def __init__(
        self, recorder: EsdbApplicationRecorder, gt: int | None = None, topics: Sequence[str] = ()
    ) -> None:
        super().__init__(recorder=recorder, gt=gt, topics=topics)
        with _errors():
            self._events = recorder.client.subscribe_to_all(
                commit_position=gt or None, **_wanted(topics)
            )

    def stop(self) -> None:
        super().stop()
        self._events.stop()

    def __next__(self) -> Notification:
        if self._has_been_stopped:
            raise StopIteration
        with _errors():
            return _notification(next(self._events))


def _proposed(event: StoredEvent, now: datetime) -> NewEvent:
    sealed = Sealed(event.topic, bytes(event.state), b"")
    content_type, data, metadata = content(sealed, now)
    return NewEvent(type=event.topic, data=data, metadata=metadata, content_type=content_type)


def _notification(event: RecordedEvent) -> Notification:
    one = arrived(event)
    return Notification(
        id=one.position, originator_id=one.stream, originator_version=one.version,
        topic=one.name, state=one.state,
    )  # fmt: skip


def _wanted(topics: Sequence[str]) -> dict[str, Any]:
    if not topics:
        return {"filter_exclude": DEFAULT_EXCLUDE_FILTER}
    return {"filter_include": [f"({'|'.join(map(re.escape, topics))})"]}


@contextmanager
def _errors() -> Iterator[None]:
    """The client's errors as the library's."""
    try:
        yield
    except WrongCurrentVersion as e:
        raise IntegrityError(str(e)) from e
    except GrpcError as e:
        raise OperationalError(str(e)) from e
    except EventStoreDBClientException as e:
        raise PersistenceError(str(e)) from e
