"""Group commit: many callers, few commits.

Each caller awaits its own result. Whatever is waiting goes as one batch, and while that is on its
way the next gathers; there is no timer, so a lone caller waits for nobody, and under load the
batches grow by themselves. With `SPLIT_MIN` callers or more, two batches of half the size are
under way by turns: the one is packed while the database commits the other.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from adapters.append_plan import check
from adapters.recorder import BATCH_MAX, Recorder, Result, Unavailable, Write

PENDING_MAX = 10_000  # writes in memory before callers are turned away
SPLIT_MIN = 128  # fewer callers share one commit: half of them would not pay for theirs
LANES = 2


class _Call(Struct, frozen=True, eq=False):
    write: Write
    clock: datetime
    answer: asyncio.Future[Result]


class GroupCommit:
    """Appends through a recorder; writes of one stream in the order of the calls.

    A write that was decided on another's outcome is to be sent after that other was answered:
    only within one `append` of the recorder does a failed write stop those behind it.
    """

    def __init__(self, recorder: Recorder, *, pending_max: int = PENDING_MAX) -> None:
        self._recorder = recorder
        self._pending_max = pending_max
        self._pending: deque[_Call] = deque()
        self._flying: set[asyncio.Task[None] | None] = set()
        self._calls_flying = 0
        self._streams_flying: set[str] = set()
        self._waker: asyncio.Handle | None = None
        self._closed = False

    async def append(self, write: Write, clock: datetime) -> Result:
        """Append with whatever else is waiting; the batch is stamped with its latest clock.

        Raises:
            Unavailable: too much is waiting already, the recorder gave up, or this is closed.
            ValueError: no store could keep this write.
        """
        if self._closed:
            raise Unavailable("the event log is closing")
        if len(self._pending) >= self._pending_max:
            raise Unavailable("too many writes are waiting for the event log")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()
        self._pending.append(_Call(write, clock, answer))
        if self._waker is None and len(self._flying) < LANES:
            self._waker = loop.call_soon(self._launch)  # after those who call in this turn
        return await answer

    async def close(self) -> None:
        """Turn new writes away and wait for those that are in; the recorder stays open."""
        self._closed = True
        while self._pending or self._flying:
            self._launch()
            await asyncio.gather(*[task for task in self._flying if task is not None])

    def _launch(self) -> None:
        """Send what is waiting, as far as there is room and no stream of it is under way."""
        self._waker = None
        while self._pending and len(self._flying) < LANES:
            outstanding = len(self._pending) + self._calls_flying
            size = min(BATCH_MAX, outstanding if outstanding < SPLIT_MIN else -(-outstanding // 2))
            if self._flying and len(self._pending) < min(size, SPLIT_MIN // 2):
                return
            batch = self._take(size)
            if not batch:
                return
            self._calls_flying += len(batch)
            self._streams_flying.update(call.write.stream for call in batch)
            task = asyncio.create_task(self._flush(batch), name="group-commit")
            self._flying.add(task)

    def _take(self, size: int) -> list[_Call]:
        taken: list[_Call] = []
        held: list[_Call] = []
        while self._pending and len(taken) < size:
            call = self._pending.popleft()
            (held if call.write.stream in self._streams_flying else taken).append(call)
        self._pending.extendleft(reversed(held))
        return taken

    async def _flush(self, batch: list[_Call]) -> None:
        """Whatever happens, every caller gets an answer and the lane is free again."""
        unanswered = batch
        try:
            results = await self._recorder.append(
                [call.write for call in batch], clock=max([call.clock for call in batch])
            )
            for call, result in zip(batch, results, strict=True):
                if not call.answer.done():
                    call.answer.set_result(result)
        except ValueError as e:
            unanswered = self._without_storable(batch)
            _fail(unanswered, e)
        except Exception as e:
            _fail(batch, e)
        finally:
            _fail(unanswered, Unavailable("the event log's writer was cancelled"))
            self._landed(batch)

    def _without_storable(self, batch: list[_Call]) -> list[_Call]:
        """Nothing was written because of some: send the others again, first of all."""
        refused = [call for call in batch if not _is_storable(call.write)]
        if not refused:
            return batch
        again = [call for call in batch if call not in refused]
        self._pending.extendleft(reversed(again))
        return refused

    def _landed(self, batch: list[_Call]) -> None:
        self._calls_flying -= len(batch)
        self._streams_flying.difference_update([call.write.stream for call in batch])
        self._flying.discard(asyncio.current_task())
        if self._waker is None:  # after those who were just answered and call again at once
            self._waker = asyncio.get_running_loop().call_soon(self._launch)


def _is_storable(write: Write) -> bool:
    try:
        check(write)
    except ValueError:
        return False
    return True


def _fail(calls: Sequence[_Call], error: Exception) -> None:
    for call in calls:
        if not call.answer.done():
            call.answer.set_exception(error)
