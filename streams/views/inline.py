"""The inline runner: folds run in the platform's own process, fed by the log.

    catch_up -> run: wait for the log -> step -> step ... until `stop`

A failure (database gone, an event that cannot be read) is kept in `fault` for health to show, and
tried again with growing pauses. Pages then shrink to one event, so that the views come to stand
right before an unreadable one, wherever in a page it lies.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any, Protocol

from projections.engine.runner import NEAR_PAGE, PAGE, Runner, Stuck
from projections.ports import Change, Log, Sink, View

WAIT_S = 1.0  # the log tells; this bounds what is lost when it does not
RETRY_MIN_S, RETRY_MAX_S = 0.05, 5.0
TRUST_S = 5.0  # where the views stand is asked for again: their store may have lost commits

_log = logging.getLogger(__name__)

Listener = Callable[[Sequence[Change]], None]
Wants = Callable[[], Mapping[str, Mapping[str, Collection[str]]]]
"""View -> column -> values: the rows that a listener cares for; no column: all of the view."""


class TailedLog(Log, Protocol):
    def wait(self, position: int, /, *, timeout_s: float) -> Coroutine[Any, Any, bool]:
        """Until the log has gone past `position`; False when the time was up first."""
        ...


class InlineRunner:
    """Drives `views` from `log` into `sink`, all in one task.

    `catch_up` and `run` exclude each other; `wake`, `wait_for` and the figures are for anyone.
    """

    def __init__(self, log: TailedLog, sink: Sink, views: Sequence[View]) -> None:
        self.fault: str | None = None
        self._log, self._sink, self._views = log, sink, tuple(views)
        self._runner = Runner(log, sink, views, pause=_breathe)
        self._prepared = False
        self._busy = asyncio.Lock()
        self._woken = asyncio.Event()
        self._moved = asyncio.Condition()
        self._listeners: list[Listener] = []
        self._positions: dict[str, int] = {}
        self._page = NEAR_PAGE
        self._asked_at = 0.0

    @property
    def stuck(self) -> Collection[Stuck]:
        """Views that stand before an event they cannot fold."""
        return tuple(self._runner.stuck.values())

    @property
    def positions(self) -> Mapping[str, int]:
        """Where each view stands, as this runner last knew."""
        return self._positions

    def watermark(self, views: Collection[str] | None = None) -> int:
        """The position that all views (or those named) have passed; 0 before the first step."""
        names = [v.NAME for v in self._views] if views is None else views
        return min((self._positions.get(name, 0) for name in names), default=0)

    async def lag(self) -> int:
        """How many positions the hindmost view is behind the log."""
        return max(0, await self._log.last() - self.watermark())

    def listen(self, listener: Listener, *, wants: Wants = dict) -> Callable[[], None]:
        """Call `listener` with the changes of every step that is saved; returns the undoing.

        It is called on the runner's task and must neither block nor raise. What it `wants` matters
        to those who have to look for changes; here everything is at hand.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def wake(self) -> None:
        """The log has grown: look now."""
        self._woken.set()

    async def wait_for(
        self, position: int, *, timeout_s: float, views: Collection[str] | None = None
    ) -> bool:
        """Until the views have passed `position`; False when the time was up first."""
        self.wake()
        try:
            async with asyncio.timeout(timeout_s), self._moved:
                await self._moved.wait_for(lambda: self.watermark(views) >= position)
        except TimeoutError:
            return False
        return True

    async def catch_up(self, until: int | None = None) -> int:
        """Fold what the log holds now (up to `until`); how many events the views moved over.

        Where they stand is asked of their store: who calls this is about to rely on it.

        Raises:
            Unavailable, Unreadable: of the log or the sink; `run` is what retries.
        """
        async with self._busy:
            self._runner.doubt()
            return await self._fold(until)

    async def _fold(self, until: int | None = None) -> int:
        events = 0
        await self._prepare()
        while moved := await self._step(until):
            events += moved
        return events

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the log until `stop` is set; returns between two steps."""
        retry_s = RETRY_MIN_S
        while not stop.is_set():
            try:
                async with self._busy:
                    self._distrust()
                    await self._fold()
            except Exception as e:  # whatever it is: show it, and try again
                self._failed(e)
                await _first(stop.wait(), timeout_s=retry_s)
                retry_s = min(2 * retry_s, RETRY_MAX_S)
                continue
            self.fault, self._page, retry_s = None, NEAR_PAGE, RETRY_MIN_S
            await self._wait(stop)

    async def _prepare(self) -> None:
        if not self._prepared:
            await self._sink.prepare(self._views)
            self._prepared = True
            await self._publish(())

    async def _step(self, until: int | None) -> int:
        step = await self._runner.step(limit=self._page, until=until)
        # Another runner may have moved them: then too, what we wait for has to move on.
        if step.changes or await self._runner.positions() != self._positions:
            await self._publish(step.changes)
        # Near the end short pages are seen sooner; a full one says that more is waiting.
        self._page = min(2 * self._page, PAGE) if step.events >= self._page else NEAR_PAGE
        return step.events

    async def _publish(self, changes: Sequence[Change]) -> None:
        self._positions = dict(await self._runner.positions())
        for listener in tuple(self._listeners):
            listener(changes)
        async with self._moved:
            self._moved.notify_all()

    async def _wait(self, stop: asyncio.Event) -> None:
        """Until the log grows, someone wakes us, we are told to stop, or a second has passed."""
        stuck = self._runner.stuck
        moving = [at for view, at in self._positions.items() if view not in stuck]
        # With every view stuck, growth is nothing to wake up for.
        grown = [self._log.wait(max(moving), timeout_s=WAIT_S)] if moving else []
        await _first(*grown, self._woken.wait(), stop.wait(), timeout_s=WAIT_S)
        self._woken.clear()

    def _distrust(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._asked_at > TRUST_S:
            self._runner.doubt()
            self._asked_at = now

    def _failed(self, error: Exception) -> None:
        fault = f"{type(error).__name__}: {error}"
        if fault != self.fault:
            _log.error("views stand still: %s", fault)
        self.fault = fault
        self._page = max(1, self._page // 4)


async def _breathe() -> None:
    await asyncio.sleep(0)


async def _first(*waits: Coroutine[Any, Any, object], timeout_s: float) -> None:
    """Until one of them is done or the time is up; the others are cancelled and awaited."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
