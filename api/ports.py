"""Protocols of what the edge needs from the platform; `adapters.wiring.platform` builds it."""

from asyncio import Future
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from adapters.cache.store import Rate, Verdict
from adapters.cache.values import Counts
from adapters.dispatch.dispatcher import Overloaded
from adapters.log.recorder import Unavailable
from adapters.reads import LedgerLine, TooManyRows, Totals, Unfit
from adapters.warehouse.client import WarehouseError, WarehouseUnavailable
from commands.handler import Outcome
from commands.ports import Head, Loaded, Request
from domain.shared.envelope import Envelope
from projections.engine.runner import Stuck
from projections.ledger.client_money import CloseFigures
from projections.ports import Change, Key, Row, View

__all__ = [
    "Begins",
    "Cache",
    "Dispatch",
    "EventLog",
    "Facts",
    "LedgerLine",
    "Limiter",
    "Overloaded",
    "Platform",
    "Rate",
    "ReadModels",
    "Reader",
    "TooManyRows",
    "Totals",
    "Unavailable",
    "Unfit",
    "Verdict",
    "Views",
    "Warehouse",
    "WarehouseError",
    "WarehouseUnavailable",
]


class Dispatch(Protocol):
    async def submit(self, request: Request) -> Outcome:
        """Run one command and wait for its outcome.

        Raises:
            Overloaded: too many commands are waiting; this one was not run.
            Unavailable: the log cannot be reached; safe to send again under the same key.
        """
        ...

    @property
    def waiting(self) -> int: ...

    @property
    def batches(self) -> int: ...

    @property
    def commands(self) -> int: ...


@runtime_checkable
class Begins(Protocol):
    """A dispatcher that queues a command without a task; see `Dispatcher.begin`."""

    def begin(self, request: Request) -> "Future[Outcome]": ...

    async def outcome_of(self, begun: "Future[Outcome]") -> Outcome: ...


class EventLog(Protocol):
    async def load(self, streams: Sequence[str], /) -> Mapping[str, Loaded]: ...

    async def select(
        self, stream: str, /, *, after_version: int = 0, limit: int | None = None
    ) -> Sequence[Envelope]: ...

    async def named(self, asked: Sequence[tuple[str, str]], /) -> Sequence[Envelope]: ...

    async def heads(self, streams: Sequence[str], /) -> Mapping[str, Head]: ...

    async def last(self) -> int: ...

    async def position_at(self, known_at: datetime, /) -> int: ...

    async def wait(self, position: int, /, *, timeout_s: float) -> bool: ...


class Cache(Protocol):
    """Cache of answers, keyed by their inputs; see `adapters.cache.values.Cache`."""

    @property
    def counts(self) -> Counts: ...

    async def fetch(
        self, parts: Sequence[str], make: Callable[[], Awaitable[tuple[bytes, bool]]], /
    ) -> bytes: ...

    async def trouble(self) -> str | None: ...


class Limiter(Protocol):
    """Rate limits by caller; see `adapters.dispatch.rate_limit.Limiter`."""

    @property
    def rates(self) -> Mapping[str, Rate]: ...

    def limits(self, limit: str, address: str, /) -> bool:
        """Whether the limit of this name applies to this caller."""
        ...

    async def admit(
        self, limit: str, address: str, /, *, cost: int = 1, forced: bool = False
    ) -> Verdict | None: ...


class Warehouse(Protocol):
    async def readonly(self, sql: str, *, max_rows: int, timeout_s: float) -> Any:
        """Run an analyst's statement and return its rows; cancelling the call ends it.

        Raises:
            WarehouseError, WarehouseUnavailable
        """
        ...

    @property
    def missing(self) -> Sequence[str]:
        """Protections that the embedded engine's sandbox could not set up, in words."""
        ...


class Facts(Protocol):
    """The loader of the warehouse in this process; see `adapters.warehouse.loader.Loader`."""

    @property
    def position(self) -> int: ...

    @property
    def fault(self) -> str | None:
        """The reason why the loader has stopped; None while it works."""
        ...

    def still_s(self, position: int) -> float:
        """Seconds since the loader last moved; 0 if it has already reached `position`."""
        ...


class Reader(Protocol):
    """Rows of the views' tables; see `adapters.postgres.views.read_models.Reader`."""

    async def positions(self) -> Mapping[str, int]: ...

    async def rows(self, view: View, keys: Collection[Key]) -> Mapping[Key, Row]: ...

    async def having(self, view: View, column: str, values: Collection[str]) -> list[Row]: ...

    async def page(
        self, view: View, where: Mapping[str, str], *, first: int, after: Sequence[str] | None
    ) -> list[Row]: ...

    async def pages(
        self,
        view: View,
        column: str,
        parents: Collection[str],
        *,
        first: int,
        after: Sequence[str] | None,
    ) -> Mapping[str, list[Row]]: ...

    async def ledger(
        self, where: Mapping[str, str], *, first: int, after: Sequence[str] | None
    ) -> list[LedgerLine]: ...

    async def totals(self) -> list[Totals]: ...

    async def client_money(self) -> list[CloseFigures]: ...


class ReadModels(Reader, Protocol):
    @property
    def statements(self) -> int:
        """Number of SQL statements sent since the start."""
        ...

    def snapshot(self) -> AbstractAsyncContextManager[Reader]:
        """A reader whose statements all see the database at one instant."""
        ...


class Views(Protocol):
    """The view runner of this process: its faults, and the changes that it commits."""

    @property
    def fault(self) -> str | None: ...

    @property
    def stuck(self) -> Collection[Stuck]: ...

    def hurry(self, position: int) -> None:
        """Have the views fold up to `position` without delay."""
        ...

    async def wait_for(self, position: int, *, timeout_s: float) -> bool:
        """Wait until all views have passed `position`, and hurry them; False on time-out."""
        ...

    def listen(
        self,
        listener: Callable[[Sequence[Change]], None],
        *,
        wants: Callable[[], Mapping[str, Mapping[str, Collection[str]]]] = dict,
        urgent: Callable[[], bool] = bool,
    ) -> Callable[[], None]:
        """Call `listener` after each commit, until the returned function is called.

        `wants` returns the rows that the listener needs now: view -> column -> values. While
        `urgent` returns True, the views fold each event as soon as it comes.
        """
        ...


class Platform(Protocol):
    """What `create_app` needs of `adapters.wiring.platform.Platform`."""

    @property
    def cache(self) -> Cache: ...

    @property
    def dispatcher(self) -> Dispatch: ...

    @property
    def limiter(self) -> Limiter: ...

    @property
    def log(self) -> EventLog: ...

    @property
    def read_models(self) -> ReadModels: ...

    @property
    def read_warehouse(self) -> Warehouse | None:
        """The analysts' access to the warehouse; None: there is no warehouse."""
        ...

    @property
    def clock(self) -> Callable[[], datetime]: ...
