"""One simulated trading day: clients act, the venue trades, the street settles, the day closes.

Everything takes the same path as in production: commands through the dispatcher, sagas and
gateways from the log, counterparties behind their ports. `Drive.drain` ends each moment: it returns
when no saga owes a command and no counterparty a report.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal

from msgspec import Struct

from adapters.host.clock import SimulatedClock
from adapters.log.origin import SIMULATOR
from commands.handler import Declined, Done, Outcome, Raced
from commands.message_ids import own
from commands.ports import KeyReused, Request
from domain.account.fees import AccrueFee, ChargeFee
from domain.fx import FixRates
from domain.house import SweepDues
from domain.price import MarkPrice
from domain.shared.message import Command
from domain.shared.money import ZERO
from simulation.books import Books
from simulation.clockwork import CLOSE, END_OF_DAY, MORNING, SETTLEMENT, at, venue_ticks
from simulation.history import History
from simulation.plans import Plan
from simulation.strategies import TRADED, Market, acts
from streams.drive import Drive
from streams.platform import Platform

FEE_RATE = Decimal("0.0060")  # of the net asset value, a year
VAT = Decimal("0.20")
BATCH = 1_000


class Tally(Struct):
    """The counters of a run."""

    orders: int = 0
    declined: dict[str, int] = {}


class StageRefused(Exception):
    """A command that a run needs was refused."""


class Contended(Exception):
    """A command of the simulator lost its stream to another writer: the directory is shared."""


class Trading:
    """Runs days on one platform. It holds no rules: those belong to the domain."""

    def __init__(
        self, platform: Platform, clock: SimulatedClock, drive: Drive, history: History
    ) -> None:
        self._platform, self._clock = platform, clock
        self._drive, self._history = drive, history
        self.tally = Tally()

    async def run(self, day: date, plans: tuple[Plan, ...], books: Books) -> None:
        """Run a day up to, but not including, its controls."""
        self._clock.set(at(day, MORNING))
        await self._drive.deadlines(at(day, MORNING))
        market = self._history.market(day)
        await self.send(self.intents(plans, market, books))
        await self._drive.drain()
        await self.session(day)
        self._clock.set(at(day, CLOSE))
        await self.send(self.marks(day))
        await self._drive.drain()
        self._clock.set(at(day, SETTLEMENT))
        await self._drive.drain()
        self._clock.set(at(day, END_OF_DAY))
        await self._drive.deadlines(at(day, END_OF_DAY))
        await books.refresh(plans)
        await self.send(self._fees(day, plans, books))
        await self._drive.drain()

    async def session(self, day: date) -> None:
        """Pass the hours in which the venue trades, and drain at each of its ticks."""
        for moment in venue_ticks(day):
            self._clock.set(moment)
            await self._drive.drain()

    def intents(
        self, plans: tuple[Plan, ...], market: Market, books: Books
    ) -> Iterator[tuple[str, Command]]:
        """The clients' commands of a morning, under message ids made of account, day, index."""
        for plan in plans:
            for n, command in enumerate(acts(plan, market, books.holdings(plan))):
                yield f"sim.{plan.account_id}.{market.day:%Y%m%d}.{n}", command

    async def stage(self, wanted: Iterable[tuple[str, Command]]) -> None:
        """Send commands that must not be refused.

        Raises:
            StageRefused: a command was refused.
        """
        await self.send(wanted)
        if self.tally.declined:
            raise StageRefused(str(self.tally.declined))

    async def send(self, wanted: Iterable[tuple[str, Command]]) -> None:
        """Send commands under their message ids, in order, in batches; repeats count as done."""
        batch: list[Request] = []
        for message_id, command in wanted:
            request = Request(
                command=command, message_id=own(SIMULATOR, message_id), actor=SIMULATOR
            )
            batch.append(request)
            if len(batch) == BATCH:
                await self._submit(batch)
                batch = []
        if batch:
            await self._submit(batch)

    async def sweep(self, day: date, amounts: Iterable[tuple[str, Decimal]]) -> None:
        """Sweep the amounts that the house is due (or owes), and have the bank book them."""
        reference = f"sweep.{day:%Y%m%d}"
        await self.send(
            (f"{reference}.{unit}", SweepDues(currency=unit, amount=amount, reference=reference))
            for unit, amount in amounts
        )
        await self._drive.drain()

    def marks(self, day: date) -> Iterator[tuple[str, Command]]:
        for symbol, close in self._history.closes(day).items():
            yield (
                f"mark.{day:%Y%m%d}",
                MarkPrice(
                    instrument_id=symbol,
                    isin=self._history.isin(symbol),
                    price=close,
                    currency=TRADED,
                    price_date=day,
                    source="history",
                ),
            )
        if self._history.has_rates:
            fixed, rates = self._history.fixing(day)
            yield f"fix.{day:%Y%m%d}", FixRates(source="ecb", rate_date=fixed, rates=rates)

    def _fees(
        self, day: date, plans: tuple[Plan, ...], books: Books
    ) -> Iterator[tuple[str, Command]]:
        days = self._history.days_since_previous(day)
        closes, rates = self._history.closes(day), self._history.rates(day)
        for plan in plans:
            nav = books.nav(plan, closes, rates, day=day)
            if nav > ZERO:
                yield (
                    f"accrue.{day:%Y%m%d}",
                    AccrueFee(
                        account_id=plan.account_id,
                        accrual_date=day,
                        fee_base=nav,
                        annual_rate=FEE_RATE,
                        currency=plan.base_currency,
                        days=days,
                    ),
                )
        if self._history.ends_month(day):
            for plan in plans:
                yield (
                    f"charge.{day:%Y%m%d}",
                    ChargeFee(
                        account_id=plan.account_id,
                        currency=plan.base_currency,
                        period_end=day,
                        vat_rate=VAT,
                    ),
                )

    async def _submit(self, batch: list[Request]) -> None:
        outcomes = await self._platform.dispatcher.submit_many(batch)
        for request, outcome in zip(batch, outcomes, strict=True):
            self._count(request, outcome)

    def _count(self, request: Request, outcome: Outcome) -> None:
        match outcome:
            case Done() | KeyReused():  # a resumed day repeats commands: the first one holds
                name = type(request.command).__name__
                self.tally.orders += name == "PlaceOrder"
            case Declined(refused=why):
                reason = str(why.refusal)
                self.tally.declined[reason] = self.tally.declined.get(reason, 0) + 1
            case Raced(stream=stream):
                raise Contended(stream)
