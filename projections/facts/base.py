"""What every fact is made of: its columns' types, and what it takes from its event."""

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
    """What every fact says about its event: made once, however many rows the event gives."""

    position: Position  # in the log
    name: Repeating  # of the event, "trade.booked"
    home: str  # partition key: an account id, otherwise the stream
    recorded_at: datetime  # when we recorded it
    effective_at: datetime  # when it was so in the world
    committed_at: datetime  # when the log took it: 'known at'


class Fact(Struct, frozen=True, kw_only=True, gc=False):
    """A row: its own columns, beside those of `About` and its leg.

    Python calls anything by more than 15 named arguments at four times the cost: what is made
    often has fewer fields.
    """

    TABLE: ClassVar[str]


Rows = tuple[type[Fact], Sequence[Fact]]
"""What one event gives to one table; a row's place is its leg."""


class Source(NamedTuple):
    """How an event gives rows to a table, beside those of `events` and `postings`."""

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
