"""An event loop in virtual time: when all tasks wait, time jumps to the next wake-up.

So pauses and time-outs cost nothing, and what runs next follows from the program alone: no
thread, no socket, no reading of the machine's clock. Every task belongs to the simulated process
in whose context it was made, so that a process can be killed whole.
"""

import asyncio
import contextlib
import selectors
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor
from contextvars import Context, ContextVar
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

TURNS_MAX = 50_000  # of the loop at one moment

TASKS: ContextVar[set[asyncio.Task[Any]]] = ContextVar("tasks")
"""The tasks of the simulated process that is running."""


class Deadlock(Exception):
    """All tasks wait for each other: nothing can ever happen again."""


class Livelock(Exception):
    """A task is busy for ever while no time passes."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time` starts at 0 and moves in jumps, seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self.turns = 0  # at this moment
        self.made = 0  # tasks and futures
        super().__init__(_Jump(self))
        self.set_task_factory(_owned)

    def time(self) -> float:
        return self.now

    def create_future(self) -> asyncio.Future[Any]:
        return _Future(loop=self)

    def number(self) -> int:
        self.made += 1
        return self.made

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> "asyncio.Future[T]":
        """Run it at once in this thread: threads would run by the machine's clock."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except BaseException as e:
            done.set_exception(e)
        return done


class _Future(asyncio.Future[Any]):
    """Hashes by its number, so that the order in sets does not depend on addresses."""

    def __init__(self, *, loop: VirtualLoop) -> None:
        self._number = loop.number()
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self._number


class _Task(asyncio.Task[Any]):
    def __init__(
        self, coro: Any, *, loop: VirtualLoop, context: Context | None, name: str | None = None
    ) -> None:
        self._number = loop.number()
        super().__init__(coro, loop=loop, context=context, name=name)

    def __hash__(self) -> int:
        return self._number


class _Jump(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Deadlock
        loop = self._loop
        loop.turns = 0 if timeout > 0 else loop.turns + 1
        if loop.turns > TURNS_MAX:
            raise Livelock(f"at {loop.now:g} s")
        loop.now += max(timeout, 0.0)
        return []


def _owned(
    loop: asyncio.AbstractEventLoop,
    coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
    context: Context | None = None,
) -> asyncio.Task[T]:
    assert isinstance(loop, VirtualLoop)
    task = _Task(coro, loop=loop, context=context)
    owner = TASKS.get(None) if context is None else context.get(TASKS)
    if owner is not None:
        owner.add(task)
        task.add_done_callback(owner.discard)
    return task


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end in virtual time; then cancel the tasks that are left.

    Raises:
        Deadlock, Livelock: see there.
    """
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.turns = 0
        if left:
            with contextlib.suppress(Deadlock, Livelock):  # a task that does not end now never will
                loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()
