"""Evidence: what a store keeps beside the bytes of its events, for `log verify` to check.

A store answers writers and readers from more than the events: a head row, columns, the table of
message ids, snapshots. All of it follows from the events, so all of it can be checked. A store
gives its evidence as of one instant, so that a running writer makes no difference.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol


class SnapshotRow(NamedTuple):
    """A state that a stream was folded to, so that a load need not fold it again."""

    stream: str
    version: int
    hash: bytes
    domain_hash: str
    state: bytes


class Head(NamedTuple):
    """The head row, after which the next append goes on: it must match the last event."""

    position: int
    committed_at: datetime | None


class Columns(NamedTuple):
    """Columns that a fast load trusts instead of reading the event's metadata."""

    position: int
    schema: int
    payload_at: int


class Bound(NamedTuple):
    """A row of the idempotency table."""

    stream: str
    message_id: str
    request_hash: bytes
    version: int
    position: int
    hash: bytes
    keep: bool
    bound_at: datetime


class Evidence(Protocol):
    """One instant of a store. A part that the store does not have is None or empty."""

    end: int | None  # the last event's position at that instant
    head: Head | None
    head_rows: int  # 1, of every store that is sound
    exact: bool  # positions have no gaps, and committed_at is max(recorded_at, the one before)
    oldest: datetime | None  # when the oldest message that may be forgotten was bound
    remembers: bool  # whether `bound` yields every message

    async def columns(self, first: int, last: int, /) -> Sequence[Columns]:
        """The columns of the events from `first` to `last`, both included, in position order."""
        ...

    def bound(self) -> AsyncIterator[Bound]:
        """The messages that wrote an event, by its position."""
        ...

    async def stray(self) -> Sequence[Bound]:
        """Messages that wrote nothing, yet name a version or a hash that their stream never had."""
        ...

    async def unreachable(self) -> Sequence[tuple[str, int, int]]:
        """Events that lie before the log's first position: (stream, version, position)."""
        ...

    def snapshots(self, domain_hash: str, /) -> AsyncIterator[SnapshotRow]: ...


class NoEvidence:
    """Evidence of a store that keeps nothing beside its events but snapshots."""

    end: int | None = None
    head: Head | None = None
    head_rows = 1
    exact = False
    oldest: datetime | None = None
    remembers = False

    def __init__(self, snapshots: Sequence[SnapshotRow] = ()) -> None:
        self._snapshots = snapshots

    async def columns(self, first: int, last: int, /) -> Sequence[Columns]:
        return ()

    async def bound(self) -> AsyncIterator[Bound]:
        nothing: Sequence[Bound] = ()
        for row in nothing:
            yield row

    async def stray(self) -> Sequence[Bound]:
        return ()

    async def unreachable(self) -> Sequence[tuple[str, int, int]]:
        return ()

    async def snapshots(self, domain_hash: str, /) -> AsyncIterator[SnapshotRow]:
        for row in self._snapshots:
            if row.domain_hash == domain_hash:
                yield row
