"""Clocks: the machine's, one that moves only when set, and one that runs at its own pace."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
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


class PacedClock(SimulatedClock):
    """A `SimulatedClock` that can also run at `rate` up to a moment, where it stops.

        stopped -run(until)-> running -`until` is reached, or set-> stopped

    Args:
        start: the time it shows at first.
        rate: simulated seconds per real second while it runs; 0 pauses it.
        real: a clock of real seconds; only differences count.
    """

    def __init__(
        self, start: datetime, *, rate: float = 1.0, real: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(start)
        self._rate, self.real = rate, real
        self._since = real()
        self._until: datetime | None = None  # None: stopped

    def __call__(self) -> datetime:
        if self._until is None:
            return self._now
        passed = timedelta(seconds=(self.real() - self._since) * self._rate)
        return max(self._now, min(self._now + passed, self._until))

    @property
    def rate(self) -> float:
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        """Change the rate from now on; time that has passed stays passed."""
        self._now, self._since, self._rate = self(), self.real(), rate

    def run(self, until: datetime) -> None:
        """Run from the time it shows now up to `until`."""
        self._now, self._since, self._until = self(), self.real(), until

    def set(self, to: datetime) -> None:
        """Stop at `to`, or at the time it shows now if that is later."""
        self._now, self._until = max(self(), to), None

    def seconds_to(self, moment: datetime) -> float:
        """Real seconds until it shows `moment`; infinite while paused or stopping before it."""
        left = (moment - self()).total_seconds()
        if left <= 0:
            return 0.0
        reached = self._until is not None and self._until >= moment
        return left / self._rate if reached and self._rate > 0 else float("inf")
