"""The ports of the read side: the shape of a view, the log, and the sink for its rows."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

from msgspec import Struct

from domain.shared.envelope import Envelope
from domain.shared.message import Event


class Row(Struct, frozen=True, kw_only=True, gc=False):
    """One row of a view's table: its fields are the columns, `KEY` names the primary key.

    Column types follow the annotations: str text, int bigint, Decimal numeric, bool boolean,
    date, datetime timestamptz; `| None` is a nullable column. Rows hold only what comes from
    events: no now(), no sequence.
    """

    KEY: ClassVar[tuple[str, ...]]
    INDEXES: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Columns that readers filter and page by, one secondary index per tuple."""

    position: int = 0
    """Of the last event that touched the row; the run loop stamps it."""


R = TypeVar("R", bound=Row)
Key = tuple[Any, ...]


class Audience(Enum):
    """Who may read a view's rows besides operations; the tables' row security follows from it."""

    OWN = "own"  # the account or the client that the row is about, and analysts
    REFERENCE = "reference"  # every known reader
    OPERATIONS = "operations"  # analysts
    CONFIDENTIAL = "confidential"  # the account or the client that the row is about


class Home(NamedTuple):
    """Where a view's rows come from: the stream `{category}-{value of the key column}` alone.

    Such rows can be folded from that one stream, so GraphQL can answer `asOf` for them.
    """

    column: str
    category: str


NOWHERE = Home("", "")
"""The `HOME` of a view with rows that several streams feed."""


class View(Protocol):
    """The shape of a view: the module `projections.holdings.positions` itself is a View."""

    NAME: str
    VERSION: int  # raise it when the fold or the row changes: the next start rebuilds the view
    AUDIENCE: Audience
    HOME: Home
    ROW: type[Row]
    READS: frozenset[type[Event]]  # `facts` gives nothing for any other event

    def facts(self, arrived: Envelope, /) -> Iterable[tuple[Key, Any]]:
        """The (row key, fact) pairs of one event, in order; empty if the view ignores it."""
        ...

    def fold(self, row: Any, key: Key, fact: Any, /) -> Any:
        """The row after one fact; `row` is None before the first, None as result deletes it.

        The result is the given row or a new one. Nothing else may hold the new one: the run loop
        sets its position in place.
        """
        ...


class Log(Protocol):
    async def after(
        self, position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Envelope]:
        """The next events in position order, after `position`, up to and including `until`."""
        ...

    async def last(self) -> int:
        """The position of the newest event; 0 for an empty log."""
        ...


class Sink(Protocol):
    """The tables of a set of views and the position of each, as one partition sees them.

    Partitions share the tables and advance separately: a row is fed from one partition only (its
    keys come from one home, or carry `projections.engine.shard`), and the position of a view as a
    whole is that of its slowest partition.

    One contract suite (`tests/contract/views/sink_suite.py`) runs over memory and Postgres.
    """

    async def prepare(self, views: Sequence[View], /) -> None:
        """Create what is missing; empty a view that was written by another `VERSION` of it.

        A view that was kept in another number of partitions is taken over at its position, if all
        of them have the same; otherwise it is emptied too. The runners that kept it are expelled.
        """
        ...

    async def positions(self, views: Collection[str], /) -> Mapping[str, int]:
        """The position of each view in the sink's own partition.

        Raises:
            Relaid: the views have been prepared for another number of partitions since.
        """
        ...

    async def load(self, view: View, keys: Collection[Key], /) -> Mapping[Key, Row]:
        """Those of the rows that exist."""
        ...

    async def save(self, changes: Sequence["Change"], /) -> None:
        """All changes and all checkpoints in one database transaction.

        Raises:
            Expelled: some checkpoint was not at `Change.before`: another runner moved it.
            Unstorable: some value has no place in its column; nothing was written.
        """
        ...

    async def checksum(self, view: View, /) -> "Checksum":
        """The checksum of the view's rows and its position, read at one instant."""
        ...


class Change(Struct, frozen=True):
    view: Any  # View
    rows: Mapping[Key, Row | None]  # None deletes
    before: int
    after: int


class Checksum(Struct, frozen=True, kw_only=True):
    """`hash` is SHA-256 over the rows in key order (`projections.engine.checksum`), hex."""

    view: str
    rows: int
    hash: str
    position: int


Pause = Callable[[], Awaitable[None]]
"""Lets other tasks run between slices of a long fold."""


class Expelled(Exception):
    """Another runner moved this view's checkpoint; load again before going on."""


class Relaid(Exception):
    """The views are kept in another number of partitions now: this runner has to end."""


class Unstorable(Exception):
    """The store rejected a value itself; neither the connection nor a race is the cause."""
