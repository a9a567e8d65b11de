"""Group commit: many callers, few commits.

Each caller awaits its own answer. All waiting calls form one batch; while it runs, new calls
collect for the next. There is no timer, so a lone caller never waits for others, and batches grow
under load. With `SPLIT_MIN` callers or more, two batches of half the size take turns: one is
decided and encoded while the database commits the other.

Two batches that run at once share no stream that either of them writes, so neither can see the
other half done. A conflicting call waits, and later calls that name its stream wait behind it.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Generic, TypeVar

from msgspec import Struct

from adapters.log.recorder import BATCH_MAX, LANES

PENDING_MAX = 10_000  # calls that may wait in memory; more are refused
SPLIT_MIN = 32  # fewer callers share one commit: half a batch would not pay for its own

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Closed(Exception):
    """The group commit is closing and takes no new items, or this call was cut off."""


class Full(Exception):
    """Too many calls are waiting."""


class _Call(Struct, frozen=True, eq=False, gc=False):
    item: object
    stream: str
    reads: Collection[str]
    in_order: bool
    answer: "asyncio.Future[object]"


class _Batch(Struct, eq=False):
    calls: list[_Call]
    writes: set[str]
    reads: set[str]


class GroupCommit(Generic[Item, Answer]):
    """Passes items to `flush` in batches; items of one stream in the order of the calls.

    If an item depends on another item's outcome, submit it after that other was answered.

    Args:
        flush: returns one answer per item, in order. An answer that is an exception is raised at
            that item's caller; an exception from `flush` itself is raised at every caller.
        stream: the stream that an item writes.
        reads: other streams that the item reads.
        name: the name of the tasks.
    """

    def __init__(
        self,
        flush: Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Exception]]],
        *,
        stream: Callable[[Item], str],
        reads: Callable[[Item], Collection[str]] = lambda _: (),
        pending_max: int = PENDING_MAX,
        name: str = "group-commit",
    ) -> None:
        self._flush, self._stream, self._reads = flush, stream, reads
        self._pending_max, self._name = pending_max, name
        self._pending: deque[_Call] = deque()
        self._flying: dict[asyncio.Task[None], _Batch] = {}
        self._waker: asyncio.Handle | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """The number of calls that are not in a running batch yet."""
        return len(self._pending)

    @property
    def idle(self) -> bool:
        return not self._pending and not self._flying

    def submit(self, item: Item) -> "asyncio.Future[Answer]":
        """Queue an item for the next batch and return the future of its answer.

        Raises:
            Full, Closed: the item was not queued.
        """
        self._room(1)
        return self._enqueue(item, in_order=False)

    def submit_in_order(self, items: Sequence[Item]) -> "list[asyncio.Future[Answer]]":
        """Queue items to run in this order, across streams too: no other batch runs beside theirs.

        Raises:
            Full, Closed: no item was queued.
        """
        self._room(len(items))
        return [self._enqueue(item, in_order=True) for item in items]

    async def close(self) -> None:
        """Refuse new items and wait until all queued items are answered."""
        self._closed = True
        while not self.idle:
            self._launch()
            await asyncio.gather(*self._flying)

    def _room(self, wanted: int) -> None:
        if self._closed:
            raise Closed("closing")
        if len(self._pending) + wanted > self._pending_max:
            raise Full(f"{len(self._pending)} are waiting")

    def _enqueue(self, item: Item, *, in_order: bool) -> "asyncio.Future[Answer]":
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[object] = loop.create_future()
        call = _Call(item, self._stream(item), self._reads(item), in_order, answer)
        self._pending.append(call)
        if self._waker is None and len(self._flying) < LANES:
            self._waker = loop.call_soon(self._launch)  # after the other calls of this turn
        return answer  # type: ignore[return-value]

    def _launch(self) -> None:
        """Start batches of waiting calls that fit into a free lane and conflict with no other."""
        self._waker = None
        while self._pending and len(self._flying) < LANES:
            outstanding = len(self._pending) + sum(len(b.calls) for b in self._flying.values())
            size = min(BATCH_MAX, outstanding if outstanding < SPLIT_MIN else -(-outstanding // 2))
            if self._flying and len(self._pending) < min(size, SPLIT_MIN // 2):
                return
            calls = self._take_in_order() if self._pending[0].in_order else self._take(size)
            if not calls:
                return
            batch = _Batch(calls, {c.stream for c in calls}, {s for c in calls for s in c.reads})
            task = asyncio.create_task(self._run(batch), name=self._name)
            self._flying[task] = batch

    def _take_in_order(self) -> list[_Call]:
        if self._flying:
            return []
        return [self._pending.popleft() for _ in range(min(BATCH_MAX, len(self._pending)))]

    def _take(self, size: int) -> list[_Call]:
        """Remove and return the calls that may run now; the others stay in front, in order."""
        if any(call.in_order for batch in self._flying.values() for call in batch.calls[:1]):
            return []
        writes, reads = set[str](), set[str]()
        for batch in self._flying.values():
            writes |= batch.writes
            reads |= batch.reads
        taken: list[_Call] = []
        held: list[_Call] = []
        while self._pending and len(taken) < size and not self._pending[0].in_order:
            call = self._pending.popleft()
            if call.stream in writes or call.stream in reads or not writes.isdisjoint(call.reads):
                held.append(call)
                writes.add(call.stream)  # later calls that name this stream wait behind it
            else:
                taken.append(call)
        self._pending.extendleft(reversed(held))
        return taken

    async def _run(self, batch: _Batch) -> None:
        """Flush a batch. Whatever happens, answer every caller and free the lane."""
        calls = batch.calls
        try:
            answers = await self._flush([call.item for call in calls])  # type: ignore[misc]
            for call, answer in zip(calls, answers, strict=True):
                _answer(call, answer)
        except Exception as e:
            _fail(calls, e)
        finally:
            _fail(calls, Closed("cancelled while it ran"))
            self._flying.pop(asyncio.current_task(), None)  # type: ignore[arg-type]
            if self._waker is None:  # after callers just answered have had the time to call again
                self._waker = asyncio.get_running_loop().call_soon(self._launch)


def _answer(call: _Call, answer: object) -> None:
    if call.answer.done():
        return
    if isinstance(answer, Exception):
        call.answer.set_exception(answer)
    else:
        call.answer.set_result(answer)


def _fail(calls: Iterable[_Call], error: Exception) -> None:
    for call in calls:
        if not call.answer.done():
            call.answer.set_exception(error)
