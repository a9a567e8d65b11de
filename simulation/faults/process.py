"""One simulated process: it may be killed or frozen at every call to a store or a counterparty.

Its clock is the world's, moved by the steps that it has taken. All its tasks are known, so that
nothing of it survives a kill.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from datetime import datetime, timedelta
from typing import Any, TypeVar

from simulation.faults.virtual_time import TASKS

T = TypeVar("T")


class Process:
    """`name` is for traces: p1, p2 ..."""

    def __init__(self, name: str, world_clock: Callable[[], datetime]) -> None:
        self.name = name
        self.offset = timedelta(0)
        self.crashed = False  # it died of a fault; the world did not stop it
        self.frozen_at: datetime | None = None  # by the world's clock, if it is frozen
        self.dead = asyncio.Event()
        self.frozen = asyncio.Event()
        self.cut = set[str]()  # stores that have crashed: the next call finds its connection gone
        self._world_clock = world_clock
        self._running = asyncio.Event()
        self._running.set()
        self._tasks: set[asyncio.Task[Any]] = set()

    def clock(self) -> datetime:
        return self._world_clock() + self.offset

    @property
    def alive(self) -> bool:
        return not self.dead.is_set()

    @property
    def active(self) -> bool:
        """Alive and not frozen."""
        return self.alive and self._running.is_set()

    def spawn(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """A task of this process; what it makes in turn belongs to it too."""
        context = copy_context()
        context.run(TASKS.set, self._tasks)
        return asyncio.get_running_loop().create_task(work, context=context)

    async def gate(self) -> None:
        """Pass if the process runs; wait while it is frozen; end here once it is dead."""
        while not self._running.is_set():
            await self._running.wait()
        if self.dead.is_set():
            raise asyncio.CancelledError

    def check(self) -> None:
        """The same for a caller that cannot wait.

        Raises:
            ConnectionError: the process is frozen.
        """
        if self.dead.is_set():
            raise asyncio.CancelledError
        if not self._running.is_set():
            raise ConnectionError("standing still")

    def freeze(self) -> None:
        self.frozen_at = self._world_clock()
        self._running.clear()
        self.frozen.set()

    def thaw(self) -> None:
        self.frozen_at = None
        self.frozen.clear()
        self._running.set()

    def crash(self) -> None:
        self.crashed = True
        self.kill()

    def kill(self) -> None:
        """Stop it: nothing that it does from now on has an effect."""
        self.dead.set()
        self._running.set()

    async def bury(self) -> None:
        """Kill, and wait until every task of it has ended."""
        self.kill()
        while left := [t for t in self._tasks if t is not asyncio.current_task()]:
            for task in left:
                task.cancel()
            await asyncio.wait(left)
