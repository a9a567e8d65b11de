"""A circuit breaker: stop calling a server that does not answer, for a pause that grows each time.

closed --FAILURES_MAX in a row--> open --pause--> half open --trial succeeds--> closed
                                    ^                            | trial fails
                                    '------ twice the pause -----'
"""

import time
from collections.abc import Callable

FAILURES_MAX = 3
PAUSE_S, PAUSE_MAX_S = 0.5, 15.0


class Breaker:
    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._pause = PAUSE_S
        self._until: float | None = None  # None: closed

    @property
    def closed(self) -> bool:
        return self._until is None

    def permits(self) -> bool:
        """Whether a caller may ask; after each pause one caller is let through as a trial."""
        if self._until is None:
            return True
        now = self._clock()
        if now < self._until:
            return False
        self._until = now + self._pause  # refuse other callers until the trial has a result
        return True

    def succeeded(self) -> bool:
        """Note an answer; True when it closed the circuit."""
        reopened = self._until is not None
        self._failures, self._pause, self._until = 0, PAUSE_S, None
        return reopened

    def failed(self) -> bool:
        """Note a failure; True when it opened the circuit."""
        self._failures += 1
        if self._until is not None:
            self._pause = min(2 * self._pause, PAUSE_MAX_S)
            self._until = self._clock() + self._pause
            return False
        if self._failures < FAILURES_MAX:
            return False
        self._until = self._clock() + self._pause
        return True
