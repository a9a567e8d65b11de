"""Between the engine's threads and the loop: one connection's messages, recorded in order."""

import asyncio
import concurrent.futures
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from adapters.fix.journal import Came, Journal
from adapters.fix.text import Fields, text_of

BATCH_MAX = 200
CLOSE_S = 10.0  # a message that cannot be recorded holds the engine's end up for this long
Take = Callable[[Sequence[Came]], Awaitable[None]]


class Line:
    """Implements `adapters.fix.engine.Hooks`; the engine calls it on its own threads."""

    def __init__(self, journal: Journal, loop: asyncio.AbstractEventLoop) -> None:
        self._journal, self._loop = journal, loop
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._lost = asyncio.Event()
        self._closing = False
        self.is_up, self.is_down = asyncio.Event(), asyncio.Event()
        self.why = ""  # the text of their Logout, or of what broke

    def sent(self, raw: bytes) -> bool:
        """Record, then let it leave; False: it must not leave."""
        recorded = asyncio.run_coroutine_threadsafe(self._journal.sent(raw), self._loop)
        try:
            return self._await(recorded)
        except ConnectionError as error:
            self._break(str(error))
            return False

    def resent(self, raw: bytes) -> None:
        fields = Fields.parse(text_of(raw))
        filled = fields.msg_type == "4"
        first, last = fields.number, fields.whole(36) - 1 if filled else fields.number
        recorded = asyncio.run_coroutine_threadsafe(
            self._journal.resent(first, last, 0 if filled else 1), self._loop
        )
        try:
            self._await(recorded)
        except ConnectionError as error:
            self._break(str(error))

    def received(self, raw: bytes) -> None:
        self._loop.call_soon_threadsafe(self._queue.put_nowait, raw)
        fields = Fields.parse(text_of(raw))
        if fields.msg_type == "5" and not self.why:
            self.why = fields.get(58) or "the venue logged out"

    def up(self) -> None:
        self._loop.call_soon_threadsafe(self.is_up.set)

    def down(self) -> None:
        self._loop.call_soon_threadsafe(self.is_down.set)

    async def record(self, take: Take) -> None:
        """Record what comes in, in batches and in order, until `no_more`.

        Raises:
            ConnectionError: the session is not ours any more.
        """
        more = True
        while more:
            batch = [await self._queue.get()]
            while not self._queue.empty() and len(batch) < BATCH_MAX:
                batch.append(self._queue.get_nowait())
            raw = [one for one in batch if one is not None]
            more = len(raw) == len(batch)
            if raw:
                await take(await self._journal.received(raw))

    async def ended(
        self, stop: asyncio.Event, recording: "asyncio.Task[None]", timeout_s: float
    ) -> None:
        """Wait until the connection ends, `stop`, or the time is up.

        Raises:
            ConnectionError: it ended unasked.
        """
        waits = [asyncio.ensure_future(e.wait()) for e in (stop, self.is_down, self._lost)]
        try:
            await asyncio.wait(
                [*waits, recording], timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for one in waits:
                one.cancel()
        if recording.done():
            recording.result()
        if not stop.is_set() and (self.is_down.is_set() or self._lost.is_set()):
            raise ConnectionError(self.why or "the connection was lost")

    def close(self) -> None:
        """The connection is being ended: do not wait for a log that cannot be reached."""
        self._closing = self._journal.closing = True

    def no_more(self) -> None:
        self._queue.put_nowait(None)

    def _await(self, recorded: "concurrent.futures.Future[None]") -> bool:
        waited_s = 0.0
        while waited_s < CLOSE_S:
            with suppress(concurrent.futures.TimeoutError):
                recorded.result(0.5)
                return True
            waited_s += 0.5 if self._closing else 0.0
        return False

    def _break(self, why: str) -> None:
        self.why = self.why or why
        self._loop.call_soon_threadsafe(self._lost.set)
