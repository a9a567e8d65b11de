"""Follows views that other processes fold: reads positions and changed rows from the tables.

    checkpoints --every POLL_S--> moved? --> rows last touched since --> listeners

It has the interface of `streams.views.inline.InlineRunner`, for a process that serves beside the
workers. It polls the checkpoints: a notification from the workers' transactions would take a lock
of the whole server at every commit, and could be lost. Without listeners it reads only positions.
When a partition moves that was far behind the others, listeners may receive rows that had changed
before a second time; they miss none.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from projections.catalogue import BY_NAME
from projections.engine.checksum import key_of
from projections.engine.runner import Stuck
from projections.ports import Change, Key, Row, Sink, View
from streams import waits
from streams.views.inline import Listener, Urgent, Wants

POLL_S, IDLE_S = 0.02, 0.5  # while a caller waits or a listener wants single rows; otherwise
STUCK_S = 1.0
STILL_S = 30.0  # views that are behind the log and have not moved for so long are a fault
PATIENCE_S = 120.0  # for views that do not move at all
SENT_MAX = 50_000  # most recent rows already sent to listeners

_log = logging.getLogger(__name__)


class ViewsStalled(Exception):
    """The views do not move, although the log is ahead of them."""


class Log(Protocol):
    async def last(self) -> int: ...


class Tables(Protocol):
    """`adapters.postgres.views.read_models.ReadModels`."""

    async def checkpoints(self) -> Mapping[str, Mapping[int, int]]: ...

    async def changed(
        self, view: View, since: int, *, column: str = "", values: Collection[str] = ()
    ) -> list[Row]: ...


class Marks(Protocol):
    """`adapters.postgres.views.stuck_views.StuckViews`."""

    async def all(self) -> Mapping[tuple[str, int], Stuck]: ...


class FollowedViews:
    """Follows the tables that workers write.

    Args:
        log: its end is what the views are compared with.
        sink: makes the tables, so that they can be read before the first worker has started.
        tables, marks: what the workers write.
    """

    def __init__(
        self, log: Log, sink: Sink, views: Sequence[View], *, tables: Tables, marks: Marks
    ) -> None:
        self.fault: str | None = None
        self.stuck: Collection[Stuck] = ()
        self._log, self._sink, self._views = log, sink, tuple(views)
        self._tables, self._marks = tables, marks
        self._at: Mapping[str, Mapping[int, int]] = {}
        self._listeners: dict[Listener, Wants] = {}
        self._sent: OrderedDict[tuple[str, Key], int] = OrderedDict()
        self._moved = asyncio.Condition()
        self._waiting = 0
        self._still = (-1, waits.now())  # the views' position, and since when
        self._prepared = False

    @property
    def positions(self) -> Mapping[str, int]:
        """By view, the lowest position of its partitions at the last poll."""
        return {view: min(parts.values()) for view, parts in self._at.items()}

    def watermark(self, views: Collection[str] | None = None) -> int:
        names = [v.NAME for v in self._views] if views is None else views
        positions = self.positions
        return min((positions.get(name, 0) for name in names), default=0)

    async def lag(self) -> int:
        """How many positions the hindmost view is behind the log."""
        return max(0, await self._log.last() - self.watermark())

    def listen(
        self, listener: Listener, *, wants: Wants = dict, urgent: Urgent = bool
    ) -> Callable[[], None]:
        """Call `listener` with the rows that it wants whenever they have changed.

        `urgent` is ignored: the workers fold, and this process polls as often as `wants` asks for.
        """
        self._listeners[listener] = wants
        return lambda: self._forget(listener)

    async def prepare(self) -> None:
        """Make sure that there are tables to read."""
        if not self._prepared:
            await self._sink.prepare(self._views)
            self._prepared = True

    async def catch_up(self, until: int | None = None) -> int:
        """Wait until every view has passed the log's end (or `until`).

        Returns:
            0: this process folds nothing.

        Raises:
            ViewsStalled: no view moved for `PATIENCE_S`.
        """
        position = await self._log.last() if until is None else until
        await self.prepare()
        reached, since = -1, waits.now()
        while (at := await self._look_once()) < position:
            if at > reached:
                reached, since = at, waits.now()
            elif waits.now() - since > PATIENCE_S:
                self.stuck = tuple((await self._marks.all()).values())
                why = "; ".join(
                    f"{s.view} at {s.stream}@{s.version}: {s.error}" for s in self.stuck
                )
                raise ViewsStalled(
                    f"the views are at {at}, not at {position}, and have not moved for "
                    f"{PATIENCE_S:g} s: {why or 'check that a relay and a worker run'}"
                )
            await asyncio.sleep(POLL_S)
        return 0

    async def run(self, stop: asyncio.Event) -> None:
        """Poll until `stop`; show a failure in `fault`, and try again."""
        looked_at = -STUCK_S
        while not stop.is_set():
            try:
                await self.prepare()
                await self._look_once()
                if waits.now() - looked_at > STUCK_S:
                    self.stuck, looked_at = tuple((await self._marks.all()).values()), waits.now()
                    self._show(await self._stall())
            except Exception as e:  # show any error, and try again
                self._show(f"{type(e).__name__}: {e}")
            await waits.pause(stop, POLL_S if self._wants_rows() else IDLE_S)

    async def _stall(self) -> str | None:
        """The fault if the views lag and have not moved for `STILL_S`; the cause is unknown."""
        at, last = self.watermark(), await self._log.last()
        if at >= last or at != self._still[0]:
            self._still = at, waits.now()
        for_s = waits.now() - self._still[1]
        if for_s < STILL_S or self.stuck:
            return None
        return f"at {at} of {last} for {for_s:.0f} s: check that a relay and a worker run"

    def _show(self, fault: str | None) -> None:
        if fault is not None and self.fault is None:
            _log.error("cannot follow the views: %s", fault)
        self.fault = fault

    def _wants_rows(self) -> bool:
        """Whether a caller waits, or a listener wants the changes of single rows."""
        wanted = [columns for wants in self._listeners.values() for columns in wants().values()]
        return bool(self._waiting) or any(wanted)

    def hurry(self, position: int) -> None:
        """Do nothing: the workers fold, and this process cannot speed them up."""

    async def wait_for(
        self, position: int, *, timeout_s: float, views: Collection[str] | None = None
    ) -> bool:
        """Wait until the views have passed `position`; False on time-out."""
        self._waiting += 1
        try:
            async with asyncio.timeout(timeout_s), self._moved:
                await self._moved.wait_for(lambda: self.watermark(views) >= position)
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
        return True

    async def _look_once(self) -> int:
        before, self._at = self._at, await self._tables.checkpoints()
        if before != self._at:
            await self._notify(before)
            async with self._moved:
                self._moved.notify_all()
        return self.watermark()

    async def _notify(self, before: Mapping[str, Mapping[int, int]]) -> None:
        for listener, wants in tuple(self._listeners.items()):
            found: list[Change] = []
            for name, columns in wants().items():
                since = _since(before.get(name), self._at.get(name, {}))
                if since is not None:
                    found += await self._changes(BY_NAME[name], since, columns)
            if found:
                listener(found)

    async def _changes(
        self, view: View, since: int, columns: Mapping[str, Collection[str]]
    ) -> list[Change]:
        rows: list[Row] = []
        if not columns:
            rows = await self._tables.changed(view, since)
        for column, values in columns.items():
            rows += await self._tables.changed(view, since, column=column, values=values)
        fresh = self._fresh(view, rows)
        return [Change(view, fresh, since, max(r.position for r in rows))] if fresh else []

    def _fresh(self, view: View, rows: Sequence[Row]) -> dict[Key, Row | None]:
        """The rows whose current version was not sent to listeners yet."""
        take = key_of(view.ROW)
        fresh: dict[Key, Row | None] = {}
        for row in sorted(rows, key=lambda r: r.position):
            named = (view.NAME, take(row))
            if self._sent.get(named, 0) < row.position:
                fresh[take(row)] = row
                self._sent[named] = row.position
                self._sent.move_to_end(named)
        while len(self._sent) > SENT_MAX:
            self._sent.popitem(last=False)
        return fresh

    def _forget(self, listener: Listener) -> None:
        self._listeners.pop(listener, None)


def _since(before: Mapping[int, int] | None, after: Mapping[int, int]) -> int | None:
    """Rows may be new after the old position of the hindmost moved partition; None: none moved."""
    if before is None or before.keys() != after.keys():
        return None  # the first poll: existing rows are not changes
    moved = [before[p] for p, at in after.items() if at > before[p]]
    return min(moved, default=None)
