"""Feeds: the reader gets the log once and in order, even if the bus loses, repeats or delays."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.bus.page import MalformedPage, Span, partition_of
from adapters.bus.partition_log import Broken, PartitionLog
from adapters.bus.records import Record
from commands.ports import Unreadable
from projections.ports import Log
from streams.views.feed import MergedFeed, PartitionFeed
from tests.unit.adapters.bus_world import BusWorld


async def world_of(events: int = 40, partitions: int = 4) -> BusWorld:
    """A bus with this many events, each with its own home."""
    world = BusWorld(partitions)
    await world.grow(events)
    return world


async def read(log: Log, *, limit: int, until: int | None = None) -> list[int]:
    """Every position that a reader gets until a page is empty."""
    found: list[int] = []
    while page := await log.after(found[-1] if found else 0, limit=limit, until=until):
        found += [e.position for e in page]
    return found


async def mine(world: BusWorld, partition: int) -> list[int]:
    return [
        e.position
        for e in await world.log.after(0, limit=10_000)
        if partition_of(e.home, world.partitions) == partition
    ]


async def test_a_partition_picked_out_of_the_log_is_all_of_its_events() -> None:
    world = await world_of()
    found = [await read(PartitionLog(world.log, p, 4), limit=3) for p in range(4)]
    assert found == [await mine(world, p) for p in range(4)]
    assert sorted(at for part in found for at in part) == list(range(1, 41))


async def test_records_that_join_on_are_handed_out_without_asking_the_log() -> None:
    world = await world_of()
    feed = PartitionFeed(Forbidden(world.log), 1, 4)
    for record in await world.relay():
        if record.partition == 1:
            feed.offer(record.span, record.value)
    assert await read(feed, limit=2) == await mine(world, 1)
    assert feed.end == 40


async def test_what_was_lost_on_the_way_is_read_from_the_log() -> None:
    world = await world_of(20)
    await world.relay()
    await world.grow(20)
    feed = PartitionFeed(world.log, 2, 4)
    for record in await world.relay():
        if record.partition == 2:
            feed.offer(record.span, record.value)
    assert feed.start == 20
    assert await read(feed, limit=3) == await mine(world, 2)


batches = st.lists(st.integers(1, 9), min_size=1, max_size=6)


@given(batches, st.data())
@settings(max_examples=40)
async def test_records_lost_doubled_and_reordered_change_nothing(
    sizes: list[int], data: st.DataObject
) -> None:
    world = await world_of(sum(sizes))
    records: list[Record] = []
    for size in sizes:
        records += await world.relay(until=world.relayed + size)
    sent = data.draw(st.lists(st.sampled_from(records), max_size=2 * len(records)))
    partition = data.draw(st.integers(0, 3))
    feed = PartitionFeed(world.log, partition, 4)
    merged = MergedFeed(world.log, 4)
    for record in sent:
        if record.partition == partition:
            feed.offer(record.span, record.value)
        merged.offer(record.partition, record.span, record.value)
    limit = data.draw(st.integers(1, 7))
    assert await read(feed, limit=limit) == [
        at for at in await mine(world, partition) if at <= feed.end
    ]
    assert await read(merged, limit=limit) == list(range(1, merged.end + 1))


async def test_a_log_that_hands_out_a_short_page_before_its_end_loses_nothing() -> None:
    """A log with some decoded events in memory does so."""
    world = await world_of(10)
    await world.relay()
    await world.grow(10)
    await world.log.after(0, limit=4)  # the log now has these in memory
    merged = MergedFeed(world.log, 4)
    for record in await world.relay():
        merged.offer(record.partition, record.span, record.value)
    assert len(await merged.after(0, limit=100)) == 4
    assert await read(merged, limit=100) == list(range(1, 21))


async def test_what_was_released_is_read_from_the_log_again() -> None:
    world = await world_of()
    feed = PartitionFeed(world.log, 0, 4)
    for record in await world.relay():
        if record.partition == 0:
            feed.offer(record.span, record.value)
    feed.release(feed.end)
    assert feed.waiting == 0
    assert await read(feed, limit=4) == await mine(world, 0)


async def test_merged_partitions_end_where_the_hindmost_was_relayed() -> None:
    world = await world_of()
    merged = MergedFeed(world.log, 4)
    for record in await world.relay():
        if record.partition != 3:
            merged.offer(record.partition, record.span, record.value)
    assert merged.end == 0
    assert await merged.after(0, limit=10) == []
    await merged.reach()
    assert await read(merged, limit=7) == list(range(1, 41))


@pytest.mark.parametrize("whole", [True, False])
async def test_an_event_that_cannot_be_read_is_named_and_what_is_before_it_can_be_had(
    whole: bool,
) -> None:
    world = await world_of(12, partitions=1)
    await world.spoil(8)
    feed = PartitionFeed(world.log, 0, 1)
    for record in await world.relay():
        feed.offer(record.span, record.value if whole else None)
    if not whole:
        feed.jump(12)
    for position in (0, 7):
        with pytest.raises(Broken) as caught:
            await feed.after(position, limit=100)
        assert caught.value.stored.position == 8
        assert isinstance(caught.value, Unreadable)
    before = await feed.after(0, limit=100, until=7)
    assert [e.position for e in before] == list(range(1, 8))


def test_a_value_that_is_no_page_is_refused_and_leaves_the_feed_as_it_was() -> None:
    feed = PartitionFeed(BusWorld().log, 0, 4)
    with pytest.raises(MalformedPage):
        feed.offer(Span(0, 9, 3), b"nonsense")
    assert (feed.start, feed.end) == (0, 0)


class Forbidden:
    """A log that may open what it is given and must not be read."""

    def __init__(self, log: object) -> None:
        self.open = log.open  # type: ignore[attr-defined]

    async def stored(self, *_: object, **__: object) -> Sequence[object]:
        raise AssertionError("the log was asked")

    after = last = stored
