"""One page of events on its way through a group of views: facts, rows, and what got stuck."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, structs

from domain.shared.envelope import Envelope
from domain.shared.message import Event
from projections.ports import Change, Key, Pause, Row, Sink, View

CALLS, FACTS_SLICE = 256, 1_024  # events times views, and facts of one view, between two pauses

Touch = tuple[int, Key, Any]
"""(index of the event in the page, row key, fact)."""


class Stuck(Struct, frozen=True, kw_only=True):
    """A view that stands before an event it cannot fold, until it is mended and restarted."""

    view: str
    stream: str
    version: int
    position: int
    error: str


class Batch:
    """One page on its way through the views of a group."""

    def __init__(
        self, sink: Sink, page: Sequence[Envelope], before: int, *, end: int | None = None
    ) -> None:
        self._sink, self._page, self._before, self._end = sink, page, before, end
        self._touched: dict[str, list[Touch]] = defaultdict(list)
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
        between = max(1, CALLS // len(group))
        readers: dict[type[Event], list[View]] = {}
        for i, arrived in enumerate(self._page):
            if pause is not None and i % between == between - 1:
                await pause()
            kind = type(arrived.event)
            if kind not in readers:
                readers[kind] = [view for view in group if kind in view.READS]
            for view in readers[kind]:
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
        touched = self._touched.get(view.NAME)
        if not touched:
            return {}
        loaded = await self._sink.load(view, {key for _, key, _ in touched})
        rows, last, failed = await self._folded(view, touched, loaded, pause=pause)
        if failed is not None:  # again, up to whole events only
            whole = [t for t in touched if t[0] < failed]
            rows, last, _ = await self._folded(view, whole, loaded, pause=pause)
        return self._stamped(rows, last, loaded)

    async def _folded(
        self,
        view: View,
        touched: Sequence[Touch],
        loaded: Mapping[Key, Row],
        *,
        pause: Pause | None,
    ) -> tuple[dict[Key, Row | None], dict[Key, int], int | None]:
        """(rows, index of the last event of each, index of the event that failed or None)."""
        rows: dict[Key, Row | None] = dict(loaded)
        last: dict[Key, int] = {}
        for n, (i, key, fact) in enumerate(touched):
            if pause is not None and n % FACTS_SLICE == FACTS_SLICE - 1:
                await pause()
            try:
                rows[key] = view.fold(rows.get(key), key, fact)
            except Exception as e:
                self._stick(view, i, e)
                return rows, last, i
            last[key] = i
        return rows, last, None

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
        self._stuck[view.NAME] = (index, stuck_at(view, self._page[index], error))

    def _after(self, view: View) -> int:
        if view.NAME not in self._stuck:
            return self._page[-1].position if self._end is None else self._end
        index = self._stuck[view.NAME][0]
        return self._page[index - 1].position if index else self._before


def stuck_at(view: View, arrived: Envelope, error: Exception) -> Stuck:
    return Stuck(
        view=view.NAME,
        stream=arrived.stream,
        version=arrived.version,
        position=arrived.position,
        error=f"{type(error).__name__}: {error}",
    )
