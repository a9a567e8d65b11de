"""Drives a platform: views, facts, sagas, timer and the street, step by step or in tasks.

serve:     run(stop)   one task each, woken by the log, restarted when it fails
simulate:  drain()     in a fixed order, until nothing is owed

With a bus, workers drive the views (and for serve the sagas and their timer). For these, this
process then only keeps the workers alive and follows the positions of the views.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from adapters.warehouse.loader import Loader
from commands.handler import Outcome
from commands.ports import Request
from projections.catalogue import VIEWS
from streams import waits
from streams.auditor import Auditor, Sides
from streams.bus_side import BusSide
from streams.gateways.street import Street
from streams.log.pruner import Pruner
from streams.log.sealing import Seal
from streams.log.signer import CheckpointSigner
from streams.platform import Platform
from streams.sagas.runner import SagaRunner, Send
from streams.sagas.timer import Timer
from streams.supervise import Supervisor, Task
from streams.views.followed import FollowedViews, ViewsStalled
from streams.views.inline import InlineRunner
from streams.watch import Watch

VIEWS_S = 120.0
SAGAS_S = 1.0  # after which the sagas read the log even if no event concerns them
ROUNDS_MAX = 100_000  # of one drain: beyond it two parties answer each other for ever


class NeverQuiet(Exception):
    """A drain did not end: some saga and some counterparty keep each other busy."""


class Drive:
    """Args: `warehouse`: whether the close of a day also compares ClickHouse."""

    def __init__(
        self,
        platform: Platform,
        street: Callable[[Platform, Send], Street],
        *,
        bus: BusSide | None = None,
        warehouse: bool = True,
        seal_s: float = 0.0,
    ) -> None:
        """`seal_s`: the most seconds that an event waits for its checkpoint; 0: no bound."""
        self.platform, self.bus = platform, bus
        self.views: InlineRunner | FollowedViews = (
            InlineRunner(platform.log, platform.sink, VIEWS) if bus is None else bus.views
        )
        self.loader = Loader(platform.log, platform.warehouse)
        self.sagas = SagaRunner(platform.log, platform.saga_store, self.send)
        self.timer = Timer(platform.saga_store, self.send)
        self.street = street(platform, self.send)
        seal = Seal(self.send, platform.clock, every_s=seal_s) if seal_s else None
        self.checkpoints = CheckpointSigner(platform.log, platform.signer, self.send, seal=seal)
        facts_to = self.facts_to if warehouse else None
        sides = Sides(self.street, self._views_past, facts_to)
        self.auditor = Auditor(platform, sides, self.send)
        self.pruner = Pruner(platform.log.recorder, platform.clock)
        self.watch = Watch(platform.log)
        self._supervisor = Supervisor()

    async def send(self, requests: Sequence[Request]) -> Sequence[Outcome]:
        return await self.platform.dispatcher.submit_many(requests)

    async def drain(self) -> None:
        """Run rounds until no saga owes a command and no counterparty a report at this moment."""
        for _ in range(ROUNDS_MAX):
            if not await self.round():
                return
        raise NeverQuiet(f"still busy after {ROUNDS_MAX} rounds")

    async def round(self) -> int:
        """Let the sagas and the street answer what is new; return how much moved."""
        return await self.sagas.drain() + await self.street.step()

    async def deadlines(self, now: datetime) -> None:
        """Pass every deadline up to `now`, and drain what follows from them."""
        while await self.timer.fire(now):
            await self.drain()

    async def views_to(self, position: int) -> None:
        await self.views.catch_up(position)

    async def _views_past(self, position: int) -> None:
        """Wait for the views without folding: `run` may fold for as long as commands come in."""
        if not await self.views.wait_for(position, timeout_s=VIEWS_S):
            raise ViewsStalled(f"the views have not passed {position} within {VIEWS_S:g} s")

    async def facts_to(self, position: int) -> None:
        await self.loader.load_until(position)

    def sides(self, *, warehouse: bool) -> Sides:
        """What an auditor compares in a process that does not `run`."""
        return Sides(self.street, self.views_to, self.facts_to if warehouse else None)

    async def sign(self) -> None:
        """Sign the log up to its end, in a process that does not `run`."""
        await self.checkpoints.catch_up()

    async def run(self, stop: asyncio.Event) -> None:
        """Drive everything in the background until `stop`; show and restart a part that fails.

        At the end the parts that write events stop first, and those that read them stop last. So
        the caller must stop taking commands from outside before it sets `stop`.
        """
        await self._supervisor.run(self.phases(), stop)

    def phases(self) -> tuple[tuple[Task, ...], ...]:
        """All parts that run, in the order in which they are stopped."""
        return (
            (
                Task("auditor", self.auditor.run),
                Task("street", lambda end: self.street.run(end, self.watch)),
            ),
            (
                *self._sagas(),
                Task("pruning", self.pruner.run),
                Task("watch", lambda end: waits.until(end, self.watch.run())),
            ),
            (Task("checkpoints", self.checkpoints.run),),
            (Task("views", self.views.run), *(self.bus.tasks() if self.bus is not None else ())),
            (Task("facts", lambda end: waits.until(end, self.loader.run())),),
        )

    def _sagas(self) -> tuple[Task, ...]:
        """The sagas and their timer, unless workers drive them."""
        if self.bus is not None:
            return ()
        return (
            Task("sagas", self._drive_sagas),
            Task("timer", lambda end: self.timer.run(end, self.platform.clock)),
        )

    async def _drive_sagas(self, stop: asyncio.Event) -> None:
        bell = self.watch.bell("sagas", self.sagas.concerns)
        await self.sagas.run(stop, lambda _: waits.until(stop, bell.wait(timeout_s=SAGAS_S)))

    def troubles(self) -> list[str]:
        """The parts that do not move, and why; the views report theirs themselves."""
        parts = [("sagas", self.sagas.fault), ("timer", self.timer.fault)]
        parts += [(f"gateway {g.name}", g.fault) for g in self.street.gateways]
        parts += [(f"connection {g.name}", g.line_fault) for g in self.street.gateways]
        parts += self._supervisor.faults.items()
        found = [f"{name}: {why}" for name, why in parts if why]
        found += self.bus.troubles() if self.bus is not None else []
        return found + [f"sagas: cannot send {m}: {why}" for m, why in self.sagas.stuck.items()]
