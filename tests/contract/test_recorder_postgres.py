"""The contract over Postgres."""

from collections.abc import AsyncIterator

import pytest

from adapters.postgres_recorder import PostgresRecorder
from tests.contract.recorder_suite import *  # noqa: F403


@pytest.fixture
async def recorder(database_url: str) -> AsyncIterator[PostgresRecorder]:
    opened = await PostgresRecorder.connect(database_url)
    yield opened
    await opened.close()
