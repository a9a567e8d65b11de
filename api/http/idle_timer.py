"""Closes a connection that is idle for too long, with one timer of the loop each idle time.

Uvicorn starts a timer after each answer and cancels it at the next request, which costs as much as
reading the request. This timer keeps running while the connection is used, and looks at the time
when it fires. It has the method of asyncio's handle that uvicorn calls, so it can take its place.
"""

import asyncio
from collections.abc import Callable


class IdleTimer:
    def __init__(
        self, loop: asyncio.AbstractEventLoop, limit_s: float, close: Callable[[], None]
    ) -> None:
        self._loop, self._limit_s, self._close = loop, limit_s, close
        self._since: float | None = None  # None: a request is under way
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """The connection is idle from now on."""
        self._since = self._loop.time()
        if self._handle is None:
            self._handle = self._loop.call_later(self._limit_s, self._look)

    def cancel(self) -> None:
        """The connection is used again."""
        self._since = None

    def end(self) -> None:
        """The connection is closed."""
        self.cancel()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _look(self) -> None:
        self._handle = None
        if self._since is None:
            return
        left = self._since + self._limit_s - self._loop.time()
        if left > 0:
            self._handle = self._loop.call_later(left, self._look)
        else:
            self._close()
