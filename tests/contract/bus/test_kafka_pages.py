"""A member of a consumer group on a real broker, and the events that end its membership."""

import asyncio
from collections.abc import Collection, Sequence

import pytest
from aiokafka.consumer.group_coordinator import (  # type: ignore[import-untyped]  # it has none
    GroupCoordinator,
)

from adapters.bus.records import Record
from adapters.bus.url import Bus
from adapters.kafka.pages import FaustPages
from adapters.kafka.topics import ensure_topics
from streams.views.membership import Membership
from tests.contract.bus.kafka_broker import Broker

pytestmark = pytest.mark.slow

PATIENCE_S = 60


async def test_a_member_whose_assignment_has_no_bytes_joins_again(
    kafka: Broker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The development broker sometimes sends such a message, and the client's coordination ends."""
    bus = Bus.parse(f"kafka://{kafka.address}?prefix=deaf&partitions=2")
    ensure_topics(bus)
    complete, garbled = GroupCoordinator._on_join_complete, []

    async def first_without_bytes(self: object, generation: int, *words: object) -> None:
        *names, assignment = words
        if not garbled:
            garbled.append(assignment)
            assignment = b""
        await complete(self, generation, *names, assignment)

    monkeypatch.setattr(GroupCoordinator, "_on_join_complete", first_without_bytes)
    shares: list[Collection[int]] = []
    shared, stop = asyncio.Event(), asyncio.Event()

    async def moved(share: Collection[int]) -> None:
        shares.append(set(share))
        shared.set()

    async def take(records: Sequence[Record]) -> None:
        raise AssertionError(records)

    membership = Membership("test", lambda: FaustPages(bus, "deaf", take, moved, member="deaf-1"))
    running = asyncio.create_task(membership.run(stop))
    try:
        async with asyncio.timeout(PATIENCE_S):
            await shared.wait()
    finally:
        stop.set()
        await asyncio.wait_for(running, PATIENCE_S)
    assert garbled
    assert shares == [{0, 1}]
    assert "the membership ended" in caplog.text
