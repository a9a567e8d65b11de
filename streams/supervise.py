"""Keeps background work alive: restarts what ends, and shows why it ended.

    run -> ended by an error -> shown in `faults` -> pause, longer each time -> run again
        `-> still running after STEADY_S: the fault is over

Only for work that may be restarted at any point: it goes on from what is stored, and repeating a
step has one effect. All that drives a platform is of that kind.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from adapters.host.retry import Retry
from streams import waits

RETRY_MIN_S, RETRY_MAX_S = 0.1, 30.0
STEADY_S = 10.0  # work that lasted longer begins with the shortest pause again
STOP_S = 10.0  # for a phase to end by itself, before it is cancelled

_log = logging.getLogger(__name__)

Work = Callable[[asyncio.Event], Awaitable[None]]
"""Runs until the event is set; may raise at any time, and may be called again after that."""


class Task(NamedTuple):
    name: str
    work: Work


class Supervisor:
    """Runs the tasks of all phases at once; stops them one phase after the other."""

    def __init__(self, *, retry_min_s: float = RETRY_MIN_S, steady_s: float = STEADY_S) -> None:
        self.faults: dict[str, str] = {}
        self._retry_min_s, self._steady_s = retry_min_s, steady_s

    async def run(self, phases: Sequence[Sequence[Task]], stop: asyncio.Event) -> None:
        """Run until `stop`; then stop each phase only when the one before it has ended."""
        running: list[tuple[asyncio.Event, list[asyncio.Task[None]]]] = []
        for works in phases:
            ending = asyncio.Event()
            running.append(
                (ending, [asyncio.create_task(self.keep(work, ending)) for work in works])
            )
        try:
            await stop.wait()
            for ending, tasks in running:
                ending.set()
                await _ended(tasks)
        finally:
            await waits.cancel(*(task for _, tasks in running for task in tasks))

    async def keep(self, task: Task, stop: asyncio.Event) -> None:
        """Run one task until `stop`; restart it when it ends before."""
        retry = Retry(self._retry_min_s, RETRY_MAX_S)
        while not stop.is_set():
            running = asyncio.ensure_future(task.work(stop))
            try:
                done, _ = await asyncio.wait([running], timeout=self._steady_s)
                if not done:
                    retry.reset()
                    self.faults.pop(task.name, None)
                    await asyncio.wait([running])
            finally:
                await waits.cancel(running)
            if stop.is_set() and _fault(running) is None:
                break
            self._failed(task.name, _fault(running) or "ended unexpectedly")
            await waits.pause(stop, retry.next_s())

    def _failed(self, name: str, fault: str) -> None:
        if self.faults.get(name) != fault:
            _log.error("%s has stopped: %s", name, fault)
        self.faults[name] = fault


def _fault(task: asyncio.Future[None]) -> str | None:
    if task.cancelled():
        return "cancelled"
    error: BaseException | None = task.exception()
    while isinstance(error, BaseExceptionGroup):  # its first member is the original error
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}" if error is not None else None


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    _, late = await asyncio.wait(tasks, timeout=STOP_S)
    for task in late:
        _log.error("did not end within %g s: %s", STOP_S, task.get_name())
    await waits.cancel(*tasks)
