"""The one loop behind all views: a page of events in, touched rows and checkpoints out.

    log --page--> facts of every view --load--> rows --fold--> rows --save--> one transaction

Views at the same position advance together. Those that lag (new, rebuilt) follow in longer pages
of their own, up to the position of the views ahead, and join them there. A view that raises on an
event, or whose row cannot be stored, is stuck: it stops before that event and is reported with it,
while the others go on. No event is ever skipped.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from domain.shared.envelope import Envelope
from projections.engine.batch import Batch, Stuck, stuck_at
from projections.ports import Change, Expelled, Log, Pause, Sink, Unstorable, View

__all__ = ["LAGGARDS_PAGE", "NEAR_PAGE", "PAGE", "Runner", "Step", "Stuck"]

NEAR_PAGE, PAGE, LAGGARDS_PAGE = 256, 1_000, 4_000
ATTEMPTS_MAX = 5


class Step(NamedTuple):
    events: int  # folded by the views that moved; 0: all are at the end of the log
    changes: Sequence[Change]


class Runner:
    """Drives `views` from `log` into `sink`; `prepare` the sink first.

    Only one task at a time may use it. Another runner on the same views is harmless: the
    checkpoints expel the one that saves second.
    """

    def __init__(
        self, log: Log, sink: Sink, views: Sequence[View], *, pause: Pause | None = None
    ) -> None:
        self.views = tuple(views)
        self.stuck: dict[str, Stuck] = {}
        self._log, self._sink, self._pause = log, sink, pause
        self._at: dict[str, int] = {}  # by view; empty when unknown
        self._complete = False

    async def positions(self) -> Mapping[str, int]:
        """The position of each view, stuck ones included."""
        if not self._at:
            self._at = dict(await self._sink.positions([v.NAME for v in self.views]))
        return self._at

    async def step(
        self, *, limit: int = PAGE, until: int | None = None, complete: bool = False
    ) -> Step:
        """Advance every group of views by one page, the one furthest ahead first.

        Args:
            limit: events per page.
            until: fold no event after this position.
            complete: the log holds everything up to `until`, but maybe no event at `until` itself
                (one partition of it): views that have folded all its events move to `until`.
        """
        events, changes, ahead = 0, [], until
        page_max = limit
        self._complete = complete
        for group in await self._groups():
            count, moved = await self._advance(group, limit=page_max, until=ahead)
            events += count
            changes += moved
            ahead = max(self._at[v.NAME] for v in group) if self._at else ahead
            page_max = max(limit, LAGGARDS_PAGE) if limit >= NEAR_PAGE else limit
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
            end = until if self._complete and len(page) < limit else None
            if page and page[0].position <= before:  # delivered again
                page = [arrived for arrived in page if arrived.position > before]
            try:
                return await self._fold_and_save(group, page, before, end=end)
            except Expelled:
                self._at = {}
                standing = await self.positions()
                first = standing[group[0].NAME]
                group = [v for v in group if standing[v.NAME] == first]
        raise Expelled(", ".join(v.NAME for v in group))

    async def _fold_and_save(
        self,
        group: Sequence[View],
        page: Sequence[Envelope],
        before: int,
        *,
        end: int | None = None,
    ) -> tuple[int, list[Change]]:
        """Fold a page into the group and save it; narrow down a value that is unstorable.

        With `end`, no event lies between the page and it: views that get through move to `end`.

        Raises:
            Expelled: another runner moved a checkpoint.
        """
        if not page and (end is None or end <= before):
            return 0, []
        batch = Batch(self._sink, page, before, end=end)
        changes, stuck = await batch.changes(group, self._pause)
        try:
            await self._save(changes)
        except Unstorable as e:
            if len(group) == 1 and len(page) == 1:
                self.stop(stuck_at(group[0], page[0], e))
                return 0, []
            return await self._narrow(group, page, before)
        for one in stuck:
            self.stop(one)
        return (len(page) if changes else 0), changes

    async def _narrow(
        self, group: Sequence[View], page: Sequence[Envelope], before: int
    ) -> tuple[int, list[Change]]:
        """Find the unstorable value: first each view alone, then one view by half pages."""
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

    def reread(self) -> None:
        """Read the positions from the sink again: a store that crashed may have gone back."""
        self._at = {}

    def stop(self, stuck: Stuck) -> None:
        """Stop a view before its event; the others go on."""
        self.stuck[stuck.view] = stuck

    def resume(self, view: str) -> None:
        """Let a stuck view try its event again."""
        self.stuck.pop(view, None)
