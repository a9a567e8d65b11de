"""A platform's background work as it runs in one simulated process.

The same parts as `serve` runs, in the same supervisor; only the warehouse's loader is left out.
`drain` is the simulator's barrier: it waits, in virtual time, until nothing is owed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any

from adapters.log.event_log import RecorderLog
from adapters.log.recorder import Unavailable
from commands.ports import Unreadable
from domain.shared.envelope import Envelope
from projections.catalogue import VIEWS
from simulation.faults import kinds
from simulation.faults.process import Process
from simulation.faults.schedule import Fate
from streams.drive import Drive, NeverQuiet
from streams.gateways.street import Street
from streams.platform import Platform
from streams.sagas.runner import SagaRunner, Send
from streams.supervise import Task
from streams.views.inline import InlineRunner

POLL_S = 0.05
PATIENCE_S = 300.0  # virtual; every retry and time-out of the product is over much sooner
AGAIN_MAX = 20  # events

Unrest = Callable[[], Awaitable[str]]
"""Why the world is not at rest; "" when it is."""


class CutLog(RecorderLog):
    """Pages of the log as a process gets them: now and then shorter than asked for."""

    process: Process
    fate: Fate

    async def after(
        self, position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Envelope]:
        await self.process.gate()
        page = await super().after(position, limit=limit, until=until)
        if not page:
            return page
        struck = self.fate.at(kinds.PAGE, self.process.name, self.process.clock())
        return page[: 1 + int(self.fate.throw(struck, "cut") * len(page))] if struck else page


class Redelivered:
    """The log as folds read it: a page may begin before their position, and must do no harm."""

    def __init__(self, log: CutLog) -> None:
        self._log = log

    async def after(
        self, position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Envelope]:
        log = self._log
        page = await log.after(position, limit=limit, until=until)
        if not page:
            return page
        struck = log.fate.at(kinds.FOLDED, log.process.name, log.process.clock())
        if struck is None:
            return page
        start = max(0, position - 1 - int(log.fate.throw(struck, "again") * AGAIN_MAX))
        again = await log.after(start, limit=AGAIN_MAX, until=position) if position else ()
        return [*again, *page]

    async def last(self) -> int:
        return await self._log.last()

    def wait(self, position: int, /, *, timeout_s: float) -> Coroutine[Any, Any, bool]:
        return self._log.wait(position, timeout_s=timeout_s)


class LiveDrive(Drive):
    """Runs by itself, in tasks; the methods that drive a `Drive` wait for it instead.

    Args:
        moment: called at each barrier, before it.
        unrest: names what is still owed.
    """

    def __init__(
        self,
        platform: Platform,
        street: Callable[[Platform, Send], Street],
        log: CutLog,
        *,
        moment: Callable[[], Awaitable[None]],
        unrest: Unrest,
    ) -> None:
        super().__init__(platform, street, warehouse=False)
        self.views = InlineRunner(Redelivered(log), platform.sink, VIEWS)
        self.sagas = SagaRunner(Redelivered(log), platform.saga_store, self.send)
        self._moment, self._unrest = moment, unrest

    def phases(self) -> tuple[tuple[Task, ...], ...]:
        return super().phases()[:-1]

    async def drain(self) -> None:
        await self._moment()
        await self.until(self._unrest)

    async def deadlines(self, now: datetime) -> None:
        """The timer passes them by itself."""
        await self.until(self._unrest)

    async def views_to(self, position: int) -> None:
        async def behind() -> str:
            if (at := self.views.watermark()) < position:
                return f"views at {at} of {position}"
            await self.views.catch_up(position)  # as the close of a day does
            return ""

        await self.until(behind)

    async def sign(self) -> None:
        async def unread() -> str:
            at, end = self.checkpoints.position, await self.platform.log.recorder.last()
            return "" if at >= end[0] else f"signer at {at} of {end[0]}"

        await self.until(unread)

    async def until(self, unrest: Unrest) -> None:
        """Wait until `unrest` is empty; ask again where it cannot be read.

        Raises:
            NeverQuiet: it lasts for `PATIENCE_S`; names what is owed and what does not move.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE_S
        while loop.time() < end:
            await asyncio.sleep(POLL_S)
            try:
                why = await unrest()
            except (Unavailable, Unreadable) as e:
                why = str(e)
            if not why:
                return
        raise NeverQuiet("; ".join([why, *self.troubles()]))
