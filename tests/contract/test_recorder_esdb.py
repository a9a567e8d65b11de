"""The contract over EventStoreDB: a double of the server, on a real port."""

from collections.abc import AsyncIterator, Iterator

import pytest

from adapters.esdb_recorder import EsdbRecorder
from adapters.memory_recorder import MemoryRecorder
from tests.contract.recorder_suite import *  # noqa: F403
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
