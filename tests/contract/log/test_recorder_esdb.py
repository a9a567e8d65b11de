"""The contract over EventStoreDB: a double of the server, on a real port.

One case differs here: the result of a message is in the log itself, so it is never forgotten.
"""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from adapters.eventstoredb.recorder import EsdbRecorder
from adapters.memory.recorder import MemoryRecorder
from tests.contract.log.recorder_suite import *  # noqa: F403
from tests.contract.log.recorder_suite import T0, append, labels, whole, write
from tests.esdb_double.server import Node


@pytest.fixture
def node() -> Iterator[Node]:
    with Node() as node:
        yield node


@pytest.fixture
async def recorder(node: Node) -> AsyncIterator[EsdbRecorder]:
    opened = await EsdbRecorder.connect(node.url, MemoryRecorder())
    yield opened
    await opened.close()


async def test_messages_are_forgotten_by_age_unless_kept(recorder: EsdbRecorder) -> None:
    day = timedelta(days=1)
    await append(recorder, write("a-1", 0, "x", message_id="old"), at=T0)
    await append(recorder, write("a-1", 1, message_id="nothing"), at=T0)
    await append(recorder, write("a-1", 1, message_id="nothing kept", keep=True), at=T0)
    await append(recorder, write("a-1", 1, message_id="nothing new"), at=T0 + day)
    assert await recorder.prune(T0) == 0
    assert await recorder.prune(T0 + day) == 1
    keys = [("a-1", key) for key in ("old", "nothing", "nothing kept", "nothing new")]
    assert set(await recorder.messages(keys)) == {
        ("a-1", "old"), ("a-1", "nothing kept"), ("a-1", "nothing new"),
    }  # fmt: skip
    assert labels(await whole(recorder)) == ["x"]
