"""The `eventsourcing` library's own recorder cases over our log table and over memory.

None of them is excluded. `EXPECT_CONTIGUOUS_NOTIFICATION_IDS` stays True: on a database of its
own, positions do count from 1. That is more than the design promises to readers, who rely on
increasing positions only.
"""

from collections.abc import Iterator
from itertools import count

import pytest
from eventsourcing.persistence import StoredEvent
from eventsourcing.popo import POPOApplicationRecorder
from eventsourcing.tests import persistence

from adapters.postgres.log.library_recorder import PostgresApplicationRecorder
from adapters.postgres.log.recorder import PostgresRecorder
from tests.contract.log.recorder_suite import append, labels, sealed, whole, write

_numbers = count(1)


@pytest.fixture
def library_recorder(database_url: str) -> Iterator[PostgresApplicationRecorder]:
    recorder = PostgresApplicationRecorder(database_url)
    yield recorder
    recorder.close()


class _OnPostgres:
    @pytest.fixture(autouse=True)
    def _with(self, library_recorder: PostgresApplicationRecorder) -> None:
        self.recorder = library_recorder

    def create_recorder(self) -> PostgresApplicationRecorder:
        return self.recorder

    def new_originator_id(self) -> str:
        return f"case-{next(_numbers)}"


class _InMemory:
    def create_recorder(self) -> POPOApplicationRecorder:
        return POPOApplicationRecorder()

    def new_originator_id(self) -> str:
        return f"case-{next(_numbers)}"


class TestApplicationRecorderOnPostgres(_OnPostgres, persistence.ApplicationRecorderTestCase):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestNonInterleavingOnPostgres(
    _OnPostgres, persistence.NonInterleavingNotificationIDsBaseCase
):
    pass


class TestApplicationRecorderInMemory(_InMemory, persistence.ApplicationRecorderTestCase):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestNonInterleavingInMemory(_InMemory, persistence.NonInterleavingNotificationIDsBaseCase):
    pass


def test_an_insert_of_nothing_is_nothing(library_recorder: PostgresApplicationRecorder) -> None:
    assert library_recorder.insert_events([]) == []
    assert library_recorder.max_notification_id() is None


async def test_both_recorders_share_one_log_and_one_order(database_url: str) -> None:

    library = PostgresApplicationRecorder(database_url)
    ours = await PostgresRecorder.connect(database_url)
    try:
        await append(ours, write("a-1", 0, "x"))
        state = sealed("a-1/y").state
        assert library.insert_events([StoredEvent("a-1", 2, "thing.done", state)]) == [2]
        await append(ours, write("a-1", 2, "z"))
        assert labels(await whole(ours)) == ["x", "y", "z"]
        assert [n.id for n in library.select_notifications(None, 9)] == [1, 2, 3]
        assert [e.originator_version for e in library.select_events("a-1", gt=1)] == [2, 3]
    finally:
        await ours.close()
        library.close()
