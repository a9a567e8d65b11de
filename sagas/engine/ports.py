"""The shape of a saga, and the store that its runner needs.

    log --correlate--> saga id --evolve--> state, due --react--> commands owed

State, owed commands and checkpoint move in one database transaction. All three are derived from
the log: a lost or suspect store is reset to position 0 and read again (`sagas.engine.runner`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from msgspec import Struct

from domain.saga import CommandRefused, DeadlinePassed
from domain.shared.envelope import Envelope
from domain.shared.message import Command, Event


class Deadline(NamedTuple):
    at: datetime  # UTC
    name: str


class Folded(Protocol):
    """A state per correlation id, folded from the log: a saga, or a gateway's memory.

    A state stays after its saga has ended, because a bust or a return may come months later and
    still needs the facts: it is small (open items are dropped from it as they close), is never
    scanned, and is loaded by its id only when such a report arrives.
    """

    NAME: str
    VERSION: int  # raise it when the state or the reactions change: the next start rebuilds
    INITIAL: Any

    def correlate(self, arrived: Envelope, /) -> str | None:
        """The id of the saga that the event belongs to; None: this saga ignores the event."""
        ...

    def evolve(self, state: Any, arrived: Envelope, /) -> Any:
        """The state after the event. Sends nothing."""
        ...

    def due(self, state: Any, /) -> Deadline | None:
        """The deadline at which the timer wakes the saga if nothing comes before."""
        ...

    def ended(self, state: Any, /) -> bool:
        """Nothing is owed or awaited. A late report may open it again."""
        ...


class Saga(Folded, Protocol):
    """The shape of a process manager: the module `sagas.order` itself is a Saga."""

    COMMANDS: tuple[type[Command], ...]  # what it may send

    def react(self, state: Any, arrived: Envelope, /) -> tuple[Command, ...]:
        """The commands to send after `arrived`; `state` is the state before it."""
        ...


SagaKey = tuple[str, str]
"""(saga name, saga id)."""


class Kept(Struct, frozen=True, kw_only=True):
    """One saga's row. `body` is its state in JSON; no personal data."""

    body: str
    due_at: datetime | None = None
    ended: bool = False


class Owed(Struct, frozen=True, kw_only=True):
    """A command in the outbox, sent in the order (position, saga, index) until acknowledged."""

    message_id: str  # "{cause's stream}@{version}#{saga}.{index}"
    saga: str
    saga_id: str
    position: int  # of the cause
    index: int
    command: str  # name of the command
    body: str  # its JSON; no personal data
    causation_id: str
    correlation_id: str
    effective_at: datetime


class Saved(Struct, frozen=True, kw_only=True):
    """One page's effect, saved whole or not at all."""

    states: Mapping[SagaKey, Kept]
    owed: Sequence[Owed] = ()
    answered: Collection[str] = ()  # message ids whose effect the log shows: no longer owed
    checkpoints: Mapping[str, tuple[int, int]]  # saga -> (position before, after)


class KeptRows(NamedTuple):
    """All that a saga store holds, at one instant."""

    positions: Mapping[str, int]  # by saga and gateway
    versions: Mapping[str, int]  # of the code that made its rows
    states: Mapping[SagaKey, Kept]
    outbox: Mapping[str, Owed]
    elsewhere: Sequence[tuple[str, int]] = ()  # checkpoints of other partitions than the store's


class Expelled(Exception):
    """Another runner moved a saga's checkpoint; load again before going on."""


class SagaStore(Protocol):
    async def positions(self, sagas: Mapping[str, int], /) -> Mapping[str, int]:
        """The position of each named saga; `sagas` is name -> VERSION.

        A saga that is new, or was kept under another version, is reset: states and owed commands
        are deleted and its position is 0.
        """
        ...

    async def load(self, keys: Collection[SagaKey], /) -> Mapping[SagaKey, Kept]:
        """The rows that exist, in one query."""
        ...

    async def save(self, page: Saved, /) -> None:
        """Save a page in one database transaction, checkpoints by compare-and-set.

        Raises:
            Expelled: some checkpoint was not at `before`; nothing was saved.
        """
        ...

    async def owed(self, *, limit: int) -> Sequence[Owed]:
        """The oldest commands that are not acknowledged."""
        ...

    async def acknowledge(self, message_ids: Collection[str], /) -> None: ...

    async def due(
        self, sagas: Collection[str], now: datetime, *, limit: int, after: "Due | None" = None
    ) -> Sequence["Due"]:
        """Rows with due_at <= now in the order (due_at, saga, id), those behind `after`."""
        ...

    async def unfinished(self, saga: str, since: datetime, /) -> Mapping[str, Kept]:
        """Rows of one saga, by id in order, that have not ended or are due at `since` or later."""
        ...

    async def reset(self, saga: str, /) -> None:
        """Delete all of one saga, so that the next steps derive it again from position 0."""
        ...


class Due(NamedTuple):
    at: datetime
    saga: str
    saga_id: str


def correlation(name: str, fields: Mapping[type[Event], str]) -> Callable[[Envelope], str | None]:
    """A `correlate` that takes the saga's id from a field of each event it follows.

    An event on the saga's own streams (a refusal, a deadline) always belongs to it. An event whose
    field is empty belongs to no saga.
    """

    def correlate(arrived: Envelope) -> str | None:
        event = arrived.event
        if isinstance(event, CommandRefused | DeadlinePassed):
            return event.saga_id if event.saga == name else None
        field = fields.get(type(event))
        return (getattr(event, field) or None) if field else None

    return correlate


def message_id(arrived: Envelope, saga: str, index: int) -> str:
    """Names a saga's command after the event that caused it; unique over all sagas."""
    return f"{arrived.source}#{saga}.{index}"
