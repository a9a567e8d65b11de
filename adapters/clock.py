"""Clocks: the machine's, or one that stands still until it is told to move."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def __call__(self) -> datetime:
        """Now, in UTC."""
        ...


class SystemClock:
    def __call__(self) -> datetime:
        return datetime.now(UTC)


class SimulatedClock:
    """Moves only forward and only by `set`."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def __call__(self) -> datetime:
        return self._now

    def set(self, to: datetime) -> None:
        self._now = max(self._now, to)


class OffsetClock:
    """The machine's clock, moved to another start: a demo goes on from where its history ended."""

    def __init__(self, start: datetime) -> None:
        self._offset = start - datetime.now(UTC)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._offset
