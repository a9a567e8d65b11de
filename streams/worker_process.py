"""One worker process: it folds its partitions, and leads the sagas if it gets their lease.

prepare -> join the groups -> fold, lead ... --stop--> take no more, finish, commit, leave
                                 `-cannot go on-> raise: the process ends, another starts
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from adapters.bus.url import Bus
from adapters.log.event_log import RecorderLog
from adapters.wiring.consumers import join_sagas, join_views, views_group
from adapters.wiring.platform import Platform
from adapters.wiring.workers import followed_tables, part_sink, saga_lease, stuck_views
from commands.handler import Outcome
from commands.ports import Request
from projections.catalogue import VIEWS
from projections.ports import View
from streams import waits
from streams.sagas.worker import SagaWorker
from streams.views.lag import Lag, measure
from streams.views.membership import Member, Membership
from streams.views.view_worker import ViewWorker

FRESH_S = 0.5  # how old a measured lag may be

_log = logging.getLogger(__name__)


class WorkerStatus(Struct, frozen=True, kw_only=True):
    """The status of the process, as one line of JSON."""

    name: str
    log_position: int
    partitions: Sequence[int]  # assigned to it by the group
    adopted: Sequence[int]  # folded from the log, as no other worker seems to fold them
    views: dict[str, int]  # by view, the lowest position in these partitions
    records: int  # taken since the start
    events: int
    lag_events: int
    lag_seconds: float
    lag_money: dict[str, str]
    lag_whole: bool  # False: the money is a lower bound
    stuck: Sequence[str]
    sagas: str  # "leads", "stands by", "" for none
    saga_position: int
    faults: Sequence[str]


class Worker:
    """Everything that one worker process drives.

    Args:
        platform: opened beside the process that holds the data directory.
        bus: a reachable bus whose topics exist.
        name: unique among workers, and the same after a restart.
        views: the views to fold; may be empty.
        sagas: whether to wait for the sagas' lease.
    """

    def __init__(
        self, platform: Platform, bus: Bus, *, name: str, views: Sequence[View], sagas: bool
    ) -> None:
        self.name = name
        self._platform, self._bus = platform, bus
        self._marks = stuck_views(platform)
        self._lease = saga_lease(platform, name)
        self._view_names = views
        self.views: ViewWorker | None = None
        self.sagas: SagaWorker | None = None
        if views:
            self._views_of(views)
        if sagas:
            self.sagas = SagaWorker(
                platform.log,
                platform.saga_store,
                self._lease,
                self._send,
                join=lambda take, moved: join_sagas(bus, take, moved),
                partitions=bus.partitions,
                clock=platform.clock,
            )
        self._measured: tuple[float, Lag] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`; then finish what was taken and leave the groups.

        Raises:
            Exception: the process cannot go on.
        """
        work = [asyncio.create_task(one) for one in self._work(stop)]
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_EXCEPTION)
            for one in done:
                one.result()
        finally:
            stop.set()
            await asyncio.gather(*work, return_exceptions=True)
            await self._marks.close()
            await self._lease.close()

    async def status(self) -> WorkerStatus:
        """The current status.

        Raises:
            Unavailable, Unreadable: of the log.
        """
        positions = self.views.positions() if self.views is not None else {}
        leads = self.sagas is not None and self.sagas.fence is not None
        runner = self.sagas.runner if self.sagas is not None else None
        position = runner.position if runner is not None else 0
        lag = await self._lag(
            min([*positions.values(), *([position] if leads else [])], default=None)
        )
        return WorkerStatus(
            name=self.name,
            log_position=await self._platform.log.last(),
            partitions=sorted(self.views.parts) if self.views is not None else (),
            adopted=sorted(self.views.orphans.parts) if self.views is not None else (),
            views=positions,
            records=self.views.records if self.views is not None else 0,
            events=self.views.events if self.views is not None else 0,
            lag_events=lag.events,
            lag_seconds=round(lag.seconds, 3),
            lag_money={unit: str(amount) for unit, amount in sorted(lag.money.items())},
            lag_whole=lag.whole,
            stuck=self._stuck(),
            sagas="leads" if leads else "stands by" if self.sagas is not None else "",
            saga_position=position,
            faults=self._faults(),
        )

    def _views_of(self, views: Sequence[View]) -> None:
        self.views = ViewWorker(
            self._platform.log,
            lambda partition: part_sink(self._platform, self._bus, partition),
            views,
            partitions=self._bus.partitions,
            tables=followed_tables(self._platform),
            marks=self._marks,
            send_letter=self._send_letter,
        )
        self._membership = Membership("views", self._join, left=self._left)

    def _join(self) -> Member:
        assert self.views is not None
        group = views_group(self._bus, self._view_names, VIEWS)
        return join_views(self._bus, group, self.name, self.views.take, moved=self.views.moved)

    async def _left(self) -> None:
        assert self.views is not None
        await self.views.moved(())

    def _work(self, stop: asyncio.Event) -> list[Any]:
        work: list[Any] = []
        if self.views is not None:
            work.append(self._fold(self.views, stop))
        if self.sagas is not None:
            work.append(self.sagas.run(stop))
        return work

    async def _fold(self, views: ViewWorker, stop: asyncio.Event) -> None:
        """Be a member of the views' group until `stop`."""
        sink = part_sink(self._platform, self._bus, 0)
        try:
            await sink.prepare(self._view_names)
        finally:
            await sink.close()
        ending, leaving = asyncio.Event(), asyncio.Event()
        watching = asyncio.create_task(views.watch(ending))
        member = asyncio.create_task(self._membership.run(leaving))
        try:
            await waits.watch(stop, watching, member)
            for one in (watching, member):
                if one.done():
                    one.result()
        finally:
            leaving.set()
            await asyncio.gather(member, return_exceptions=True)
            ending.set()
            await asyncio.gather(watching, return_exceptions=True)
            await views.close()

    async def _send(self, requests: Sequence[Request]) -> Sequence[Outcome]:
        return await self._platform.dispatcher.submit_many(requests)

    async def _send_letter(self, value: bytes, headers: dict[str, str]) -> None:
        await self._membership.send_letter(value, headers)

    async def _lag(self, position: int | None) -> Lag:
        if position is None:
            return Lag()
        now = waits.now()
        if self._measured is None or now - self._measured[0] > FRESH_S:
            log: RecorderLog = self._platform.log
            self._measured = now, await measure(log, position, self._platform.clock)
        return self._measured[1]

    def _stuck(self) -> list[str]:
        if self.views is None:
            return []
        return [
            f"view {s.view}, partition {p}, at {s.stream}@{s.version} (position {s.position}): "
            f"{s.error}"
            for p, found in sorted(self.views.stuck.items())
            for s in found
        ]

    def _faults(self) -> list[str]:
        found = self.views.faults() if self.views is not None else []
        if self.views is not None and self._membership.fault:
            found.append(f"bus: {self._membership.fault}")
        if self.sagas is not None and self.sagas.fault:
            found.append(f"sagas: {self.sagas.fault}")
        return found


def line(status: WorkerStatus) -> str:
    return msgspec.json.encode(status).decode()
