"""The ports of the write side: the event log, and the shape of an aggregate."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import reduce
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct

from commands.expected import Expected
from domain.shared.message import Command, Decision, Event, Refusal


class Head(Struct, frozen=True, gc=False):
    """A stream's version and last hash. An append that finds another head is a conflict."""

    version: int = 0
    hash: str = ""


EMPTY = Head()


class Request(Struct, frozen=True, kw_only=True, gc=False):
    """One command on its way in. `message_id` is the idempotency key within the target stream."""

    command: Command
    message_id: str
    actor: str = "system"
    effective_at: datetime | None = None
    causation_id: str = ""
    correlation_id: str = ""
    keep: bool = False  # business ids (reports, saga commands) are remembered for ever
    dry_run: bool = False


class Proposal(Struct, frozen=True, kw_only=True, gc=False):
    """Events for one stream: append all or none, and only if the stream's head is `expected`."""

    stream: str
    expected: Head
    events: Sequence[Event]  # may be empty: binds the message id to 'changed nothing'
    home: str
    request: Request
    effective_at: datetime | None = None
    read: Mapping[str, int] = {}


class Appended(Struct, frozen=True, gc=False):
    """The append happened now, or (replayed) had happened under the same message id."""

    head: Head
    position: int  # of the last event appended; 0 when the message changed nothing
    replayed: bool = False
    changed: bool = True


class Conflict(Struct, frozen=True):
    """The stream is not at the expected version: reload and decide again."""


class KeyReused(Struct, frozen=True):
    """The message id was used on this stream with another body."""


class Loaded(Struct, frozen=True, gc=False):
    """A stream as stored: a snapshot (or None), and the events after it."""

    head: Head
    snapshot: Any
    events: Sequence[Event]


class EventLog(Protocol):
    async def load(self, streams: Sequence[str], /) -> Mapping[str, Loaded]:
        """Every named stream in one round trip; an empty one is `Loaded(EMPTY, None, ())`.

        Raises:
            Unreadable: an event is corrupt or unknown; named by stream and version.
        """
        ...

    async def append(
        self, batch: Sequence[Proposal], /, *, now: datetime
    ) -> Sequence[Appended | Conflict | KeyReused]:
        """Append each proposal whole or not at all; a conflict never fails its neighbours.

        Several proposals may follow each other on one stream; only the first needs the hash in
        `expected`, and when one fails, those behind it on that stream are conflicts.
        """
        ...

    async def remembered(
        self, asked: Sequence[tuple[str, Request]], /
    ) -> Sequence[Appended | KeyReused | None]:
        """The earlier outcome of each request, in order; None: its message id is unknown."""
        ...

    async def heads(self, streams: Sequence[str], /) -> Mapping[str, Head]: ...

    async def last(self) -> int:
        """The last position of the log; 0 if it is empty."""
        ...

    async def began(self) -> datetime | None:
        """When the first event was committed; None if there is none."""
        ...

    async def snapshot(self, states: Mapping[str, tuple[Head, Any]], /) -> None:
        """Keep states for faster loads. May be lost at any time without changing an answer."""
        ...


Dues = Callable[[], Awaitable[Mapping[str, Decimal]]]
"""Returns what the clients' estate owes the house at the log's end, by currency (`Seen.dues`)."""


class Unreadable(Expected):
    """The log holds bytes that this build cannot read; reading stops there."""


class KeyDestroyed(Exception):
    """The client's personal data was erased for good: none may be stored any more."""


class Decider(Protocol):
    """The shape of an aggregate: the module `domain.order` itself is a Decider."""

    CATEGORY: str
    COMMANDS: tuple[type[Command], ...]
    EVENTS: tuple[type[Event], ...]
    REFUSALS: Mapping[type[Command], tuple[Refusal, ...]]
    INITIAL: Any

    def key(self, command: Any, /) -> str:
        """The id part of the stream that the command appends to."""
        ...

    def reads(self, command: Any, /) -> tuple[str, ...]:
        """Other streams whose state the decision looks at (advisory, recorded in `read`)."""
        ...

    def decide(self, command: Any, state: Any, seen: Any, /) -> Decision: ...

    def evolve(self, state: Any, event: Any, /) -> Any: ...

    def home(self, state: Any, stream: str, /) -> str:
        """The partition key of the stream's events, given the state after them."""
        ...


class Fold(Protocol):
    """The part of a decider that makes a state of events."""

    INITIAL: Any

    def evolve(self, state: Any, event: Any, /) -> Any: ...


def folded(decider: Fold, events: Iterable[Event], state: Any = None) -> Any:
    """The state after `events`, from `state` on; None: from the beginning."""
    return reduce(decider.evolve, events, decider.INITIAL if state is None else state)


@runtime_checkable
class NamesStreams(Protocol):
    """What a decider adds if its streams have several categories, as `domain.saga` does."""

    def stream(self, command: Any, /) -> str:
        """The whole name of the stream that the command appends to."""
        ...


@runtime_checkable
class ReadsLater(Protocol):
    """What a decider adds if its state names streams that a command reads, as `domain.order`."""

    READS_LATER: Mapping[type[Command], Callable[[Any], tuple[str, ...]]]


def naming(decider: Decider) -> Callable[[Any], str]:
    """The function that names the stream of a decider's command."""
    if isinstance(decider, NamesStreams):
        return decider.stream
    return lambda command: f"{decider.CATEGORY}-{decider.key(command)}"
