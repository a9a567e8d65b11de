"""The parts of every fact: the types of its columns, and what it takes from its event."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, NamedTuple

from msgspec import Meta, Struct

from domain.shared.envelope import Envelope

REPEATING = Meta(extra={"repeating": True})
Repeating = Annotated[str, REPEATING]
Position = Annotated[int, Meta(ge=0)]
Leg = Annotated[int, Meta(ge=0, lt=1 << 16)]


class About(Struct, frozen=True, kw_only=True, gc=False):
    """The columns about its event that every fact has; made once for all rows of the event."""

    position: Position  # in the log
    name: Repeating  # of the event, "trade.booked"
    home: str  # partition key: an account id, otherwise the stream
    recorded_at: datetime  # when we recorded it
    effective_at: datetime  # when it was so in the world
    committed_at: datetime  # when the log took it: 'known at'


class Fact(Struct, frozen=True, kw_only=True, gc=False):
    """A row: its own columns, in addition to those of `About` and its leg.

    In Python a call with more than 15 named arguments costs four times as much: a fact that is
    made often has fewer fields.
    """

    TABLE: ClassVar[str]


Rows = tuple[type[Fact], Sequence[Fact]]
"""The rows that one event gives to one table; the index of a row is its leg."""


class Source(NamedTuple):
    """How an event gives rows to a table other than `events` and `postings`."""

    fact: type[Fact]
    rows: Callable[[Any], Iterator[Fact]]


def about(arrived: Envelope) -> About:
    meta = arrived.meta
    return About(
        position=arrived.position,
        name=meta.name,
        home=meta.home,
        recorded_at=meta.recorded_at,
        effective_at=meta.effective_at or meta.recorded_at,
        committed_at=arrived.committed_at,
    )
