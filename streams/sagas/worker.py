"""The sagas on the bus: one leased runner over all partitions, in the log's order.

    standing by --lease taken--> leading: join the group, merge the pages, step, send
         ^                            `-lease lost, or `stop` is set-> leave, release

A saga may read events of several homes (a transfer's two accounts, a client and an account), and
must read them in one order. So there is one saga partition: the merge of all partitions up to where
every one of them has been relayed. Only the lease's holder reads and sends. It stops by its own
clock before the lease can run out, and the store also fences its writes.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Protocol

from adapters.bus.page import MalformedPage
from adapters.bus.partition_log import StoredLog
from adapters.bus.records import Moved, Record, Take
from adapters.log.recorder import Unavailable
from commands.handler import Outcome
from commands.ports import Request
from sagas.engine.ports import SagaStore
from streams import waits
from streams.sagas.runner import SagaRunner, Send
from streams.sagas.timer import Timer
from streams.views.feed import SILENCE_S, MergedFeed
from streams.views.membership import Member, Membership

HELD_MAX = 50_000  # events in memory; beyond that the bus waits
STAND_BY_S = 1.0
RENEW = 3  # renewals within a lease
MARGIN = 0.6  # the part of an unrenewed lease that is relied on

_log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another process may be sending by now."""


class LeaseHeld(Exception):
    """Another process leads the sagas."""


class FencedStore(SagaStore, Protocol):
    fence: int | None


class Lease(Protocol):
    """`adapters.postgres.sagas.lease.SagaLease`."""

    @property
    def lease_s(self) -> float: ...

    async def take(self) -> int | None: ...

    async def renew(self, fence: int, /) -> bool: ...

    async def release(self, fence: int, /) -> None: ...


@asynccontextmanager
async def holding(lease: Lease, store: FencedStore) -> AsyncIterator[None]:
    """Hold the lease and renew it, for a process that drives the sagas by its own clock.

    Raises:
        LeaseHeld: another process has it.
    """
    fence = await lease.take()
    if fence is None:
        raise LeaseHeld("workers lead the sagas here; start them with --views all")
    store.fence = fence
    keeping = asyncio.create_task(_keep(lease, fence))
    try:
        yield
    finally:
        keeping.cancel()
        store.fence = None
        await lease.release(fence)


async def _keep(lease: Lease, fence: int) -> None:
    """Renew the lease; if it is lost all the same, the store rejects writes under its fence."""
    while True:
        await asyncio.sleep(lease.lease_s / RENEW)
        with contextlib.suppress(Unavailable):
            await lease.renew(fence)


Join = Callable[[Take, Moved], Member]
"""Makes a member of the sagas' group, not started."""


class SagaWorker:
    """Waits for the lease, and leads the sagas while it holds it.

    Args:
        log, store, send: as `SagaRunner` takes them.
        lease: only its holder leads.
        join: makes the group's member.
        partitions: number of partitions.
        clock: the clock of the deadlines.
    """

    def __init__(
        self,
        log: StoredLog,
        store: FencedStore,
        lease: Lease,
        send: Send,
        *,
        join: Join,
        partitions: int,
        clock: Callable[[], datetime],
    ) -> None:
        self.fence: int | None = None  # not None: this process leads
        self._log, self._store, self._lease, self._send = log, store, lease, send
        self._join, self._partitions, self._clock = join, partitions, clock
        self._relied_until = 0.0
        self._fault = ""
        self.runner: SagaRunner | None = None

    @property
    def fault(self) -> str:
        """Why no saga moves in this process, or why the lease fails; "" otherwise."""
        return self._fault or (self.runner.fault if self.runner is not None else "")

    async def run(self, stop: asyncio.Event) -> None:
        """Wait for the lease, and lead whenever this process gets it, until `stop`.

        Raises:
            Exception: the error of the group's member; the process should end with it.
        """
        while not stop.is_set():
            try:
                taken_at = waits.now()
                fence = await self._lease.take()
                self._fault = ""
            except Unavailable as e:
                self._failed(e)
                fence = None
            if fence is None:
                await waits.pause(stop, STAND_BY_S)
                continue
            await self._hold(fence, taken_at, stop)

    async def _hold(self, fence: int, taken_at: float, stop: asyncio.Event) -> None:
        self._relied_until = taken_at + MARGIN * self._lease.lease_s
        self.fence = self._store.fence = fence
        ending = asyncio.Event()
        leading = asyncio.create_task(_Lead(self).run(ending), name="sagas")
        try:
            await self._renew(fence, leading, stop)
        finally:
            ending.set()
            try:
                await leading
            finally:
                self.fence, self.runner = None, None
                with contextlib.suppress(Unavailable):
                    await self._lease.release(fence)

    async def _renew(self, fence: int, leading: "asyncio.Task[None]", stop: asyncio.Event) -> None:
        """Renew the lease until the leading ends, `stop` is set or the lease is lost."""
        while True:
            await waits.watch(stop, leading, timeout_s=self._lease.lease_s / RENEW)
            if stop.is_set() or leading.done():
                return
            asked_at = waits.now()
            try:
                if not await self._lease.renew(fence):
                    return
                self._relied_until = asked_at + MARGIN * self._lease.lease_s
            except Unavailable as e:
                self._failed(e)
                if waits.now() > self._relied_until:
                    return

    async def send(self, requests: Sequence[Request]) -> Sequence[Outcome]:
        """Send, while the lease can be relied on.

        Raises:
            LeaseLost: it was not renewed in time.
        """
        if waits.now() > self._relied_until:
            raise LeaseLost("the lease was not renewed in time")
        return await self._send(requests)

    def _failed(self, error: Exception) -> None:
        if str(error) != self._fault:
            _log.warning("sagas: %s", error)
        self._fault = str(error)


class _Lead:
    """The work while the lease is held once."""

    def __init__(self, worker: SagaWorker) -> None:
        self._worker = worker
        self._feed = MergedFeed(worker._log, worker._partitions)
        self._runner = SagaRunner(self._feed, worker._store, worker.send, reach=self._feed.reach)
        worker.runner = self._runner
        self._membership = Membership("sagas", lambda: worker._join(self._take, self._moved))
        self._grown, self._room = asyncio.Event(), asyncio.Event()
        self._heard_at = waits.now()

    async def run(self, ending: asyncio.Event) -> None:
        timer = Timer(self._worker._store, self._worker.send)
        leaving = asyncio.Event()
        tasks = [
            asyncio.create_task(self._runner.run(ending, lambda at: self._idle(at, ending))),
            asyncio.create_task(timer.run(ending, self._worker._clock)),
        ]
        member = asyncio.create_task(self._membership.run(leaving))
        try:
            await waits.watch(ending, member)
            if member.done():
                member.result()
        finally:
            ending.set()
            self._grown.set()
            self._room.set()
            await asyncio.gather(*tasks, return_exceptions=True)
            leaving.set()
            await asyncio.gather(member, return_exceptions=True)

    async def _take(self, records: Sequence[Record]) -> None:
        """Pass records to the feed; the runner's checkpoint, not the offset, marks progress."""
        end = self._feed.end
        for record in records:
            try:
                self._feed.offer(record.partition, record.span, record.value)
            except MalformedPage as e:  # the next record shows the gap, and the log fills it
                _log.error("sagas, partition %s: %s", record.partition, e)
        if self._feed.end > end:  # repeated records do not count as news
            self._heard_at = waits.now()
        self._grown.set()
        while self._feed.waiting > HELD_MAX:
            self._room.clear()
            await self._room.wait()

    async def _moved(self, partitions: Collection[int]) -> None:
        if len(partitions) not in (0, self._worker._partitions):
            _log.error(
                "sagas: another member has some of the partitions, so this one reads the log"
            )

    async def _idle(self, position: int, ending: asyncio.Event) -> None:
        """Wait for the bus; when it is silent for `SILENCE_S`, read on from the log."""
        self._feed.release(position)
        self._room.set()
        await waits.pause(self._grown, 1.0)
        self._grown.clear()
        if waits.now() - self._heard_at > SILENCE_S and not ending.is_set():
            await self._feed.reach()
