"""The `eventsourcing` library's own recorder cases over EventStoreDB.

Positions there have gaps and versions begin at 1. Cases that assert otherwise run through a
recorder that numbers what it hands out, their assertions untouched:

    ids 1, 2, 3 ...        test_insert_select
    versions from 0        test_concurrent_no_conflicts, test_concurrent_throughput,
                           NonInterleavingNotificationIDsBaseCase.test
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from eventsourcing.persistence import (
    IntegrityError,
    Notification,
    OperationalError,
    ProgrammingError,
    StoredEvent,
)
from eventsourcing.tests import persistence

from adapters.eventstoredb.library_recorder import EsdbApplicationRecorder
from adapters.eventstoredb.recorder import EsdbRecorder
from adapters.memory.recorder import MemoryRecorder
from tests.contract.log.recorder_suite import append, labels, sealed, whole, write
from tests.esdb_double.server import Node

_numbers = count(1)


class Ranked(EsdbApplicationRecorder):
    """Notification ids by rank."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kw: Any) -> Sequence[int]:
        positions = super().insert_events(stored_events, **kw) or ()
        known = self._positions()
        return [known.index(position) + 1 for position in positions]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        known = self._positions()
        found = super().select_notifications(
            start and known[start - 1], limit, stop and known[stop - 1], topics,
            inclusive_of_start=inclusive_of_start,
        )  # fmt: skip
        return [replace(n, id=known.index(n.id) + 1) for n in found]

    def max_notification_id(self) -> int | None:
        return len(self._positions()) or None

    def _positions(self) -> list[int]:
        return [n.id for n in super().select_notifications(None, 10_000)]


class FromZero(EsdbApplicationRecorder):
    """Versions one lower than the log's."""

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kw: Any
    ) -> Sequence[int] | None:
        shifted = [replace(e, originator_version=e.originator_version + 1) for e in stored_events]
        return super().insert_events(shifted, **kw)


@pytest.fixture
def node() -> Iterator[Node]:
    with Node() as node:
        yield node


class _OnEsdb:
    EXPECT_CONTIGUOUS_NOTIFICATION_IDS = False
    kind = EsdbApplicationRecorder

    @pytest.fixture(autouse=True)
    def _with(self, node: Node) -> Iterator[None]:
        self.recorder = self.kind(node.url)
        yield
        self.recorder.close()

    def create_recorder(self) -> EsdbApplicationRecorder:
        return self.recorder

    def new_originator_id(self) -> str:
        return f"case-{next(_numbers)}"


class TestApplicationRecorderOnEsdb(_OnEsdb, persistence.ApplicationRecorderTestCase):
    test_insert_select = None
    test_concurrent_no_conflicts = None
    test_concurrent_throughput = None

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestIdsByRankOnEsdb(_OnEsdb, persistence.ApplicationRecorderTestCase):
    kind = Ranked
    test_performance = None
    test_concurrent_no_conflicts = None
    test_concurrent_throughput = None


class TestVersionsFromZeroOnEsdb(_OnEsdb, persistence.ApplicationRecorderTestCase):
    kind = FromZero
    test_performance = None
    test_insert_select = None


class TestNonInterleavingOnEsdb(_OnEsdb, persistence.NonInterleavingNotificationIDsBaseCase):
    kind = FromZero


@pytest.fixture
def library(node: Node) -> Iterator[EsdbApplicationRecorder]:
    recorder = EsdbApplicationRecorder(node.url)
    yield recorder
    recorder.close()


def event(version: int, stream: str = "a-1", topic: str = "t") -> StoredEvent:
    return StoredEvent(stream, version, topic, f"{version}".encode())


def test_events_are_selected_by_version(library: EsdbApplicationRecorder) -> None:
    library.insert_events([event(v) for v in range(1, 7)])

    def versions(**asked: Any) -> list[int]:
        return [e.originator_version for e in library.select_events("a-1", **asked)]

    assert versions() == [1, 2, 3, 4, 5, 6]
    assert versions(gt=2) == [3, 4, 5, 6]
    assert versions(gt=2, lte=5) == [3, 4, 5]
    assert versions(gt=2, lte=5, desc=True) == [5, 4, 3]
    assert versions(gt=2, lte=5, desc=True, limit=2) == [5, 4]
    assert versions(desc=True, limit=1) == [6]
    assert versions(lte=0) == versions(lte=0, desc=True) == []
    assert list(library.select_events("b-1")) == []


def test_topics_are_matched_whole(library: EsdbApplicationRecorder) -> None:
    for n, topic in enumerate(("a", "ab", "b", "a.b"), 1):
        library.insert_events([event(n, topic=topic)])
    found = library.select_notifications(None, 9, topics=["a", "b", "a.b"])
    assert [n.topic for n in found] == ["a", "b", "a.b"]


def test_what_one_append_cannot_do_is_refused(library: EsdbApplicationRecorder) -> None:
    assert library.insert_events([]) == []
    assert library.max_notification_id() is None
    for wrong in ([event(1), event(1, "b-1")], [event(2), event(1)], [event(0)]):
        with pytest.raises(ProgrammingError):
            library.insert_events(wrong)
    with pytest.raises(IntegrityError):
        library.insert_events([event(2)])
    assert library.max_notification_id() is None


def test_a_gone_server_is_the_librarys_error(node: Node, library: EsdbApplicationRecorder) -> None:
    node.stop()
    with pytest.raises(OperationalError):
        library.insert_events([event(1)])


async def test_both_recorders_share_one_log_and_one_order(
    node: Node, library: EsdbApplicationRecorder
) -> None:
    ours = await EsdbRecorder.connect(node.url, MemoryRecorder())
    await append(ours, write("a-1", 0, "x"))
    state = sealed("a-1/y").state
    assert library.insert_events([StoredEvent("a-1", 2, "thing.done", state)])
    await append(ours, write("a-1", 2, "z"))
    assert labels(await whole(ours)) == ["x", "y", "z"]
    assert [e.originator_version for e in library.select_events("a-1", gt=1)] == [2, 3]
    await ours.close()
