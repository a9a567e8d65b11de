"""The recorder port: stores events as bytes, in streams and in one total order.

`adapters.log.event_log.RecorderLog` seals and opens events over it. One contract suite
(`tests/contract/log/recorder_suite.py`) runs over every implementation: memory, Postgres,
EventStoreDB.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import NamedTuple, Protocol

from msgspec import Struct

from adapters.log.evidence import Evidence, SnapshotRow
from adapters.log.frame import Payloads
from commands.expected import Expected

BATCH_MAX = 1_000  # writes of one append, and so commands of one commit
LANES = 2  # appends at once: while the store commits one, the next is decided and packed
REPLY_S = 30.0  # for one statement or call, before its connection counts as lost
RETRY_S = 10.0  # for how long a lost connection is replaced, before `Unavailable`

PAGE = 1_000  # events of one read, by a reader that writes or sends what follows from them
TURN_PAGE = 500  # by a reader that only computes, in a process that has to answer meanwhile
AUDIT_PAGE = 5_000  # by a reader that only computes, in a process of its own


class Sealed(Struct, frozen=True, gc=False):
    """One event as stored: `state` is the framed {metadata, payload}, `hash` the chain's."""

    name: str
    state: bytes
    hash: bytes  # 32 bytes
    schema: int = 0  # of the payload; 0: the state is no frame
    payload_at: int = 0  # number of bytes in the state before the payload


class Write(Struct, frozen=True, kw_only=True, gc=False):
    """One command's events for one stream: versions expected + 1 ... expected + len(events)."""

    stream: str
    expected: int
    events: Sequence[Sealed]  # may be empty: only the message is remembered
    message_id: str
    request_hash: bytes
    keep: bool = False  # never pruned from the idempotency table


class Stored(NamedTuple):
    position: int
    stream: str
    version: int
    name: str
    state: bytes
    hash: bytes
    committed_at: datetime


class Message(NamedTuple):
    """A row of the idempotency table: what a message did to a stream."""

    request_hash: bytes
    version: int  # of the stream after it
    position: int  # of its last event; 0: it changed nothing
    hash: bytes  # head hash of the stream after it; b"" for an empty stream


class Written(Struct, frozen=True, gc=False):
    position: int  # of the write's last event; 0 when it had none


class Known(NamedTuple):
    """Nothing was written: the message id is already bound on this stream."""

    message: Message


class WrongVersion(NamedTuple):
    """Nothing was written: the stream is not at `expected`."""


Result = Written | Known | WrongVersion


class StreamRead(Struct, frozen=True, gc=False):
    """A stream as read in one round trip: what a command on a cold stream waits for."""

    snapshot: SnapshotRow | None  # the newest one with the requested domain hash
    version: int  # of the newest event
    hash: bytes
    events: Payloads  # after the snapshot


class Unavailable(Expected):
    """The store cannot be reached or cannot write (connection lost, disk full); try later.

    The text is for operators; `summary` may be shown to any caller.
    """

    def __init__(self, text: str, *, summary: str = "the log cannot be reached") -> None:
        super().__init__(text)
        self.summary = summary


class HeadLost(Unavailable):
    """The store must have one head row, and has none or several: the next position is unknown."""

    def __init__(self, rows: int) -> None:
        held = f"log.head holds {rows} rows, and must hold 1"
        text = f"{held}: `tidemark log verify` finds what else is wrong"
        super().__init__(text, summary="the log's head row is lost")


class Recorder(Protocol):
    async def append(self, batch: Sequence[Write], /, *, clock: datetime) -> Sequence[Result]:
        """Write each element whole or not at all, in order, in as few commits as possible.

        All of it is durable (fsynced) when this returns. Two writes of one stream may follow
        each other in a batch; if the first is not written, the second is a WrongVersion.
        `committed_at` of the batch is max(clock, the last one). After a time-out or a lost
        connection the recorder sends the same write again, and recognises it if the first
        attempt was committed (its result is then Written, not Known).
        A write with an empty message id is not remembered. Calls may overlap; calls that share a
        stream run in call order.

        Raises:
            Unavailable: after bounded retries; nothing is known to have been written.
            ValueError: a stream or message id is too long or not printable, or an expected
                version is negative (`adapters.log.append_plan.check`); nothing was written.
        """
        ...

    async def read(
        self, streams: Sequence[str], /, *, domain_hash: str = ""
    ) -> Mapping[str, StreamRead]:
        """Every named stream that exists, in one round trip."""
        ...

    async def after(
        self, position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Stored]: ...

    async def select(
        self, stream: str, /, *, after_version: int = 0, limit: int | None = None
    ) -> Sequence[Stored]: ...

    async def last(self) -> tuple[int, datetime | None]:
        """The newest position and its committed_at; (0, None) for an empty log."""
        ...

    async def position_at(self, known_at: datetime, /) -> int:
        """The last position with committed_at <= known_at; 0 if there is none."""
        ...

    async def heads(self, streams: Sequence[str], /) -> Mapping[str, tuple[int, bytes]]: ...

    async def messages(
        self, keys: Sequence[tuple[str, str]], /
    ) -> Mapping[tuple[str, str], Message]: ...

    async def prune(self, before: datetime, /) -> int:
        """Forget messages bound before this time, except those to `keep`; return how many."""
        ...

    async def save_snapshots(self, rows: Sequence[SnapshotRow], /) -> None: ...

    async def drop_snapshots(self) -> None: ...

    async def wait(self, position: int, /, *, timeout_s: float) -> bool:
        """Wait until the log has grown past `position`: the store notifies, polling is a fallback.

        Returns:
            Whether it has grown past `position` within the time.
        """
        ...

    def evidence(self) -> AbstractAsyncContextManager[Evidence]:
        """What the store keeps beside the events, at one instant, for `log verify`.

        Raises:
            Unavailable: on entering or reading.
        """
        ...

    async def close(self) -> None: ...
