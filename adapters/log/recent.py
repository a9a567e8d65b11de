"""The newest events of the log in memory: opened once, shared by all followers near the end.

Views, sagas, gateways and the auditor all read the same events within seconds. Events never
change, so one opened copy serves them all. Bounded: when it is full, the older half is dropped.
"""

from bisect import bisect_right
from collections.abc import Sequence

from domain.shared.envelope import Envelope

EVENTS_MAX = 16_000


class LogTail:
    """A gapless run of the log: all events with start < position <= end."""

    def __init__(self, events_max: int = EVENTS_MAX) -> None:
        self._max = events_max
        self._positions: list[int] = []
        self._events: list[Envelope] = []
        self.start = self.end = 0

    def holds(self, position: int) -> bool:
        """Whether the event that follows `position` in the log is in this run."""
        return self.start <= position < self.end

    def after(self, position: int, *, limit: int, until: int | None) -> Sequence[Envelope]:
        first = bisect_right(self._positions, position)
        last = min(first + limit, len(self._events))
        if until is not None:
            last = min(last, bisect_right(self._positions, until))
        return self._events[first:last]

    def at(self, position: int) -> Envelope | None:
        """The event at `position`, if this run holds it.

        A loader's thread may call this, too, while `extend` shortens the lists between two steps
        here. So the position of the event that was found decides.
        """
        index = bisect_right(self._positions, position) - 1
        try:
            found = self._events[index]
        except IndexError:
            return None
        return found if found.position == position else None

    def extend(self, position: int, events: Sequence[Envelope]) -> None:
        """Append events read after `position`; if they start beyond the run's end, replace it."""
        if not events:
            return
        if position != self.end:
            if position < self.end:
                return  # a slow follower's page: no other follower needs it
            self.clear(position)
        self._positions += [e.position for e in events]
        self._events += events
        self.end = self._positions[-1]
        if len(self._events) > self._max:
            cut = len(self._events) // 2
            self.start = self._positions[cut - 1]
            del self._positions[:cut], self._events[:cut]

    def clear(self, position: int = 0) -> None:
        self._positions, self._events = [], []
        self.start = self.end = position
