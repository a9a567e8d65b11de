"""The inline runner: folds run in the platform's own process, fed by the log.

    catch_up -> run: wait for the log -> step -> step ... -> linger ... until `stop`

Every page costs a database transaction, whatever its length. So after a page that was not full the
runner lingers until `LINGER_S` after the start of its last fold, and the next page has all events
that came meanwhile. An event that comes later is folded at once, and a fold that takes as long is
followed by the next one. A caller that needs a position, a listener whose rows are urgent, or
`COMPANY` positions end the lingering. For `CALM_S` after such a caller there is none: the next one
may be on its way, and a fold that has begun before it comes shortens its wait.

A failure (database gone, an event that cannot be read) is kept in `fault` for health checks, and
retried with growing pauses. Pages then shrink to one event, so that the views stop right before an
unreadable one, wherever in a page it lies.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any, Protocol

from adapters.host.retry import Retry
from projections.engine.runner import NEAR_PAGE, PAGE, Runner, Stuck
from projections.ports import Change, Log, Sink, View
from streams import waits
from streams.doubt import Doubt

WAIT_S = 1.0  # bounds the delay when the log's notification is lost
RETRY_MIN_S, RETRY_MAX_S = 0.05, 5.0
LINGER_S = 0.1
COMPANY = NEAR_PAGE // 2  # positions; more events hardly lower what each costs
CALM_S = 1.0

_log = logging.getLogger(__name__)

Listener = Callable[[Sequence[Change]], None]
Wants = Callable[[], Mapping[str, Mapping[str, Collection[str]]]]
"""View -> column -> values: the rows that a listener wants; no column: all of the view."""
Urgent = Callable[[], bool]
"""Whether a listener needs the next change at once: no event may then wait for others."""


class TailedLog(Log, Protocol):
    def wait(self, position: int, /, *, timeout_s: float) -> Coroutine[Any, Any, bool]:
        """Wait until the log has passed `position`; False on time-out."""
        ...


class InlineRunner:
    """Drives `views` from `log` into `sink`, all in one task.

    `catch_up` and `run` exclude each other; any task may call `wake`, `wait_for` and the figures.
    """

    def __init__(self, log: TailedLog, sink: Sink, views: Sequence[View]) -> None:
        self.fault: str | None = None
        self._log, self._sink, self._views = log, sink, tuple(views)
        self._runner = Runner(log, sink, views, pause=waits.breathe)
        self._prepared = False
        self._busy = asyncio.Lock()
        self._woken = asyncio.Event()
        self._moved = asyncio.Condition()
        self._waiting = 0  # callers of `wait_for`
        self._calm_at = 0.0  # when it may linger again
        self._listeners: list[tuple[Listener, Urgent]] = []
        self._positions: dict[str, int] = {}
        self._page = NEAR_PAGE
        self._doubt = Doubt()

    @property
    def stuck(self) -> Collection[Stuck]:
        """Views that stopped before an event they cannot fold."""
        return tuple(self._runner.stuck.values())

    @property
    def positions(self) -> Mapping[str, int]:
        """By view, the position that this runner last knew."""
        return self._positions

    def watermark(self, views: Collection[str] | None = None) -> int:
        """The position that all views (or those named) have passed; 0 before the first step."""
        names = [v.NAME for v in self._views] if views is None else views
        return min((self._positions.get(name, 0) for name in names), default=0)

    async def lag(self) -> int:
        """How many positions the hindmost view is behind the log."""
        return max(0, await self._log.last() - self.watermark())

    def listen(
        self, listener: Listener, *, wants: Wants = dict, urgent: Urgent = bool
    ) -> Callable[[], None]:
        """Call `listener` with the changes of every saved step; return a function to remove it.

        The runner's task calls it, so it must neither block nor raise. `wants` is ignored: only a
        `FollowedViews` has to query for changes, and this runner has all of them. While `urgent`
        returns True, this runner does not linger.
        """
        entry = (listener, urgent)
        self._listeners.append(entry)
        return lambda: self._listeners.remove(entry)

    def hurry(self, position: int) -> None:
        """Fold up to `position` without lingering: a caller needs it."""
        self._calm_at = waits.now() + CALM_S
        if self.watermark() < position:
            self.wake()

    def wake(self) -> None:
        """Make `run` read the log now, without lingering."""
        self._woken.set()

    async def wait_for(
        self, position: int, *, timeout_s: float, views: Collection[str] | None = None
    ) -> bool:
        """Wait until the views have passed `position`; False on time-out.

        Until then `run` does not linger.
        """
        self.hurry(position)
        if self.watermark(views) >= position:
            return True
        self._waiting += 1
        try:
            async with asyncio.timeout(timeout_s), self._moved:
                await self._moved.wait_for(lambda: self.watermark(views) >= position)
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
        return True

    async def catch_up(self, until: int | None = None) -> int:
        """Fold what the log holds now (up to `until`); return how many events the views passed.

        It first reads the positions from the store again, because the caller will rely on them.

        Raises:
            Unavailable, Unreadable: of the log or the sink; only `run` retries.
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

    async def _fold_near_end(self) -> int:
        """Fold until a page is not full: the events that came meanwhile wait for company."""
        await self._prepare()
        events, page = 0, self._page
        while moved := await self._step(None):
            events += moved
            if moved < page and not self._apart():
                break
            page = self._page
        return events

    def _apart(self) -> bool:
        """Whether a view is behind another one, and not because it is stuck."""
        return len(set(self._moving())) > 1

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the log until `stop` is set; returns between two steps."""
        retry = Retry(RETRY_MIN_S, RETRY_MAX_S)
        while not stop.is_set():
            began = waits.now()
            try:
                async with self._busy:
                    if self._doubt.due():
                        self._runner.doubt()
                    folded = await self._fold_near_end()
            except Exception as e:  # show any error, and try again
                self._failed(e)
                await waits.pause(stop, retry.next_s())
                continue
            self.fault, self._page = None, NEAR_PAGE
            retry.reset()
            if folded:
                await self._linger(stop, began + LINGER_S)
            await self._wait(stop)

    async def _prepare(self) -> None:
        if not self._prepared:
            await self._sink.prepare(self._views)
            self._prepared = True
            await self._publish(())

    async def _step(self, until: int | None) -> int:
        step = await self._runner.step(limit=self._page, until=until)
        # Another runner may have moved the views: waiters have to be notified then too.
        if step.changes or await self._runner.positions() != self._positions:
            await self._publish(step.changes)
        # Near the end, short pages are visible sooner; a full one means that more is waiting.
        self._page = min(2 * self._page, PAGE) if step.events >= self._page else NEAR_PAGE
        return step.events

    async def _publish(self, changes: Sequence[Change]) -> None:
        self._positions = dict(await self._runner.positions())
        for listener, _ in tuple(self._listeners):
            listener(changes)
        async with self._moved:
            self._moved.notify_all()

    async def _linger(self, stop: asyncio.Event, until: float) -> None:
        """Let events gather, at most `COMPANY` positions, if no caller waits for one."""
        now = waits.now()
        left = until - now
        if left <= 0 or self._waiting or now < self._calm_at:
            return
        if any(urgent() for _, urgent in self._listeners):
            return
        full = self._grown(COMPANY - 1, timeout_s=left)
        await waits.first(*full, self._woken.wait(), stop.wait(), timeout_s=left)

    async def _wait(self, stop: asyncio.Event) -> None:
        """Wait for the log to grow, for `wake` or for `stop`, at most `WAIT_S`."""
        grown = self._grown(0, timeout_s=WAIT_S)
        await waits.first(*grown, self._woken.wait(), stop.wait(), timeout_s=WAIT_S)
        self._woken.clear()

    def _grown(self, more: int, *, timeout_s: float) -> list[Coroutine[Any, Any, bool]]:
        """A wait for the log to pass the views by `more` positions; none if all views are stuck.

        A view that is stuck is no reason to read on.
        """
        moving = self._moving()
        return [self._log.wait(max(moving) + more, timeout_s=timeout_s)] if moving else []

    def _moving(self) -> list[int]:
        """The positions of the views that are not stuck."""
        stuck = self._runner.stuck
        return [at for view, at in self._positions.items() if view not in stuck]

    def _failed(self, error: Exception) -> None:
        fault = f"{type(error).__name__}: {error}"
        if fault != self.fault:
            _log.error("views have stopped: %s", fault)
        self.fault = fault
        self._page = max(1, self._page // 4)
