"""The tail of the log in memory: opened once, read by everyone who follows close behind.

Views, sagas, gateways and the auditor all read the same events within seconds. Events never
change, so what one of them has opened serves the others. Bounded; the oldest half leaves.
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
        """Whether the events right behind `position` are here, as far as they were read."""
        return self.start <= position < self.end

    def after(self, position: int, *, limit: int, until: int | None) -> Sequence[Envelope]:
        first = bisect_right(self._positions, position)
        last = min(first + limit, len(self._events))
        if until is not None:
            last = min(last, bisect_right(self._positions, until))
        return self._events[first:last]

    def at(self, position: int) -> Envelope | None:
        """The event at `position`, if it was opened lately; a loader's thread may ask, too.

        The lists may lose their front between the two steps: the event's own position decides.
        """
        index = bisect_right(self._positions, position) - 1
        try:
            found = self._events[index]
        except IndexError:
            return None
        return found if found.position == position else None

    def extend(self, position: int, events: Sequence[Envelope]) -> None:
        """Take what was read behind `position`; a run that does not join starts anew."""
        if not events:
            return
        if position != self.end:
            if position < self.end:
                return  # a laggard's page: it is alone with it
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
