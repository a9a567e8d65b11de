"""What the edge needs of the platform: the shape of what `adapters.wiring` builds."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from adapters.dispatcher import Overloaded
from adapters.recorder import Unavailable
from commands.handler import Outcome
from commands.ports import Loaded, Request
from domain.envelope import Envelope

__all__ = ["Dispatch", "EventLog", "Overloaded", "Page", "Platform", "Unavailable", "Warehouse"]


class Dispatch(Protocol):
    async def submit(self, request: Request) -> Outcome:
        """Run one command and wait for its outcome.

        Raises:
            Overloaded: too many are waiting; nothing was done.
            Unavailable: the log cannot be reached; safe to send again under the same key.
        """
        ...

    @property
    def waiting(self) -> int: ...


class EventLog(Protocol):
    async def load(self, streams: Sequence[str], /) -> Mapping[str, Loaded]: ...

    async def select(
        self, stream: str, /, *, after_version: int = 0, limit: int | None = None
    ) -> Sequence[Envelope]: ...

    async def last(self) -> int: ...

    async def position_at(self, known_at: datetime, /) -> int: ...

    async def wait(self, position: int, /, *, timeout_s: float) -> bool: ...


class Warehouse(Protocol):
    async def readonly(self, sql: str, *, max_rows: int, timeout_s: float) -> Any: ...


class Page(NamedTuple):
    """The slice of a list that a connection shows: `first` rows after a row's key."""

    first: int
    after: tuple[str, ...] | None = None


class Platform(Protocol):
    """What `create_app` needs of `adapters.wiring.Platform`."""

    @property
    def dispatcher(self) -> Dispatch: ...

    @property
    def log(self) -> EventLog: ...

    @property
    def warehouse(self) -> Warehouse: ...

    @property
    def clock(self) -> Callable[[], datetime]: ...
