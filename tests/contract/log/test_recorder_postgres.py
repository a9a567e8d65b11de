"""The contract over Postgres."""

from collections.abc import AsyncIterator

import pytest

from adapters.postgres.log import recorder as postgres_recorder
from adapters.postgres.log.recorder import PostgresRecorder
from tests.contract.log.recorder_suite import *  # noqa: F403
from tests.contract.log.recorder_suite import append, whole, write


@pytest.fixture
async def recorder(database_url: str) -> AsyncIterator[PostgresRecorder]:
    opened = await PostgresRecorder.connect(database_url)
    yield opened
    await opened.close()


async def test_a_long_page_is_read_in_pieces_and_is_whole(
    recorder: PostgresRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    await append(recorder, *[write(f"a-{i}", 0, f"n{i}") for i in range(10)])
    stored = list(await whole(recorder))
    end = stored[7].position
    monkeypatch.setattr(postgres_recorder, "PIECE_MAX", 3)
    for limit in range(12):
        assert await recorder.after(0, limit=limit) == stored[:limit]
        assert (
            await recorder.after(stored[0].position, limit=limit, until=end)
            == (stored[1:8][:limit])
        )
