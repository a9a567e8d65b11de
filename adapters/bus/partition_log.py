"""Read one partition's events from the log itself, if the bus has not delivered them."""

from collections.abc import Sequence
from typing import Protocol

from adapters.bus.page import MalformedPage, home_of, partition_of
from adapters.log.recorder import Stored
from commands.ports import Unreadable
from domain.shared.envelope import Envelope
from projections.ports import Log

CHUNK = 2_000  # events that are read from the log at once


class StoredLog(Log, Protocol):
    """The log, opened or as it is stored."""

    async def stored(
        self, position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Stored]: ...

    def open(self, stored: Stored, /) -> Envelope: ...


class Broken(Unreadable):
    """An event of the page cannot be opened; the caller may read the events before it alone."""

    def __init__(self, stored: Stored, why: Exception) -> None:
        super().__init__(str(why))
        self.stored = stored


class PartitionLog:
    """One partition's events, selected from the log. Implements `projections.ports.Log`."""

    def __init__(self, log: StoredLog, partition: int, partitions: int) -> None:
        self._log, self._partition, self._partitions = log, partition, partitions

    async def after(
        self, position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Envelope]:
        """The next `limit` events; fewer only if there are no more up to `until`.

        Raises:
            Broken: one of them cannot be opened.
        """
        found: list[Envelope] = []
        while len(found) < limit:
            chunk = await self._log.stored(position, limit=CHUNK, until=until)
            for stored in chunk:
                if len(found) < limit and self._mine(stored):
                    found.append(self._open(stored))
            if len(chunk) < CHUNK:
                break
            position = chunk[-1].position
        return found

    async def last(self) -> int:
        return await self._log.last()

    def _mine(self, stored: Stored) -> bool:
        try:
            return partition_of(home_of(stored), self._partitions) == self._partition
        except MalformedPage:
            return True  # its partition is unknown: every partition has to stop before it

    def _open(self, stored: Stored) -> Envelope:
        try:
            return self._log.open(stored)
        except Unreadable as e:
            raise Broken(stored, e) from e
