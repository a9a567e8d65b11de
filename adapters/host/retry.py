"""The pauses between the tries of work that may fail for a while: each twice the last one."""

import math
import time
from collections.abc import Callable

RECONNECT_MIN_S, RECONNECT_MAX_S = 0.05, 1.0


class Retry:
    """The pauses of one run of failures; a success is a `reset`.

    It does not wait itself: its user does, in a task or in a thread.

    Args:
        min_s, max_s: the first pause and the longest.
        for_s: a pause that would end later than this after the start (or the last `reset`) is one
            too many.
    """

    def __init__(
        self,
        min_s: float,
        max_s: float,
        *,
        for_s: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._min_s, self._max_s, self._for_s, self._clock = min_s, max_s, for_s, clock
        self._pause_s, self._began = min_s, clock()

    @property
    def over(self) -> bool:
        """Whether the next pause would end after the time that is left."""
        return self._clock() + self._pause_s > self._began + self._for_s

    def next_s(self) -> float:
        """The seconds to wait before the next try."""
        pause_s, self._pause_s = self._pause_s, min(2 * self._pause_s, self._max_s)
        return pause_s

    def reset(self) -> None:
        """Start again with the shortest pause and the whole time."""
        self._pause_s, self._began = self._min_s, self._clock()


def reconnecting(for_s: float) -> Retry:
    """The tries to replace a lost connection to a server."""
    return Retry(RECONNECT_MIN_S, RECONNECT_MAX_S, for_s=for_s)
