"""The one loop behind all views: a page of events in, touched rows and checkpoints out.

    log --page--> facts of every view --load--> rows --fold--> rows --save--> one transaction

Views at the same position advance together. Those that lag (new, rebuilt) follow in longer pages
of their own, up to where the views ahead stand, and join them there. A view that raises on an
event, or whose row cannot be stored, is stuck: it is left standing before that event, named with
it, while the others go on. Nothing is ever skipped.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Struct, structs

from domain.envelope import Envelope
from projections.ports import Change, Expelled, Key, Log, Pause, Row, Sink, Unstorable, View

PAGE, LAGGARDS_PAGE = 1_000, 4_000
SLICE = 32  # events between two pauses
ATTEMPTS_MAX = 5


class Stuck(Struct, frozen=True, kw_only=True):
    """A view that stands before an event it cannot fold, until it is mended and restarted."""

    view: str
    stream: str
    version: int
    position: int
    error: str


class Step(NamedTuple):
    events: int  # folded by the views that moved; 0: all stand at the end of the log
    changes: Sequence[Change]


class Runner:
    """Drives `views` from `log` into `sink`; `prepare` the sink first.

    Not for use by two tasks at a time. Another runner on the same views is harmless: the
    checkpoints expel whoever comes second.
    """

    def __init__(
        self, log: Log, sink: Sink, views: Sequence[View], *, pause: Pause | None = None
    ) -> None:
        self.views = tuple(views)
        self.stuck: dict[str, Stuck] = {}
        self._log, self._sink, self._pause = log, sink, pause
        self._at: dict[str, int] = {}  # by view; empty when unknown

    async def positions(self) -> Mapping[str, int]:
        """Where each view stands, stuck ones included."""
        if not self._at:
            self._at = dict(await self._sink.positions([v.NAME for v in self.views]))
        return self._at

    async def step(self, *, limit: int = PAGE, until: int | None = None) -> Step:
        """Advance every group of views by one page, the one furthest ahead first."""
        events, changes, ahead = 0, [], until
        page_max = limit
        for group in await self._groups():
            count, moved = await self._advance(group, limit=page_max, until=ahead)
            events += count
            changes += moved
            ahead = max(self._at[v.NAME] for v in group) if self._at else ahead
            page_max = max(limit, LAGGARDS_PAGE) if limit >= PAGE else limit
        return Step(events, changes)

    async def _groups(self) -> list[list[View]]:
        positions = await self.positions()
        groups: dict[int, list[View]] = defaultdict(list)
        for view in self.views:
            if view.NAME not in self.stuck:
                groups[positions[view.NAME]].append(view)
        return [groups[position] for position in sorted(groups, reverse=True)]

    async def _advance(
        self, group: Sequence[View], *, limit: int, until: int | None
    ) -> tuple[int, list[Change]]:
        for _ in range(ATTEMPTS_MAX):
            before = (await self.positions())[group[0].NAME]
            page = await self._log.after(before, limit=limit, until=until)
            if page and page[0].position <= before:  # delivered again
                page = [arrived for arrived in page if arrived.position > before]
            try:
                return await self._fold_and_save(group, page, before)
            except Expelled:
                self._at = {}
                standing = await self.positions()
                first = standing[group[0].NAME]
                group = [v for v in group if standing[v.NAME] == first]
        raise Expelled(", ".join(v.NAME for v in group))

    async def _fold_and_save(
        self, group: Sequence[View], page: Sequence[Envelope], before: int
    ) -> tuple[int, list[Change]]:
        """Fold a page into the group and save it; what is unstorable is narrowed down.

        Raises:
            Expelled: of the sink.
        """
        if not page:
            return 0, []
        batch = Batch(self._sink, page, before)
        changes, stuck = await batch.changes(group, self._pause)
        try:
            await self._save(changes)
        except Unstorable as e:
            if len(group) == 1 and len(page) == 1:
                self._stop(_stuck(group[0], page[0], e))
                return 0, []
            return await self._narrow(group, page, before)
        for one in stuck:
            self._stop(one)
        return (len(page) if changes else 0), changes

    async def _narrow(
        self, group: Sequence[View], page: Sequence[Envelope], before: int
    ) -> tuple[int, list[Change]]:
        """Find the view, then the event: each view alone, then half a page at a time."""
        if len(group) == 1:
            return await self._fold_and_save(group, page[: len(page) // 2], before)
        count, changes = 0, []
        for view in group:
            folded, moved = await self._fold_and_save([view], page, before)
            count = max(count, folded)
            changes += moved
        return count, changes

    async def _save(self, changes: Sequence[Change]) -> None:
        if not changes:
            return
        try:
            await self._sink.save(changes)
        except (Expelled, Unstorable):
            raise
        except BaseException:
            self._at = {}  # it may have been committed: ask again
            raise
        for change in changes:
            self._at[change.view.NAME] = change.after

    def _stop(self, stuck: Stuck) -> None:
        self.stuck[stuck.view] = stuck


class Batch:
    """One page on its way through the views of a group."""

    def __init__(self, sink: Sink, page: Sequence[Envelope], before: int) -> None:
        self._sink, self._page, self._before = sink, page, before
        self._touched: dict[str, list[tuple[int, Key, Any]]] = defaultdict(list)
        self._stuck: dict[str, tuple[int, Stuck]] = {}  # with the index of the event

    async def changes(
        self, group: Sequence[View], pause: Pause | None
    ) -> tuple[list[Change], list[Stuck]]:
        """What the page does to each view: up to the event, if any, that it cannot fold."""
        await self._collect(group, pause)
        out: list[Change] = []
        for view in group:
            rows = await self._rows(view, pause)
            after = self._after(view)
            if after > self._before:
                out.append(Change(view, rows, self._before, after))
        return out, [stuck for _, stuck in self._stuck.values()]

    async def _collect(self, group: Sequence[View], pause: Pause | None) -> None:
        """Events outside, views inside: what views share about an event is worked out once."""
        for i, arrived in enumerate(self._page):
            if pause is not None and i % SLICE == SLICE - 1:
                await pause()
            for view in group:
                if view.NAME in self._stuck:
                    continue
                touched = self._touched[view.NAME]
                try:
                    for key, fact in view.facts(arrived):
                        touched.append((i, key, fact))
                except Exception as e:
                    self._stick(view, i, e)
                    self._touched[view.NAME] = [t for t in touched if t[0] < i]

    async def _rows(self, view: View, pause: Pause | None) -> Mapping[Key, Row | None]:
        touched = self._touched.get(view.NAME, ())
        if not touched:
            return {}
        loaded = await self._sink.load(view, {key for _, key, _ in touched})
        while True:
            rows: dict[Key, Row | None] = dict(loaded)
            last: dict[Key, int] = {}
            failed: int | None = None
            for n, (i, key, fact) in enumerate(touched):
                if pause is not None and n % (8 * SLICE) == 0:
                    await pause()
                try:
                    rows[key] = view.fold(rows.get(key), key, fact)
                except Exception as e:
                    self._stick(view, i, e)
                    failed = i
                    break
                last[key] = i
            if failed is None:
                return self._stamped(rows, last, loaded)
            touched = [t for t in touched if t[0] < failed]  # again, up to whole events only

    def _stamped(
        self, rows: Mapping[Key, Row | None], last: Mapping[Key, int], loaded: Mapping[Key, Row]
    ) -> dict[Key, Row | None]:
        out: dict[Key, Row | None] = {}
        for key, i in last.items():
            row = rows[key]
            if row is not None:
                out[key] = structs.replace(row, position=self._page[i].position)
            elif key in loaded:
                out[key] = None
        return out

    def _stick(self, view: View, index: int, error: Exception) -> None:
        self._stuck[view.NAME] = (index, _stuck(view, self._page[index], error))

    def _after(self, view: View) -> int:
        if view.NAME not in self._stuck:
            return self._page[-1].position
        index = self._stuck[view.NAME][0]
        return self._page[index - 1].position if index else self._before


def _stuck(view: View, arrived: Envelope, error: Exception) -> Stuck:
    return Stuck(
        view=view.NAME,
        stream=arrived.stream,
        version=arrived.version,
        position=arrived.position,
        error=f"{type(error).__name__}: {error}",
    )
