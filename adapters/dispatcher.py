"""The dispatcher: concurrent callers in, batches through the one handler, one outcome each.

Group commit: callers await futures; one task takes whatever is pending (no timer) and runs it as
one batch, so a lone caller waits for one commit and a thousand share one.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

from adapters.recorder import Unavailable
from commands.handler import Handler, Outcome
from commands.ports import Request

BATCH_MAX = 1_000
PENDING_MAX = 10_000
SNAPSHOTS_MAX = 200

_log = logging.getLogger(__name__)


class Overloaded(Exception):
    """More commands are waiting than can be promised; try again later."""


_Waiting = tuple[Request, "asyncio.Future[Outcome]"]


class Dispatcher:
    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self._pending: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self.trouble = ""  # why the last batch could not be carried out
        self.batches = 0
        self.commands = 0

    async def submit(self, request: Request) -> Outcome:
        """Run one command and wait for its outcome.

        Raises:
            Overloaded: too many are waiting; nothing was done.
            Unavailable: the log cannot be reached; safe to send again under the same key.
        """
        return await self._enqueue(request)

    async def submit_many(self, requests: Sequence[Request]) -> list[Outcome]:
        """Run commands in order; they are decided in this order, as one batch where they fit."""
        if len(self._pending) + len(requests) > PENDING_MAX:
            raise Overloaded(f"{len(self._pending)} commands are waiting")
        futures = [self._enqueue(r) for r in requests]
        return list(await asyncio.gather(*futures))

    @property
    def waiting(self) -> int:
        return len(self._pending)

    async def close(self) -> None:
        """Finish what is pending, then stop."""
        self._closing = True
        self._wake.set()
        if self._task:
            await self._task
        await self.handler.flush_snapshots()

    def _enqueue(self, request: Request) -> "asyncio.Future[Outcome]":
        if self._closing or len(self._pending) >= PENDING_MAX:
            raise Overloaded(f"{len(self._pending)} commands are waiting")
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="dispatcher")
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._pending.append((request, future))
        self._wake.set()
        return future

    async def _run(self) -> None:
        while True:
            if not self._pending:
                if self._closing:
                    return
                self._wake.clear()
                await self._snapshots(0)
                if not self._pending:
                    await self._wake.wait()
                continue
            count = min(BATCH_MAX, len(self._pending))
            await self._batch([self._pending.popleft() for _ in range(count)])
            await self._snapshots(SNAPSHOTS_MAX)

    async def _batch(self, waiting: list[_Waiting]) -> None:
        self.batches += 1
        self.commands += len(waiting)
        try:
            outcomes = await self.handler.handle([r for r, _ in waiting])
        except Unavailable as e:
            self._trouble(str(e))
            _fail(waiting, e)
            return
        except Exception as e:
            if len(waiting) == 1:
                _fail(waiting, e)
            else:
                await self._one_by_one(waiting)
            return
        self._trouble("")
        for (_, future), outcome in zip(waiting, outcomes, strict=True):
            if not future.done():
                future.set_result(outcome)

    def _trouble(self, why: str) -> None:
        """Say once what callers are turned away for, and when it is over."""
        if why != self.trouble:
            _log.warning("commands: %s", why or "the event log takes them again")
        self.trouble = why

    async def _one_by_one(self, waiting: list[_Waiting]) -> None:
        """One poisoned stream must not fail its neighbours; message ids make this safe."""
        for pair in waiting:
            await self._batch([pair])

    async def _snapshots(self, least: int) -> None:
        if self.handler.snapshots_due > least:
            try:
                await self.handler.flush_snapshots()
            except Exception:  # a lost snapshot costs only time
                self.handler.cache.clear()


def _fail(waiting: list[_Waiting], error: Exception) -> None:
    for _, future in waiting:
        if not future.done():
            future.set_exception(error)
