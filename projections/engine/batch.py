"""One page of events on its way through a group of views: facts, rows, and stuck views.

    page --facts--> row key: [index of its last event, fact, fact ...] --load, fold--> rows

One pass over the page hands each event to the views that read it. Then each row is loaded once and
folded over all of its facts. A view that raises is folded again, fact by fact in log order
(`projections.engine.careful`), which finds the first event that it cannot fold.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from msgspec import Struct, structs

from domain.shared.envelope import Envelope
from domain.shared.message import Event
from projections.engine.careful import FACTS_SLICE, carefully
from projections.ports import Change, Key, Pause, Row, Sink, View

CALLS = 256  # events times views between two pauses

Touched = dict[Key, list[Any]]
"""Row key -> index in the page of the last event that touches the row, then the facts in order."""
Reader = tuple[View, Callable[[Envelope], Iterable[tuple[Key, Any]]], Touched]


class Stuck(Struct, frozen=True, kw_only=True):
    """A view stopped before an event that it cannot fold, until it is fixed and restarted."""

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
        self._positions = [arrived.position for arrived in page]
        self._touched: dict[str, Touched | None] = {}  # by view; None: its `facts` has raised
        self._stuck: dict[str, tuple[int, Stuck]] = {}  # with the index of the event

    async def changes(
        self, group: Sequence[View], pause: Pause | None
    ) -> tuple[list[Change], list[Stuck]]:
        """The page's changes to each view, up to the event, if any, that it cannot fold."""
        await self._collect(group, pause)
        out: list[Change] = []
        for view in group:
            rows = await self._rows(view, pause)
            after = self._after(view)
            if after > self._before:
                out.append(Change(view, rows, self._before, after))
        return out, [stuck for _, stuck in self._stuck.values()]

    async def _collect(self, group: Sequence[View], pause: Pause | None) -> None:
        """Loop over events, then views: what views share about an event is computed once."""
        between = max(1, CALLS // len(group))
        self._touched = {view.NAME: {} for view in group}
        readers: dict[type[Event], list[Reader]] = {}
        for i, arrived in enumerate(self._page):
            if pause is not None and i % between == between - 1:
                await pause()
            kind = type(arrived.event)
            if (reading := readers.get(kind)) is None:
                reading = readers[kind] = self._readers(kind, group)
            for view, facts, touched in reading:
                try:
                    for key, fact in facts(arrived):
                        if (entry := touched.get(key)) is None:
                            touched[key] = [i, fact]
                        else:
                            entry[0] = i
                            entry.append(fact)
                except Exception:
                    self._touched[view.NAME] = None
                    readers.clear()  # the others go on without it

    def _readers(self, kind: type[Event], group: Sequence[View]) -> list[Reader]:
        return [
            (view, view.facts, touched)
            for view in group
            if kind in view.READS and (touched := self._touched[view.NAME]) is not None
        ]

    async def _rows(self, view: View, pause: Pause | None) -> Mapping[Key, Row | None]:
        touched = self._touched[view.NAME]
        if touched is None:
            return await self._carefully(view, pause)
        if not touched:
            return {}
        loaded = await self._sink.load(view, touched.keys())
        out: dict[Key, Row | None] = {}
        fold, given, positions, folded = view.fold, loaded.get, self._positions, 0
        for key, entry in touched.items():
            if pause is not None and (folded := folded + len(entry)) >= FACTS_SLICE:
                folded = 0
                await pause()
            before = row = given(key)
            try:
                if len(entry) == 2:  # most rows have one fact a page
                    row = fold(row, key, entry[1])
                else:
                    for fact in islice(entry, 1, None):
                        row = fold(row, key, fact)
            except Exception:
                return await self._carefully(view, pause)
            if row is not None:
                out[key] = _stamp(row, positions[entry[0]], given=before)
            elif before is not None:
                out[key] = None
        return out

    async def _carefully(self, view: View, pause: Pause | None) -> Mapping[Key, Row | None]:
        found = await carefully(view, self._page, lambda keys: self._sink.load(view, keys), pause)
        if found.failed is not None and found.error is not None:
            stuck = stuck_at(view, self._page[found.failed], found.error)
            self._stuck[view.NAME] = (found.failed, stuck)
        out: dict[Key, Row | None] = {}
        for key, i in found.last.items():
            row, before = found.rows[key], found.loaded.get(key)
            if row is not None:
                out[key] = _stamp(row, self._page[i].position, given=before)
            elif before is not None:
                out[key] = None
        return out

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


def _stamp(row: Row, position: int, *, given: Row | None) -> Row:
    """The row with the position of its last event.

    A row that the fold has made is ours until it is saved: setting the position in place costs a
    tenth of a copy. The row that the fold was given belongs to the sink and is copied.
    """
    if row is given:
        return structs.replace(row, position=position)
    structs.force_setattr(row, "position", position)
    return row
