"""Goes on with a demo's market where its history ended, at a pace that people can watch.

    morning -> session, paced: marks, orders, fills -> close, settlement, controls -+
       ^                                                                            |
       +----------- nights, weekends and holidays are skipped <---------------------+
    no more prices -> the market closes for good; the clock goes on like the machine's

Days are the days of `simulation.run`, with the same clients, street and message ids; only
the hours of trading take real time. So a market that was killed goes on at the moment at which its
log ends, and `tidemark simulate` can go on with a demo as well.

While the venue trades, each stock is marked every second tick of its path (10 simulated minutes:
9 real seconds at 6 minutes a session), half of the stocks at a time: 800 events a session for 20
stocks, whatever the pace. The path is the venue's own, so fills are at prices that were marked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import UTC, date, datetime, timedelta
from typing import Any

from adapters.host.clock import PacedClock
from adapters.simulators.market import INTERVAL, INTERVALS, BridgedMarket
from domain.instrument.commands import HaltInstrument
from domain.price import MarkPrice
from domain.shared.message import Command
from simulation.census import Census
from simulation.clockwork import OPEN, at
from simulation.day import Trading
from simulation.history import History
from simulation.pace import Pace
from simulation.run import Checked, ControlsFailed, OtherRun, Run, Spec
from simulation.strategies import TRADED
from streams import waits
from streams.drive import Drive
from streams.gateways.counterparties import history_market
from streams.platform import Platform
from streams.supervise import Task

LOOK_MAX_S, LOOK_MIN_S = 0.25, 0.02  # bounds of a wait, which a growing log ends
TIMER_S = 1.0  # real seconds between two looks at the deadlines
CLOSE_TRIES = 3  # of one day: another user may have asked for the close of another day
FAR = datetime(9999, 1, 1, tzinfo=UTC)
EVERY_TICKS = 2  # a stock is marked on every second tick of its path

News = Callable[[str], None]
"""Called with a line for people about what the market does."""


class Floor:
    """Moves a paced market: its clock, its pace, and what is new."""

    def __init__(
        self, drive: Drive, clock: PacedClock, *, pace: Callable[[], Pace], news: News
    ) -> None:
        self.drive, self.clock, self.news = drive, clock, news
        self.answer: Callable[[], Awaitable[None]] | None = None  # the open request to close a day
        self._pace, self._fired_at = pace, -TIMER_S

    @property
    def pace(self) -> Pace:
        return self._pace()

    async def step(self, *, ahead: datetime, rate: float | None = None) -> datetime:
        """Let sagas, street and timer answer what is new; if nothing moved, wait until `ahead`.

        Args:
            rate: of the clock while it is not paused; by default that of the pace.

        Returns:
            The moment up to which they have answered.
        """
        pace = self.pace
        wanted = pace.rate if rate is None or pace.paused else rate
        if wanted != self.clock.rate:
            self.clock.rate = wanted
        now = self.clock()
        moved = await self.drive.round() + await self._now_and_then(now)
        if not moved:
            await self.rest(ahead)
        return now

    async def rest(self, ahead: datetime) -> None:
        """Wait until the log grows; at most until `ahead` is reached."""
        pause = min(max(self.clock.seconds_to(ahead), LOOK_MIN_S), LOOK_MAX_S)
        await self.drive.platform.log.wait(self.drive.sagas.position, timeout_s=pause)

    async def awake(self) -> None:
        """Wait while the market is paused, and answer commands meanwhile."""
        while self.pace.paused:
            await self.step(ahead=FAR)

    async def _now_and_then(self, now: datetime) -> int:
        real = self.clock.real()
        if real - self._fired_at < TIMER_S:
            return 0
        self._fired_at = real
        self.drive.sagas.refresh()
        if self.answer is not None:
            await self.answer()
        return await self.drive.timer.fire(now)


class LiveTrading(Trading):
    """Days whose hours of trading take real time, with marks during the session."""

    def __init__(
        self, platform: Platform, drive: Drive, history: History, *, floor: Floor, seed: int
    ) -> None:
        super().__init__(platform, floor.clock, drive, history)
        self._floor, self._path = floor, history_market(seed)

    async def session(self, day: date) -> None:
        """Trade from the open to the close; a session resumed after its close is over."""
        floor, opens = self._floor, at(day, OPEN)
        closes = opens + INTERVALS * INTERVAL
        floor.clock.set(opens)
        if floor.clock() > closes:
            return
        left = closes - floor.clock()
        floor.news(f"{day}  open until {closes:%H:%M} UTC, {_about(left, floor.pace)}")
        floor.clock.run(closes)
        marked = (floor.clock() - opens) // INTERVAL - 1
        while True:
            ahead = opens + (marked + 1) * INTERVAL
            now = await floor.step(ahead=min(ahead, closes))
            tick = (now - opens) // INTERVAL
            if tick > marked:
                due = ticks(self._path, self._history, day, since=marked, tick=tick)
                await self.send(due)
                marked = tick
            if now >= closes:
                break
        floor.clock.set(closes)
        await self._drive.drain()


def ticks(
    path: BridgedMarket, history: History, day: date, *, since: int, tick: int
) -> Iterator[tuple[str, Command]]:
    """The marks that are due at a tick of the day's path, when those up to `since` are made.

    Each stock is marked at every second tick, half of them at the even ones; all at the last.
    """
    for number, symbol in enumerate(history.symbols):
        session = path.session(symbol, day)
        due = tick if tick == INTERVALS else tick - (number + tick) % EVERY_TICKS
        if session is None or due <= since:
            continue
        yield (
            f"tick.{day:%Y%m%d}.{due:02}",
            MarkPrice(
                instrument_id=symbol,
                isin=history.isin(symbol),
                price=session.ticks[due].price,
                currency=TRADED,
                price_date=day,
                source="simulated",
            ),
        )


class LiveRun(Run):
    """A run beside other users: their commands come any time, also between a day's controls."""

    def __init__(
        self,
        platform: Platform,
        floor: Floor,
        spec: Spec,
        *,
        warehouse: bool = True,
        census: Census | None = None,
    ) -> None:
        def trading(of: Platform, _: Any, drive: Drive, history: History) -> Trading:
            return LiveTrading(of, drive, history, floor=floor, seed=spec.seed)

        super().__init__(
            platform,
            floor.drive,
            floor.clock,
            spec,
            warehouse=warehouse,
            trading=trading,
            census=census,
        )
        self._floor = floor
        floor.answer = self.answer

    async def halt(self, why: str) -> None:
        """Have every order refused from now on."""
        reason = f"market closed: {why}"
        await self._trading.send(
            ("market.closed", HaltInstrument(instrument_id=symbol, reason=reason))
            for symbol in self._history.symbols
        )

    async def _day(self, day: date, *, resumed: bool) -> None:
        await self._floor.awake()
        await super()._day(day, resumed=resumed)
        await self._census.fold.to()
        counts = self._census.last_day
        self._floor.news(
            f"{day}  closed, every control holds: "
            f"orders {counts['orders']:,}, fills {counts['fills']:,}"
        )

    async def _close(self, day: date) -> None:
        for tries_left in reversed(range(CLOSE_TRIES)):
            try:
                return await super()._close(day)
            except ControlsFailed:
                if not tries_left:
                    raise
                await self._drive.drain()

    async def _sign(self) -> None:
        """The signer follows the log by itself."""


class DemoDrive(Drive):
    """Moves a demo: its market moves street, sagas and timer, which follow its clock."""

    market: "LiveMarket"

    def phases(self) -> tuple[tuple[Task, ...], ...]:
        _, second, *others = super().phases()
        kept = tuple(part for part in second if part.name not in ("sagas", "timer", "watch"))
        return ((Task("market", self.market.run),), kept, *others)


class LiveMarket:
    """Runs a demo's market: days as long as there are prices, then a market that stays closed.

    Args:
        leading: held while the market moves: no other process may drive the sagas then.
    """

    def __init__(
        self,
        platform: Platform,
        floor: Floor,
        spec: Spec,
        *,
        leading: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
        warehouse: bool = True,
    ) -> None:
        self._platform, self._floor, self._spec = platform, floor, spec
        self._leading, self._warehouse = leading, warehouse
        self._ready: LiveRun | None = None  # the run that has checked the log already

    async def check(self, seen: Checked | None = None, *, census: Census | None = None) -> None:
        """Read the log up to its end, before the server takes requests.

        Args:
            census: one that has read the log already; None: a new one.

        Raises:
            Unreadable, Unavailable: of the log.
        """
        self._ready = self._run(census)
        await self._ready.check(seen)

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop`; after a failure, a new call goes on from the log."""
        await waits.until(stop, self._go())

    async def _go(self) -> None:
        async with self._leading():
            self._floor.drive.street.restart()
            run, self._ready = self._ready or self._run(), None
            try:
                await run.go(lambda _: None)
                why = f"the shipped prices end on {self._spec.last}"
            except OtherRun as e:
                why = str(e)
            await self._end(run, why)

    def _run(self, census: Census | None = None) -> LiveRun:
        return LiveRun(
            self._platform, self._floor, self._spec, warehouse=self._warehouse, census=census
        )

    async def _end(self, run: LiveRun, why: str) -> None:
        """After the last price: refuse orders, and let everything else go on."""
        await run.halt(why)
        floor = self._floor
        floor.news(f"the market is closed for good: {why}")
        floor.news(
            "orders are refused; everything else continues. A new demo needs an empty directory"
        )
        floor.clock.run(FAR)
        while True:
            await floor.step(ahead=FAR, rate=1.0)


def _about(left: timedelta, pace: Pace) -> str:
    """The duration in real time, as text."""
    if pace.paused:
        return "paused"
    seconds = left.total_seconds() / pace.rate
    return f"in {seconds / 60:.0f} min" if seconds >= 90 else f"in {seconds:.0f} s"
