"""Waiting in tasks: for a stop, for the first of several, for the end of cancelled ones.

Times are seconds of the running loop's clock, so a simulated loop simulates them too.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any

CANCEL_S = 5.0  # for cancelled tasks to clean up, before they are cancelled again


def now() -> float:
    """The running loop's clock, in seconds."""
    return asyncio.get_running_loop().time()


async def breathe() -> None:
    """Let the other tasks run once."""
    await asyncio.sleep(0)


async def pause(event: asyncio.Event | None, seconds: float) -> bool:
    """Wait for `seconds`, until `event` is set at most; return whether it is set.

    An `event` of None is never set: for a caller that nothing stops.
    """
    if event is None:
        await asyncio.sleep(seconds)
        return False
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return event.is_set()
    return True


async def watch(
    stop: asyncio.Event, *tasks: "asyncio.Future[Any]", timeout_s: float | None = None
) -> None:
    """Wait until `stop` is set, one of the tasks has ended or the time is up.

    The tasks go on running, and their errors stay theirs.
    """
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait(
            [stopped, *tasks], timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        stopped.cancel()


async def first(*waits: Awaitable[object], timeout_s: float | None = None) -> None:
    """Wait until one is done or the time is up; then cancel the others, and wait for their end.

    An error is a way to be done: it is not raised here.
    """
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancel(*tasks)


async def until(stop: asyncio.Event, work: Awaitable[object]) -> None:
    """Run `work`, and cancel it if `stop` is set before it ends; raise its error."""
    task = asyncio.ensure_future(work)
    try:
        await watch(stop, task)
        if task.done():
            await task
    finally:
        await cancel(task)


async def cancel(*tasks: "asyncio.Future[Any]") -> None:
    """Cancel the tasks and wait until all have ended, even if this task is cancelled meanwhile.

    A cancellation may be lost (`wait_for` of Python 3.11 takes one for its own when the work that
    it waits for is done): it is then repeated every `CANCEL_S`.
    """
    running, cancelled = set(tasks), False
    while running:
        for task in running:
            task.cancel()
        try:
            _, running = await asyncio.wait(running, timeout=CANCEL_S)
        except asyncio.CancelledError:
            cancelled = True
            running = {task for task in running if not task.done()}
    await asyncio.gather(*tasks, return_exceptions=True)  # errors count as seen
    if cancelled:
        raise asyncio.CancelledError
