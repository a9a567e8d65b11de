"""Cached folds equal fresh folds, after any appends, queries and cached values."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from graphql import GraphQLError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.cache.values import Cache
from adapters.host.entropy import SystemEntropy
from adapters.memory.cache import MemoryCache
from api.graphql.engine import folding, folds
from api.graphql.engine.folding import LANES, LIGHT, SLICE, STEPS_MAX, Purse, Turns
from api.graphql.engine.folds import Folds, Moment, Rows
from commands.handler import Done
from domain.instrument.commands import ListInstrument
from domain.price import MarkPrice
from projections.market import marks
from projections.ports import View
from tests.unit.adapters.platform import NOW, WriteSide

STREAMS = ("price-AAPL", "price-MSFT")
ISINS = {"price-AAPL": "US0378331005", "price-MSFT": "US5949181045"}
Step = tuple[str, int, int]  # action, stream, day


async def mark(side: WriteSide, stream: str, day: int, price: int) -> None:
    """Append a mark with an earlier date, the day's."""
    side.clock.set(side.clock() + timedelta(minutes=1))
    at = NOW - timedelta(days=30 - day)
    command = MarkPrice(
        instrument_id=stream.partition("-")[2],
        isin=ISINS[stream],
        price=Decimal(price),
        currency="USD",
        price_date=at.date(),
        source="test",
    )
    outcome = await side.do(command, effective_at=at)
    assert isinstance(outcome, Done), outcome


async def listed() -> WriteSide:
    side = WriteSide(since=NOW - timedelta(days=99))
    for stream in STREAMS:
        name = stream.partition("-")[2]
        command = ListInstrument(
            instrument_id=name, symbol=name, isin=ISINS[stream], currency="USD", mic="XNAS"
        )
        assert isinstance(await side.do(command), Done)
    side.clock.set(NOW)
    return side


def never(store: MemoryCache) -> Cache:
    """A cache that finds nothing, so that every fold is fresh."""
    return Cache(store, SystemEntropy().draw(32, "never"), SystemEntropy())


async def rows_at(side: WriteSide, cache: Cache, stream: str, moment: Moment) -> Rows:
    view: View = marks
    return await Folds(side.log, cache, moment, Purse(Turns())).rows(view, stream)


steps = st.lists(
    st.tuples(st.sampled_from(["mark", "as_of", "known_at", "both", "stale"]),
              st.integers(0, 1), st.sampled_from([3, 10, 29])),
    min_size=5, max_size=40,
)  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
def test_what_is_found_equals_what_is_folded(
    steps: list[Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folds, "KEEP_MIN", 1)
    asyncio.run(_compared(steps, []))


async def test_the_comparison_sees_rows_that_were_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "KEEP_MIN", 1)
    story = [("mark", 0, 5), ("mark", 0, 9), *[("as_of", 0, 20)] * 3, ("stale", 0, 20)]
    compared: list[int] = []
    cache = await _compared([*story, ("mark", 0, 3), ("stale", 0, 20)], compared)
    assert compared == [1] * 5
    assert cache.counts.hits >= 3


async def _compared(steps: Sequence[Step], compared: list[int]) -> Cache:
    side, store = await listed(), MemoryCache()
    cache = Cache(store, b"secret", SystemEntropy())
    for price, (what, which, day) in enumerate(steps, 1):
        stream, last = STREAMS[which], await side.log.last()
        at: datetime | None = NOW - timedelta(days=30 - day)
        if what == "mark":
            await mark(side, stream, day, price)
            continue
        if what in ("known_at", "both"):
            position, cut = last * day // 29, True
        elif what == "stale":  # a moment taken before the stream grew
            position, cut = last - 1, False
        else:
            position, cut = last, False
        moment = Moment(position, None if what == "known_at" else at, NOW.date(), cut)
        found = await rows_at(side, cache, stream, moment)
        compared.append(len(found))
        assert found == await rows_at(side, never(store), stream, moment)
    return cache


async def test_a_stream_is_read_once_while_it_does_not_grow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    side, cache = await listed(), Cache(MemoryCache(), b"secret", SystemEntropy())
    for day in range(1, 29):
        for price in (10, 20):
            await mark(side, STREAMS[0], day, price + day)
    reads = 0
    select = side.recorder.select

    async def counted(stream: str, **more: Any) -> object:
        nonlocal reads
        reads += stream == STREAMS[0]
        return await select(stream, **more)

    monkeypatch.setattr(side.recorder, "select", counted)
    for _ in range(3):
        moment = Moment(await side.log.last(), None, NOW.date())
        assert (await rows_at(side, cache, STREAMS[0], moment))[("AAPL",)]
    assert reads == 1
    await mark(side, STREAMS[1], 3, 1)  # another stream grows: the cached fold stays valid
    await rows_at(side, cache, STREAMS[0], Moment(await side.log.last(), None, NOW.date()))
    assert reads == 1
    await mark(side, STREAMS[0], 3, 1)
    await rows_at(side, cache, STREAMS[0], Moment(await side.log.last(), None, NOW.date()))
    assert reads == 2


async def test_a_short_stream_is_folded_without_asking() -> None:
    side, cache = await listed(), Cache(MemoryCache(), b"secret", SystemEntropy())
    await mark(side, STREAMS[0], 3, 1)
    moment = Moment(await side.log.last(), None, NOW.date())
    assert await rows_at(side, cache, STREAMS[0], moment)
    assert cache.counts.misses == 0


async def long_stream(side: WriteSide, events: int) -> str:
    stream = STREAMS[0]
    days = [(30 - n % 20, n) for n in range(events)]
    for day, price in days:
        await mark(side, stream, day, price + 1)
    return stream


async def test_however_many_folds_go_on_others_wait_for_one_slice_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    side = await listed()
    stream = await long_stream(side, 5 * SLICE)
    done = 0
    fold = marks.fold

    def counted(*given: Any) -> Any:
        nonlocal done
        done += 1
        return fold(*given)

    monkeypatch.setattr(marks, "fold", counted)
    cache, turns, last = never(MemoryCache()), Turns(), await side.log.last()
    moments = [Moment(last, NOW + timedelta(days=1 + n), NOW.date()) for n in range(20)]
    work = [
        asyncio.create_task(Folds(side.log, cache, moment, Purse(turns)).rows(marks, stream))
        for moment in moments
    ]
    while not all(task.done() for task in work):
        before = done
        await asyncio.sleep(0)
        assert done - before <= SLICE
    assert done == 20 * 5 * SLICE


async def test_an_operation_that_folds_too_much_is_refused_before_it_reads() -> None:
    purse = Purse(Turns())
    await purse.pay(STEPS_MAX)
    with pytest.raises(GraphQLError) as caught:
        await purse.pay(1)
    assert caught.value.extensions == {"code": "TOO_COMPLEX"}
    with pytest.raises(GraphQLError):
        async with purse.turn():
            raise AssertionError("what it began before goes no further")
    await purse.close()


async def test_the_price_of_a_fold_is_the_length_of_its_stream() -> None:
    side = await listed()
    stream = await long_stream(side, 40)
    purse, moment = Purse(Turns()), Moment(await side.log.last(), None, NOW.date())
    by_price = Folds(side.log, never(MemoryCache()), moment, purse)
    await by_price.rows(marks, stream)
    assert purse.spent == 40 * 3, "read, and folded by one view"
    await by_price.rows(marks, stream)
    assert purse.spent == 40 * 4, "folded once more; it was read"


async def test_long_folds_have_so_many_places_and_short_ones_need_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(folding, "PATIENCE_S", 0.05)
    turns = Turns()
    inside = [Purse(turns) for _ in range(LANES)]
    for purse in inside:
        await purse.pay(LIGHT + 1)
    one_more = Purse(turns)
    await one_more.pay(LIGHT)
    with pytest.raises(GraphQLError) as caught:
        await one_more.pay(1)
    assert caught.value.extensions == {"code": "UNAVAILABLE"}
    await one_more.close()
    await inside[0].close()
    next_one = Purse(turns)
    await next_one.pay(LIGHT + 1)
    for purse in (next_one, *inside[1:]):
        await purse.close()
    assert not turns.places.locked()
