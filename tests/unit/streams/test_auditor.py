"""The auditor answers a request to close a day from figures that it collects itself."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.host.clock import SimulatedClock
from adapters.host.entropy import SeededEntropy
from adapters.memory.disk import Disk
from adapters.simulators.statement import Entry
from adapters.warehouse.client import WarehouseUnavailable
from commands.handler import Declined, Done, Outcome
from commands.ports import Request
from domain import ledger
from domain.account.cash import DepositCash
from domain.account.standing import OpenAccount
from domain.account.transfers import TransferCash
from domain.client.commands import ApproveKyc, OnboardClient, SubmitKyc
from domain.client.events import Document, Kind, RiskRating
from domain.house import STREAM, CloseDay, CloseFailed, DayClosed, FundHouse
from domain.shared.message import Command
from projections.catalogue import VIEWS
from projections.engine.runner import Runner
from projections.ledger import balances
from projections.ledger.controls import Line, add, by_unit
from simulation.memory_platform import MemoryPlatform
from streams import auditor as auditing
from streams import waits
from streams.auditor import Auditor, Sides
from streams.drive import Drive
from streams.gateways.counterparties import live_street
from streams.views.ledger_fold import LedgerFold
from tests.unit.adapters.platform import NOW

D = Decimal
TODAY = NOW.date()
EVENING = NOW.replace(hour=21)


class World:
    """A platform in memory on a disk that outlives it; `drive` runs its followers."""

    def __init__(self, disk: Disk | None = None) -> None:
        entropy = SeededEntropy(1)
        self.disk = disk or Disk(entropy)
        self.clock = SimulatedClock(NOW)
        self.platform = MemoryPlatform(self.disk, self.clock, entropy, sole_writer=False)
        self.drive = Drive(
            self.platform,
            lambda p, send: live_street(
                p.log, p.saga_store, send, clock=p.clock, statement=self.disk.statement, marks={}
            ),
            warehouse=False,
        )
        sides = self.drive.sides(warehouse=False)
        self.auditor = Auditor(self.platform, sides, self.drive.send)
        self.n = 0

    async def tell(self, command: Command) -> Outcome:
        self.n += 1
        request = Request(command=command, message_id=f"{type(command).__name__}.{self.n}")
        return await self.platform.dispatcher.submit(request)

    async def done(self, *commands: Command) -> None:
        for command in commands:
            assert isinstance(outcome := await self.tell(command), Done), outcome
        await self.drive.drain()

    async def closings(self) -> list[Any]:
        found = [e.event for e in await self.platform.log.select(STREAM)]
        return [e for e in found if isinstance(e, DayClosed | CloseFailed)]


async def traded(disk: Disk | None = None) -> World:
    """Two accounts with money, on an evening."""
    world = World(disk)
    await world.done(
        FundHouse(currency="USD", amount=D(1000)),
        OnboardClient(client_id="C1", kind=Kind.INDIVIDUAL, legal_name="Ada", country="US"),
        SubmitKyc(client_id="C1", documents=(Document(kind="passport", reference="P1"),)),
        ApproveKyc(
            client_id="C1",
            officer="olga",
            risk_rating=RiskRating.LOW,
            review_on=TODAY + timedelta(days=300),
        ),
        *(OpenAccount(account_id=a, client_id="C1", base_currency="USD") for a in ("A1", "A2")),
        deposit("first", "500.00"),
    )
    world.clock.set(EVENING)
    return world


def deposit(reference: str, amount: str) -> Command:
    return DepositCash(account_id="A1", amount=D(amount), currency="USD", reference=reference)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "PAUSE_S", 0.001)


async def test_a_day_closes_on_figures_of_the_log_up_to_the_stated_position() -> None:
    world = await traded()
    await world.done(CloseDay(day=TODAY))
    answer = await world.auditor.answer()
    assert isinstance(answer, DayClosed)
    assert answer.day == TODAY and answer.position == await world.platform.log.last() - 1
    [nostro] = [c for c in answer.controls if c.name == "client nostro = bank statement"]
    assert (nostro.unit, nostro.expected, nostro.actual) == ("USD", D(500), D(500))
    assert await world.auditor.answer() is None


async def test_nothing_is_answered_that_was_not_asked() -> None:
    world = await traded()
    assert await world.auditor.answer() is None
    assert await world.closings() == []


async def test_a_request_survives_the_process_that_took_it() -> None:
    before = await traded()
    await before.done(CloseDay(day=TODAY))
    after = World(before.disk)
    after.clock.set(EVENING)
    assert isinstance(await after.auditor.answer(), DayClosed)


async def test_a_bank_that_says_something_else_keeps_the_day_open_until_it_is_mended() -> None:
    world = await traded()
    world.disk.statement.book([Entry("mistake", "cash", "USD", D("-0.01"))])
    await world.done(CloseDay(day=TODAY))
    answer = await world.auditor.answer()
    assert isinstance(answer, CloseFailed)
    [failed] = answer.controls
    assert failed.name == "client nostro = bank statement"
    assert (failed.expected, failed.actual) == (D("499.99"), D(500))
    assert await world.auditor.answer() is None  # it is asked for again, not tried for ever
    world.disk.statement.book([Entry("mended", "cash", "USD", D("0.01"))])
    await world.done(CloseDay(day=TODAY))
    assert isinstance(await world.auditor.answer(), DayClosed)
    assert [type(e) for e in await world.closings()] == [CloseFailed, DayClosed]


async def test_a_report_on_its_way_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    world, tries = await traded(), 0
    early = Entry("early", "cash", "USD", D(7))
    world.disk.statement.book([early])  # the bank has booked an entry unknown to us

    async def pause(stop: object, seconds: float) -> bool:
        nonlocal tries
        tries += 1
        if tries == 3:
            world.disk.statement.book([early._replace(id="heard of", amount=D(-7))])
        return False

    monkeypatch.setattr(waits, "pause", pause)
    await world.done(CloseDay(day=TODAY))
    assert isinstance(await world.auditor.answer(), DayClosed)
    assert tries == 3


async def test_a_read_model_that_was_changed_is_named_with_its_line() -> None:
    world = await traded()
    await world.drive.views_to(await world.platform.log.last())
    rows = world.disk.rows._kept.tables[balances.NAME]
    key = next(k for k, row in rows.items() if "C.CASH" in k)
    row: Any = rows[key]
    rows[key] = type(row)(
        **{f: getattr(row, f) for f in row.__struct_fields__} | {"amount": row.amount - 1}
    )
    await world.done(CloseDay(day=TODAY))
    answer = await world.auditor.answer()
    assert isinstance(answer, CloseFailed)
    [failed] = answer.controls
    assert failed.name == "read models balances = fold of the log"
    assert "C.CASH A1" in failed.unit and failed.actual == failed.expected - 1


async def test_commands_may_come_in_while_a_day_is_closed() -> None:
    world, stop, paid = await traded(), asyncio.Event(), 0

    async def pay() -> None:
        nonlocal paid
        while not stop.is_set():
            assert isinstance(await world.tell(deposit(f"d{paid}", "0.01")), Done)
            paid += 1

    async def drive() -> None:
        while not stop.is_set():
            await world.drive.drain()
            await asyncio.sleep(0)

    busy = [asyncio.create_task(pay()), asyncio.create_task(drive())]
    await asyncio.sleep(0.05)
    assert isinstance(await world.tell(CloseDay(day=TODAY)), Done)
    answer = await world.auditor.answer()
    await asyncio.sleep(0.05)
    stop.set()
    await asyncio.gather(*busy)
    assert isinstance(answer, DayClosed) and paid > 10
    folded: dict[Line, Decimal] = {}
    for stored in await world.disk.recorder.after(0, limit=answer.position):
        for entry in ledger.entries(world.platform.log.open(stored).event):
            add(folded, entry.postings)
    [nostro] = [c for c in answer.controls if c.name == "client nostro = bank statement"]
    assert nostro.actual == by_unit(folded, "C.NOSTRO")["USD"] < D(500) + D(paid) / 100


async def test_the_second_auditor_finds_the_request_answered() -> None:
    world = await traded()
    other = World(world.disk)
    other.clock.set(EVENING)
    await world.done(CloseDay(day=TODAY))
    await other.auditor._house()  # it has read the request, and no answer
    answers = await asyncio.gather(world.auditor.answer(), other.auditor.answer())
    assert [type(a) for a in answers if a is not None] == [DayClosed]
    assert len(await world.closings()) == 1


async def test_while_an_engine_is_away_the_request_waits() -> None:
    world = await traded()

    async def away(position: int) -> None:
        raise WarehouseUnavailable("gone")

    sides = Sides(world.drive.street, world.drive.views_to, away)
    auditor = Auditor(world.platform, sides, world.drive.send)
    await world.done(CloseDay(day=TODAY))
    with pytest.raises(WarehouseUnavailable):
        await auditor.answer()
    assert await world.closings() == []
    again = await world.tell(CloseDay(day=TODAY - timedelta(days=1)))
    assert isinstance(again, Declined)
    assert isinstance(await world.auditor.answer(), DayClosed)


async def test_what_is_open_is_open_at_the_position_and_what_was_left_over_is_named() -> None:
    """A transfer without a receiver stays on C.XFER: correct while it is open, wrong after that."""
    world = await traded()
    away = TransferCash(
        transfer_id="T1", account_id="A1", to_account_id="A2", currency="USD", amount=D(5)
    )
    assert isinstance(await world.tell(away), Done)
    fold = LedgerFold(world.platform.log)
    await fold.to()
    assert fold.open_refs()["C.XFER"] == {"T1"}
    await world.drive.drain()
    await fold.to()
    assert fold.open_refs()["C.XFER"] == frozenset()


@pytest.mark.parametrize("count", [2, 8])
async def test_views_with_partitions_at_different_positions_are_compared_at_each_position(
    count: int,
) -> None:
    world = await traded()
    for n in range(20):
        await world.done(deposit(f"d{n}", "1.00"), FundHouse(currency="EUR", amount=D(1)))
    log = world.platform.log
    cut = await log.last() - 30
    fold = LedgerFold(log)
    await fold.to(cut)
    parts, stands = Disk(SeededEntropy(1)).rows, list[int]()
    for partition in range(count):
        stands.append(cut + (7 * partition) % 31)
        await _fold_part(world, parts.part(partition, count), partition, count, stands[-1])
    from adapters.operations.balances import from_rows  # noqa: PLC0415

    assert await fold.ahead(stands) == from_rows(parts.rows(balances))
    assert fold.position == cut


async def _fold_part(world: World, sink: Any, partition: int, count: int, end: int) -> None:
    from adapters.bus.partition_log import PartitionLog  # noqa: PLC0415

    class Until(PartitionLog):
        async def after(self, position: int, /, *, limit: int, until: int | None = None) -> Any:
            return await super().after(position, limit=limit, until=end)

    await sink.prepare(VIEWS)
    runner = Runner(Until(world.platform.log, partition, count), sink, VIEWS)
    while (await runner.step(limit=50)).events:
        pass


async def test_the_platforms_background_work_answers_by_itself() -> None:
    world, stop = await traded(), asyncio.Event()
    working = (world.drive.auditor.run, world.drive.street.run, world.drive.views.run)
    running = [asyncio.create_task(work(stop)) for work in working]
    assert isinstance(await world.tell(CloseDay(day=TODAY)), Done)
    async with asyncio.timeout(20):
        while not await world.closings():
            await asyncio.sleep(0.01)
    stop.set()
    await asyncio.gather(*running)
