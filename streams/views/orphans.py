"""Adopts partitions that do not move although the log is ahead of them.

    checkpoints --STILL_S unmoved, the log ahead--> adopted: folded from the log
                        ^                              `-the group gives it to us, or another
                        `---------------------------------moves it -> released

The bus assigns partitions to workers, and the bus may be wrong: it waits for a dead member, was
wiped, or is unavailable. The checkpoints move by compare-and-set, so a second worker that folds a
partition does no harm, and every worker may adopt partitions that no other moves.
"""

import contextlib
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from adapters.log.recorder import Unavailable
from projections.ports import View
from streams import waits

STILL_S = 12.0  # more than a group takes to notice a dead member
LOOK_S = 2.0

_log = logging.getLogger(__name__)


class Checkpoints(Protocol):
    """`adapters.postgres.views.read_models.ReadModels`."""

    async def checkpoints(self) -> Mapping[str, Mapping[int, int]]: ...


class Ends(Protocol):
    async def last(self) -> int: ...


class Adoptable(Protocol):
    """`streams.views.view_worker.PartitionFold`."""

    @property
    def positions(self) -> Mapping[str, int]: ...

    async def look(self, *, now: bool = False) -> None: ...

    async def close(self) -> None: ...


P = TypeVar("P", bound=Adoptable)


class Orphans(Generic[P]):
    """The partitions that this process has adopted.

    Args:
        tables: the position of each partition of each view.
        log: its end is what the positions are compared with.
        views: the views that this process folds.
        open_part: opens a partition for folding.
    """

    def __init__(
        self,
        tables: Checkpoints,
        log: Ends,
        views: Sequence[View],
        open_part: Callable[[int], P],
    ) -> None:
        self.parts: dict[int, P] = {}
        self._tables, self._log, self._open = tables, log, open_part
        self._views = {view.NAME for view in views}
        self._seen: dict[int, tuple[int, float]] = {}  # its position, and since when
        self._looked_at = -LOOK_S

    async def look(self, held: Collection[int]) -> None:
        """Adopt, fold and release; `held`: the partitions that the group gave to this process.

        Raises:
            GaveUp, Relaid: from folding a part.
        """
        if waits.now() - self._looked_at < LOOK_S:
            return
        self._looked_at = waits.now()
        with contextlib.suppress(Unavailable):
            await self._sort(held, self._foremost(await self._tables.checkpoints()))
        for part in list(self.parts.values()):
            await part.look(now=True)

    def claim(self, partition: int) -> P | None:
        """Hand over the partition, if adopted: the group has given it to this process."""
        self._seen.pop(partition, None)
        return self.parts.pop(partition, None)

    async def close(self) -> None:
        for part in self.parts.values():
            await part.close()
        self.parts.clear()

    async def _sort(self, held: Collection[int], positions: Mapping[int, int]) -> None:
        last, now = await self._log.last(), waits.now()
        for partition, at in positions.items():
            part = self.parts.get(partition)
            if part is not None:
                if at > max(part.positions.values(), default=at):
                    await self._let_go(partition)
            elif partition in held or at >= last or at != self._seen.get(partition, (-1, 0))[0]:
                self._seen[partition] = at, now
            elif now - self._seen[partition][1] > STILL_S:
                _log.warning(
                    "partition %s: adopted at %s of %s: no worker folds it", partition, at, last
                )
                self.parts[partition] = self._open(partition)

    async def _let_go(self, partition: int) -> None:
        _log.info("partition %s: another worker folds it again", partition)
        await self.parts.pop(partition).close()
        self._seen.pop(partition, None)

    def _foremost(self, checkpoints: Mapping[str, Mapping[int, int]]) -> dict[int, int]:
        """By partition, the highest position of our views; a stuck view lags and would mislead."""
        found: dict[int, int] = {}
        for view in self._views & checkpoints.keys():
            for partition, at in checkpoints[view].items():
                found[partition] = max(at, found.get(partition, 0))
        return found
