"""A demo in memory: its market runs in tasks, and only a test lets real time pass.

    test: 5 s pass -> market: marks, orders, fills, until nothing is left to do: it rests -> test

A step ends only when the market rests, so a busy machine makes a test slower and nothing else.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from adapters.host.clock import PacedClock
from adapters.host.entropy import SeededEntropy
from adapters.memory.disk import Disk, Write
from commands.handler import Outcome
from commands.ports import Request
from domain.house import DayClosed
from domain.order.commands import PlaceOrder
from domain.order.status import ord_status
from domain.price import PriceMarked
from domain.shared.envelope import Envelope
from domain.shared.fix import OrdType, Side, TimeInForce
from domain.shared.message import Command
from simulation.live import DemoDrive, Floor, LiveMarket
from simulation.memory_platform import MemoryPlatform
from simulation.pace import Pace
from simulation.run import Spec, eve_of
from simulation.street import street_of
from streams.supervise import Task

SPEC = Spec(first=date(2022, 1, 13), last=date(2022, 1, 18), accounts=2, seed=2)
"""Thursday, Friday, and the Tuesday after a weekend and a holiday."""
PATIENCE_S = 120.0  # of the machine's time, for the work of one step
STEPS_MAX = 1_000  # of one wait
PACE = Pace()
SESSION_S = 360.0  # at the default pace


class Drive(DemoDrive):
    """A demo drive without a warehouse."""

    def phases(self) -> tuple[tuple[Task, ...], ...]:
        return super().phases()[:-1]


class SteppedFloor(Floor):
    """Moves a market only when a test lets time pass, or when the log grows."""

    def __init__(self, drive: DemoDrive, clock: PacedClock, **options: Any) -> None:
        super().__init__(drive, clock, **options)
        self._asked, self._seen = 0, 0  # steps asked for by the test; steps begun by the market
        self._woken, self._resting = asyncio.Event(), asyncio.Event()

    async def step(self, *, ahead: datetime, rate: float | None = None) -> datetime:
        self._seen = self._asked
        self._woken.clear()
        return await super().step(ahead=ahead, rate=rate)

    async def rest(self, ahead: datetime) -> None:
        if self.clock.seconds_to(ahead) <= 0:
            return  # something is due by now
        if self._seen == self._asked:
            self._resting.set()
        log, position = self.drive.platform.log, self.drive.sagas.position
        grown = asyncio.ensure_future(log.wait(position, timeout_s=PATIENCE_S))
        woken = asyncio.ensure_future(self._woken.wait())
        try:
            await asyncio.wait([grown, woken], return_when=asyncio.FIRST_COMPLETED)
        finally:
            grown.cancel()
            woken.cancel()

    async def woken(self) -> None:
        """Wake the market; return once it has done all due work and rests.

        Raises:
            TimeoutError: the market does not come to rest.
        """
        self._asked += 1
        self._resting.clear()
        self._woken.set()
        async with asyncio.timeout(PATIENCE_S):
            await self._resting.wait()


class Demo:
    def __init__(self, disk: Disk, spec: Spec) -> None:
        self.disk, self.seconds, self.pace = disk, 0.0, Pace()
        self.clock = PacedClock(eve_of(spec), real=lambda: self.seconds)
        self.platform = MemoryPlatform(disk, self.clock, SeededEntropy(spec.seed))
        self.drive = Drive(self.platform, street_of(spec, disk.statement))
        self.lines: list[str] = []
        self.floor = SteppedFloor(
            self.drive, self.clock, pace=lambda: self.pace, news=self.lines.append
        )
        self.drive.market = LiveMarket(self.platform, self.floor, spec, warehouse=False)
        self._sent = 0

    async def do(self, command: Command, key: str = "") -> Outcome:
        self._sent += 1
        request = Request(command=command, message_id=key or f"do{self._sent}", actor="newcomer")
        return (await self.drive.send([request]))[0]

    async def buy(
        self, order_id: str, *, limit: Decimal | None = None, account: str = "A00001"
    ) -> Outcome:
        return await self.do(
            PlaceOrder(
                order_id=order_id,
                account_id=account,
                instrument_id="AAPL",
                side=Side.BUY,
                qty=Decimal(1),
                ord_type=OrdType.MARKET if limit is None else OrdType.LIMIT,
                limit_px=limit,
                time_in_force=TimeInForce.DAY,
            )
        )

    async def status(self, order_id: str) -> str:
        state: Any = (await self.platform.handler.state(f"order-{order_id}"))[0]
        return ord_status(state).name

    async def passes(self, seconds: float) -> None:
        """Let real time pass at once; then the market does all work due by then."""
        self.seconds += seconds
        try:
            await self.floor.woken()
        except TimeoutError as e:
            raise AssertionError((self.clock(), self.lines, self.drive.troubles())) from e

    async def runs_at(self, pace: Pace) -> None:
        """Set the pace, and return when the market has seen it."""
        self.pace = pace
        await self.passes(0)

    async def pass_until(self, holds: Callable[[], Any], *, step_s: float = 5.0) -> None:
        """Let real time pass, in at most `STEPS_MAX` steps, until `holds` is true."""
        for _ in range(STEPS_MAX):
            if holds():
                return
            await self.passes(step_s)
        raise AssertionError((self.clock(), self.lines, self.drive.troubles()))

    async def filled(self, order_id: str) -> None:
        for _ in range(STEPS_MAX):
            if await self.status(order_id) == "FILLED":
                return
            await self.passes(5.0)
        raise AssertionError((await self.status(order_id), self.lines))

    def heard(self, text: str) -> bool:
        return any(text in line for line in self.lines)

    async def events(self) -> Sequence[Envelope]:
        return await self.platform.log.after(0, limit=100_000)

    async def closed(self) -> list[date]:
        return [e.event.day for e in await self.events() if isinstance(e.event, DayClosed)]

    async def ticks(self) -> dict[tuple[str, str], Decimal]:
        """(symbol, message id) -> price, for the market's marks between the closes."""
        return {
            (e.event.instrument_id, e.meta.message_id): e.event.price
            for e in await self.events()
            if isinstance(e.event, PriceMarked) and e.event.source == "simulated"
        }


@asynccontextmanager
async def demo(
    found: Sequence[Write] = (), spec: Spec = SPEC, *, pace: Pace = PACE
) -> AsyncIterator[Demo]:
    """A running demo on the data of an earlier one; it leaves its data in `disk.journal`."""
    made = Demo(await Disk.after(found, SeededEntropy(spec.seed)), spec)
    made.pace = pace
    stop = asyncio.Event()
    running = asyncio.create_task(made.drive.run(stop))
    try:
        yield made
    finally:
        stop.set()
        await running
        await made.platform.close()
