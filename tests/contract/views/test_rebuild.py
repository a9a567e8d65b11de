"""Rebuild a view beside the live one, and prove that the served rows follow from the log."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import psycopg
import pytest

from adapters.memory.sink import MemorySink
from adapters.operations.rebuild import RebuildFailed, rebuild, replay
from adapters.postgres.views.sink import PostgresSink
from domain.account.fees import AccrueFee
from domain.account.trades import TradeBooked
from domain.desk.commands import RestrictInstrument
from domain.fix_session.commands import OpenFixSession, RecordFixSent
from domain.order.commands import RecordAck, ReleaseOrder
from domain.settlement.commands import InstructSettlement
from domain.shared.envelope import Envelope
from domain.shared.fix import Side
from projections.catalogue import VIEWS
from projections.engine.runner import Runner
from projections.ports import View
from tests.unit.domain.closing import closing, off
from tests.unit.projections.listening import Listening, said
from tests.unit.projections.view_log import GAP, ListLog
from tests.unit.projections.views_world import (
    ISIN,
    SETTLES,
    TODAY,
    YESTERDAY,
    D,
    World,
    bust,
    deposit,
    fill,
    opened_world,
    place,
    settle,
    trade,
)

VIEW = Listening("heard")
OTHER = Listening("also_heard")
WORDS = [f"{account}:w{i}" for i in range(20) for account in "ABC"]


@pytest.fixture
async def sink(database_url: str) -> AsyncIterator[PostgresSink]:
    opened = await PostgresSink.connect(database_url)
    await opened.prepare([VIEW, OTHER])
    yield opened
    await opened.close()


async def fold(log: ListLog, sink: PostgresSink, *views: View) -> Runner:
    runner = Runner(log, sink, views)
    while (await runner.step(limit=7)).events:
        pass
    return runner


def execute(url: str, sql: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql)


async def test_a_rebuild_of_a_sound_view_is_equal_and_takes_its_place(sink: PostgresSink) -> None:
    log = said(*WORDS)
    await fold(log, sink, VIEW)
    before = await sink.checksum(VIEW)
    report = await rebuild(log, sink, VIEW)
    assert (report.view, report.rows, report.equal, report.swapped) == ("heard", 3, True, True)
    assert report.position == 60 * GAP
    assert report.differences == ()
    assert await sink.checksum(VIEW) == before


async def test_a_rebuild_mends_what_was_wrong_and_shows_it(
    sink: PostgresSink, database_url: str
) -> None:
    log = said(*WORDS)
    await fold(log, sink, VIEW)
    right = await sink.checksum(VIEW)
    execute(database_url, "update views.heard set words = 'lies' where account_id = 'B'")
    execute(database_url, "delete from views.heard where account_id = 'C'")
    execute(database_url, "insert into views.heard values (0, 'D', 'more lies')")
    report = await rebuild(log, sink, VIEW)
    assert (report.equal, report.different) == (False, 3)
    result = [
        (d.live and d.live["words"], d.rebuilt and d.rebuilt["account_id"])
        for d in report.differences
    ]
    assert result == [("lies", "B"), (None, "C"), ("more lies", None)]
    assert await sink.checksum(VIEW) == right


async def test_a_comparison_without_a_swap_leaves_everything_as_it_was(
    sink: PostgresSink, database_url: str
) -> None:
    log = said(*WORDS)
    await fold(log, sink, VIEW)
    execute(database_url, "update views.heard set words = 'lies' where account_id = 'B'")
    wrong = await sink.checksum(VIEW)
    report = await rebuild(log, sink, VIEW, swap=False)
    assert (report.equal, report.swapped) == (False, False)
    assert await sink.checksum(VIEW) == wrong


async def test_the_running_view_goes_on_from_the_new_table(
    sink: PostgresSink, database_url: str
) -> None:
    log = said(*WORDS[:30])
    runner = await fold(log, sink, VIEW)
    execute(database_url, "update views.heard set words = 'lies'")
    await rebuild(log, sink, VIEW)
    log.envelopes = said(*WORDS).envelopes
    while (await runner.step()).events:  # this runner still caches rows of the old table
        pass
    (replayed,) = await replay(log, sink, [VIEW])
    assert replayed.equal
    assert replayed.live.position == 60 * GAP


async def test_a_view_that_keeps_moving_is_rebuilt_without_losing_an_event(
    sink: PostgresSink,
) -> None:
    log, every = ListLog(), said(*(WORDS * 10)).envelopes
    runner = Runner(log, sink, [VIEW])

    async def live() -> None:
        for arrived in every:
            log.envelopes.append(arrived)
            await runner.step()

    running = asyncio.create_task(live())
    reports = [await rebuild(log, sink, VIEW) for _ in range(5)]
    await running
    assert all(report.equal for report in reports)
    assert len({report.position for report in reports}) > 1, "it did not move"
    (replayed,) = await replay(log, sink, [VIEW])
    assert replayed.equal
    assert replayed.live.position == every[-1].position


async def test_a_view_with_new_columns_is_rebuilt_over_the_old_table(
    sink: PostgresSink, database_url: str
) -> None:
    log = said(*WORDS)
    await fold(log, sink, VIEW)
    execute(database_url, "alter table views.heard drop column words")
    report = await rebuild(log, sink, VIEW)
    assert (report.equal, report.different, report.swapped) == (False, 3, True)
    (replayed,) = await replay(log, sink, [VIEW])
    assert replayed.equal


async def test_what_an_interrupted_rebuild_left_does_not_get_into_the_next(
    sink: PostgresSink, database_url: str
) -> None:
    log = said(*WORDS)
    await fold(log, sink, VIEW)

    class Breaks(ListLog):
        async def after(
            self, position: int, /, *, limit: int, until: int | None = None
        ) -> Sequence[Envelope]:
            if position >= 30 * GAP:
                raise ConnectionError("cut")
            return await super().after(position, limit=7, until=until)

    with pytest.raises(ConnectionError):
        await rebuild(Breaks(log.envelopes), sink, VIEW)
    execute(database_url, "update views_next.heard set words = 'lies'")
    assert (await rebuild(log, sink, VIEW)).equal


async def test_a_view_that_cannot_fold_an_event_is_not_rebuilt_and_says_which(
    sink: PostgresSink,
) -> None:
    log = said(*WORDS)
    await fold(log, sink, VIEW)
    before = await sink.checksum(VIEW)
    with pytest.raises(RebuildFailed, match="account-A@5"):
        await rebuild(log, sink, Listening("heard", deaf="w4"))
    assert await sink.checksum(VIEW) == before


async def test_a_replay_finds_the_view_that_was_changed_behind_its_back(
    sink: PostgresSink, database_url: str
) -> None:
    log = said(*WORDS)
    await fold(log, sink, VIEW, OTHER)
    assert [r.equal for r in await replay(log, sink, [VIEW, OTHER])] == [True, True]
    execute(database_url, "update views.heard set words = words || '.' where account_id = 'A'")
    assert [r.equal for r in await replay(log, sink, [VIEW, OTHER])] == [False, True]


async def test_a_replay_compares_each_view_with_the_log_up_to_its_position(
    sink: PostgresSink,
) -> None:
    log = said(*WORDS)
    await Runner(log, sink, [VIEW]).step(limit=13)
    await fold(log, sink, OTHER)
    one, other = await replay(log, sink, [VIEW, OTHER])
    assert (one.equal, one.live.position) == (True, 13 * GAP)
    assert (other.equal, other.live.position) == (True, 60 * GAP)


async def test_memory_and_postgres_agree_on_every_hash(sink: PostgresSink) -> None:
    log, memory = said(*WORDS), MemorySink()
    await memory.prepare([VIEW])
    await fold(log, sink, VIEW)
    runner = Runner(log, memory, [VIEW])
    while (await runner.step()).events:
        pass
    assert await memory.checksum(VIEW) == await sink.checksum(VIEW)


def busy_world() -> World:
    """Events of every kind, so that every table has rows."""
    world = opened_world("A1", "A2")
    world.done(deposit("A1", "100000.00", "P1"))
    world.done(deposit("A2", "70.10", "P2", TODAY + timedelta(days=5)))
    world.done(place("O1", 100, "50.00"))
    world.done(ReleaseOrder(order_id="O1"))
    world.done(RecordAck(order_id="O1", venue_order_id="V1"))
    world.done(fill("O1", "E1", 60, "49.90"))
    for n in range(1, 9):
        world.done(trade("A1", f"T{n}", Side.SELL if n % 3 == 0 else Side.BUY, 10 * n, "49.95"))
    (event,) = world.done(trade("A2", "T9", Side.BUY, 1, "50.00"))
    assert isinstance(event, TradeBooked)
    world.done(bust(event))
    world.done(settle("A1", "T1", "4", "199.80", "S1"))
    world.done(RestrictInstrument(isin=ISIN, reason="a deal"))
    ends = {"begin_string": "FIX.4.4", "sender_comp_id": "US", "target_comp_id": "XNAS"}
    world.done(OpenFixSession(session_id="XNAS", holder="h1", **ends))
    message = {"msg_seq_num": 1, "msg_type": "D", "message": "m", "digest": "ab" * 32}
    world.done(RecordFixSent(session_id="XNAS", holder="h1", order_id="O1", **message))
    instruct = InstructSettlement(
        obligation_id="T1",
        account_id="A1",
        isin=ISIN,
        side=Side.BUY,
        qty=D(10),
        amount=D("499.50"),
        currency="USD",
        trade_date=TODAY,
        settl_date=SETTLES,
        country="US",
    )
    world.done(instruct)
    accrue = AccrueFee(
        account_id="A1",
        accrual_date=TODAY,
        fee_base=D(100_000),
        annual_rate=D("0.0123"),
        currency="USD",
    )
    world.done(accrue)
    for command in (*closing(YESTERDAY, 1, off()), *closing(YESTERDAY, 2)):
        world.done(command)
    return world


async def test_every_view_of_the_catalogue_is_the_same_in_memory_in_postgres_and_rebuilt(
    database_url: str,
) -> None:
    log = busy_world().log
    sink = await PostgresSink.connect(database_url)
    try:
        await sink.prepare(VIEWS)
        runner = Runner(log, sink, VIEWS)
        while (await runner.step(limit=5)).events:
            pass
        assert not runner.stuck
        replayed = await replay(log, sink, VIEWS)
        assert [r.live.view for r in replayed if not r.equal] == []
        assert [r.live.view for r in replayed if not r.live.rows] == []
        for view in VIEWS:
            report = await rebuild(log, sink, view)
            assert (report.equal, report.position) == (True, log.envelopes[-1].position), report
        assert all(r.equal for r in await replay(log, sink, VIEWS))
    finally:
        await sink.close()


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.NAME)
async def test_every_view_has_the_indexes_that_its_row_names(view: View, database_url: str) -> None:
    sink = await PostgresSink.connect(database_url)
    try:
        await sink.prepare([view])
        await rebuild(ListLog(), sink, view)  # the new table has them from the start
    finally:
        await sink.close()
    sql = "select count(*) from pg_indexes where schemaname = 'views' and tablename = %s"
    with psycopg.connect(database_url) as connection:
        row = connection.execute(sql, (view.NAME,)).fetchone()
    assert row == (1 + len(view.ROW.INDEXES),)
