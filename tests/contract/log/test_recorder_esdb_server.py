"""The contract over the real server that TIDEMARK_TEST_ESDB names; it may hold other events."""

import os
from collections.abc import AsyncIterator

import pytest

from tests.contract.log.esdb_window import Window
from tests.contract.log.recorder_suite import *  # noqa: F403
from tests.contract.log.recorder_suite import append, write
from tests.contract.log.test_recorder_esdb import (  # noqa: F401 - the case that differs
    test_messages_are_forgotten_by_age_unless_kept,
)

SERVER = os.environ.get("TIDEMARK_TEST_ESDB", "")

pytestmark = [
    pytest.mark.esdb_server,
    pytest.mark.skipif(not SERVER, reason="TIDEMARK_TEST_ESDB names no EventStoreDB"),
]


@pytest.fixture
async def recorder() -> AsyncIterator[Window]:
    opened = await Window.open(SERVER)
    yield opened
    await opened.close()


async def test_the_longest_ids_fit(recorder: Window) -> None:
    """The limit is lower here by the window's prefix."""
    widest = "\U0001d538"
    [result] = await append(recorder, write(widest * 190, 0, "x", message_id=widest * 400))
    assert isinstance(result, Written)  # noqa: F405
