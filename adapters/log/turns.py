"""Calls that name the same stream run one after the other, in the order in which they came."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager


class Turns:
    """Lines of calls, one line a stream. A call may be in several lines at once."""

    def __init__(self) -> None:
        self._last: dict[str, asyncio.Future[None]] = {}  # the last call in line by stream

    @property
    def streams(self) -> Collection[str]:
        """The streams that a call holds or waits for."""
        return self._last.keys()

    @asynccontextmanager
    async def of(self, streams: Collection[str]) -> AsyncIterator[None]:
        """Wait for the calls before this one that name one of the streams, and hold the streams.

        A call that is cancelled while it waits holds its places until those before it are done, so
        that the calls behind it do not overtake them.
        """
        before = {self._last[stream] for stream in streams if stream in self._last}
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._last.update(dict.fromkeys(streams, done))
        try:
            if before:
                await asyncio.wait(before)
            yield
        finally:
            if waiting := [call for call in before if not call.done()]:
                asyncio.gather(*waiting).add_done_callback(lambda _: self._leave(streams, done))
            else:
                self._leave(streams, done)

    def _leave(self, streams: Collection[str], done: "asyncio.Future[None]") -> None:
        done.set_result(None)
        for stream in streams:
            if self._last[stream] is done:
                del self._last[stream]
