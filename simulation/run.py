"""A whole run: set the stage, trade every session, close every day, return the results.

A run may stop anywhere. Restarted on the same directory it goes on at the moment at which the log
ends, so that nothing is recorded before its cause. It takes the morning's decisions again, on the
books as they were then; the log knows by message id what of the day was already done.
"""

import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from adapters.host.clock import SimulatedClock
from adapters.log.origin import SIMULATOR
from commands.handler import Declined
from commands.message_ids import own
from commands.ports import Request
from domain.house import STREAM, CloseDay, House
from domain.simulation import SOME, Simulation, StartSimulation
from simulation.books import Books
from simulation.census import Census
from simulation.clockwork import CONTROLS, MORNING, at
from simulation.day import Trading
from simulation.history import History
from simulation.plans import Plan, plans
from simulation.stage import renewal, stage
from streams.auditor import Auditor, summary
from streams.drive import Drive
from streams.platform import Platform

SIMULATION = "simulation"  # the message id of what binds a log to its run
Checked = Callable[[int, int, int], None]
"""Called while a log is checked: (events so far, their position, the log's last position)."""


class Spec(Struct, frozen=True, kw_only=True):
    """What identifies a run. The last day may be extended later; the rest is fixed."""

    first: date
    last: date
    accounts: int
    seed: int
    faults: str = SOME  # how the counterparties misbehave, a name in `simulation.street.FAULTS`


class OtherRun(Exception):
    """The data directory holds another run."""


class ControlsFailed(Exception):
    """A day cannot be closed; the message names the controls and their figures."""


class Progress(Struct, frozen=True, kw_only=True):
    day: date
    done: int  # sessions
    total: int
    events: int
    position: int


class Outcome(Struct, frozen=True, kw_only=True):
    """The results of a run, for its summary."""

    census: Census
    plans: tuple[Plan, ...]
    books: Books
    history: History
    declined: dict[str, int]
    wall_s: float
    events_before: int  # in the log when this process began


def bound(run: Simulation, spec: Spec, *, where: object) -> None:
    """Check that a log belongs to no run yet, or to this one.

    Args:
        run: the run that the log names.
        where: the data directory, for the message.

    Raises:
        OtherRun: it belongs to a run with another start, number of accounts, seed or faults.
    """
    if run.first_day is None:
        return
    names = ("accounts", "seed", "faults")
    theirs = {"from": run.first_day} | {name: getattr(run, name) for name in names}
    mine = {"from": spec.first} | {name: getattr(spec, name) for name in names}
    off = [f"{k} {theirs[k]}, not {v}" for k, v in mine.items() if theirs[k] != v]
    if off:
        raise OtherRun(f"{where} holds a run with {', '.join(off)}")


def eve_of(spec: Spec) -> datetime:
    """When the clock of a run starts."""
    return at(History(spec.first, spec.last).eve, MORNING)


class Run:
    """One run on one platform; `go` trades every session that is not closed yet."""

    def __init__(
        self,
        platform: Platform,
        drive: Drive,
        clock: SimulatedClock,
        spec: Spec,
        *,
        warehouse: bool = True,
        trading: Callable[[Platform, Any, Drive, History], Trading] = Trading,
        census: Census | None = None,
    ) -> None:
        self._platform, self._drive, self._clock = platform, drive, clock
        self._warehouse, self._spec = warehouse, spec
        self._census = census or Census(platform.log)
        self._auditor = Auditor(
            platform,
            drive.sides(warehouse=warehouse),
            platform.dispatcher.submit_many,
            fold=self._census.fold,
            tries=1,
        )
        self._history = History(spec.first, spec.last)
        found = plans(spec.accounts, seed=spec.seed, symbols=self._history.symbols)
        self._plans = found if self._history.has_rates else tuple(_in_dollars(p) for p in found)
        self._books = Books(platform, self._history)
        self._trading = trading(platform, clock, drive, self._history)

    async def check(self, seen: Checked | None = None) -> None:
        """Fold the log up to its end, for the controls of the days that close from now on.

        Raises:
            Unreadable, Unavailable: of the log.
        """
        await self._census.fold.to(seen=seen)

    async def go(
        self, seen: Callable[[Progress], None], *, checked: Checked | None = None
    ) -> Outcome:
        """Trade, and return the results.

        Args:
            seen: called after every session.
            checked: called while the existing log is read.

        Raises:
            ControlsFailed: a day could not be closed.
            OtherRun: the log is another run's, or has events after the first day left to trade.
        """
        started = time.monotonic()
        await self.check(checked)
        before = self._census.fold.events
        days = await self._begin()
        done = len(self._history.sessions) - len(days)
        for i, day in enumerate(days, 1):
            await self._day(day, resumed=before > 0 and i == 1)
            seen(_progress(day, done + i, self._history, self._census))
        await self._finish(drain=bool(days))
        return Outcome(
            census=self._census,
            plans=self._plans,
            books=self._books,
            history=self._history,
            declined=self._trading.tally.declined,
            wall_s=time.monotonic() - started,
            events_before=before,
        )

    async def _begin(self) -> list[date]:
        """Set the clock to the end of the log, and the stage if no day was closed yet.

        Returns:
            The days that are left to trade.
        """
        house: House = (await self._platform.handler.state(STREAM))[0]
        self.check_alone(house.last_day)
        self._clock.set(self._census.fold.last_at or at(self._history.eve, MORNING))
        days = self.days_left(house.last_day)
        if days:
            await self._remember()
        if house.last_day is None:
            await self._trading.stage(stage(self._history, self._plans))
            await self._trading.stage(self._trading.marks(self._history.eve))
        else:  # it may have been killed between a close and its signature
            await self._sign()
        return days

    def check_alone(self, closed: date | None) -> None:
        """Refuse a log with events after the first day to trade: other users wrote to it.

        Raises:
            OtherRun: it has such events.
        """
        days = self.days_left(closed)
        last_at = self._census.fold.last_at
        if days and last_at is not None and last_at > at(days[0], CONTROLS):
            raise OtherRun(f"the log was written to at {last_at:%Y-%m-%d %H:%M}, after {days[0]}")

    def days_left(self, closed: date | None) -> list[date]:
        """The sessions of the run after the last day that was closed."""
        return [day for day in self._history.sessions if closed is None or day > closed]

    async def _remember(self) -> None:
        """Record in the log which run it belongs to, before anything else is in it.

        Raises:
            OtherRun: it belongs to another.
        """
        spec = self._spec
        command = StartSimulation(
            first_day=spec.first, accounts=spec.accounts, seed=spec.seed, faults=spec.faults
        )
        await self._trading.send([(SIMULATION, command)])
        if why := self._trading.tally.declined:
            raise OtherRun(f"the log is of another run: {', '.join(why)}")

    async def _day(self, day: date, *, resumed: bool) -> None:
        """Trade a day; if the log is past its morning, go on there: the clock never goes back."""
        before_all = at(day, MORNING) - timedelta(minutes=1)
        self._clock.set(before_all)
        await self._drive.drain()
        await self._books.morning(self._plans, day, known_at=before_all if resumed else None)
        await self._reviews(day)
        await self._trading.run(day, self._plans, self._books)
        await self._census.fold.to()
        await self._trading.sweep(day, self._census.sweeps())
        self._clock.set(at(day, CONTROLS))
        await self._close(day)
        await self._sign()

    async def _sign(self) -> None:
        await self._drive.sign()

    async def _close(self, day: date) -> None:
        """Ask for the day's close, and have it answered.

        Raises:
            ControlsFailed: a control does not hold; the message names it.
        """
        house: House = (await self._platform.handler.state(STREAM))[0]
        if house.requested is None:  # else it was killed between the request and the answer
            asked = f"close.{day:%Y%m%d}" + (f".{house.requests}" if house.failed else "")
            request = Request(
                command=CloseDay(day=day), message_id=own(SIMULATOR, asked), actor=SIMULATOR
            )
            outcome = await self._platform.dispatcher.submit(request)
            if isinstance(outcome, Declined):
                raise ControlsFailed(f"{day}: {outcome.refused.refusal}: {outcome.refused.state}")
        await self.answer()
        house = (await self._platform.handler.state(STREAM))[0]
        if house.last_day != day:
            raise ControlsFailed(f"{day}: {summary(house.failed) or 'the close was not answered'}")

    async def answer(self) -> None:
        """Have the open request answered."""
        await self._auditor.answer()

    async def _reviews(self, day: date) -> None:
        """After the first year, renew the clients due for review, so that trading goes on."""
        if (day - self._history.sessions[0]).days < 365:
            return
        for client_id in sorted({p.client_id for p in self._plans}):
            client: Any = (await self._platform.handler.state(f"client-{client_id}"))[0]
            if client.status in ("review_due", "in_refresh", "overdue"):
                await self._trading.send(renewal(client_id, day))

    async def _finish(self, *, drain: bool) -> None:
        """Bring every part to the end of the log. A run that was complete stays as it is."""
        self._clock.set(at(self._history.sessions[-1], CONTROLS))
        if drain:
            await self._drive.drain()
        await self._census.fold.to()
        await self._drive.views_to(self._census.fold.position)
        if self._warehouse:
            await self._drive.facts_to(self._census.fold.position)
        await self._books.refresh(self._plans)


def _progress(day: date, done: int, history: History, census: Census) -> Progress:
    return Progress(
        day=day,
        done=done,
        total=len(history.sessions),
        events=census.fold.events,
        position=census.fold.position,
    )


def _in_dollars(plan: Plan) -> Plan:
    """Before 1999 there is no ECB fixing to convert at."""
    return replace(plan, base_currency="USD")
