"""A connection that reads a long answer without a trip around the event loop for every piece.

The server sends 8 kB at a time and the client is faster, so psycopg goes around the event loop for
every piece: a sixth of the cost of reading a thousand events. The pieces after the first arrive
within microseconds, so this connection waits for them on the spot, up to a bound (ADR 0025).
"""

from collections.abc import Generator
from select import select
from time import perf_counter
from typing import Any, TypeVar

from psycopg import AsyncConnection
from psycopg.waiting import READY_R, WAIT_R

NEXT_S = 0.0001  # longest wait for the next piece
AT_ONCE_S = 0.002  # after this long, other tasks get a turn

T = TypeVar("T")


class StreamingConnection(AsyncConnection[Any]):
    """For connections that mostly read."""

    async def wait(
        self, gen: Generator[Any, Any, T], interval: float = 0.1, timeout: float | None = None
    ) -> T:
        return await super().wait(_at_once(gen, self.pgconn.socket), interval, timeout)


def _at_once(gen: Generator[Any, Any, T], socket: int) -> Generator[Any, Any, T]:
    """The same generator, but it polls the socket itself once an answer has begun."""
    begun, turn_at = False, 0.0
    try:
        state = next(gen)
        while True:
            if begun and state == WAIT_R and perf_counter() < turn_at and _readable(socket):
                state = gen.send(READY_R)
                continue
            ready = yield state
            begun, turn_at = state == WAIT_R, perf_counter() + AT_ONCE_S
            state = gen.send(ready)
    except StopIteration as e:
        return e.value  # type: ignore[no-any-return]


def _readable(socket: int) -> bool:
    return bool(select([socket], (), (), NEXT_S)[0])
