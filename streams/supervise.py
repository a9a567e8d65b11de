"""Keeps background work alive: restarts what ends, and shows why it ended.

    run -> ended by an error -> shown in `faults` -> pause, longer each time -> run again
        `-> still running after STEADY_S: the fault is over

Only for work that may be restarted at any point: it goes on from what is stored, and repeating a
step has one effect. All that drives a platform is of that kind.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

RETRY_MIN_S, RETRY_MAX_S = 0.1, 30.0
STEADY_S = 10.0
STOP_S = 10.0  # for a phase to end by itself, before it is cancelled
CANCEL_S = 5.0  # for cancelled tasks to clean up, before they are cancelled again

_log = logging.getLogger(__name__)

Work = Callable[[asyncio.Event], Awaitable[None]]
"""Runs until the event is set; may raise at any time, and may be called again after that."""


class Part(NamedTuple):
    name: str
    work: Work


class Supervisor:
    """Runs the parts of all phases at once; stops them one phase after the other."""

    def __init__(self, *, retry_min_s: float = RETRY_MIN_S, steady_s: float = STEADY_S) -> None:
        self.faults: dict[str, str] = {}
        self._retry_min_s, self._steady_s = retry_min_s, steady_s

    async def run(self, phases: Sequence[Sequence[Part]], stop: asyncio.Event) -> None:
        """Run until `stop`; then stop each phase only when the one before it has ended."""
        running: list[tuple[asyncio.Event, list[asyncio.Task[None]]]] = []
        for parts in phases:
            ending = asyncio.Event()
            running.append((ending, [asyncio.create_task(self.keep(p, ending)) for p in parts]))
        try:
            await stop.wait()
            for ending, tasks in running:
                ending.set()
                await _ended(tasks)
        finally:
            await _cancelled([task for _, tasks in running for task in tasks])

    async def keep(self, part: Part, stop: asyncio.Event) -> None:
        """Run one part until `stop`; restart it when it ends before."""
        pause = self._retry_min_s
        while not stop.is_set():
            task = asyncio.ensure_future(part.work(stop))
            try:
                done, _ = await asyncio.wait([task], timeout=self._steady_s)
                if not done:
                    pause = self._retry_min_s
                    self.faults.pop(part.name, None)
                    await asyncio.wait([task])
            finally:
                await _cancelled([task])
            if stop.is_set() and _fault(task) is None:
                break
            self._failed(part.name, _fault(task) or "ended unexpectedly")
            await _first(stop, pause)
            pause = min(2 * pause, RETRY_MAX_S)

    def _failed(self, name: str, fault: str) -> None:
        if self.faults.get(name) != fault:
            _log.error("%s has stopped: %s", name, fault)
        self.faults[name] = fault


async def until(stop: asyncio.Event, work: Awaitable[object]) -> None:
    """Run `work`, and cancel it if `stop` is set before it ends; raise its error."""
    task, told = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([task, told], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
    finally:
        await _cancelled([task, told])


def _fault(task: asyncio.Future[None]) -> str | None:
    if task.cancelled():
        return "cancelled"
    error: BaseException | None = task.exception()
    while isinstance(error, BaseExceptionGroup):  # its first member is the original error
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}" if error is not None else None


async def _first(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    _, late = await asyncio.wait(tasks, timeout=STOP_S)
    for task in late:
        _log.error("did not end within %g s: %s", STOP_S, task.get_name())
    await _cancelled(tasks)


async def _cancelled(tasks: Sequence[asyncio.Future[Any]]) -> None:
    """Cancel the tasks and wait until all have ended, even if this task is cancelled meanwhile.

    A cancellation may be lost (`wait_for` of Python 3.11 takes one for its own when the work that
    it waits for is done): it is then repeated.
    """
    running, told = set(tasks), False
    while running:
        for task in running:
            task.cancel()
        try:
            _, running = await asyncio.wait(running, timeout=CANCEL_S)
        except asyncio.CancelledError:
            told = True
            running = {task for task in running if not task.done()}
    await asyncio.gather(*tasks, return_exceptions=True)  # errors count as seen
    if told:
        raise asyncio.CancelledError
