"""Bounds on the memory and time of connections, and counts of their present use."""

import resource
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from uvicorn.server import ServerState

from adapters.dispatch.rate_limit import caller_of

if TYPE_CHECKING:
    from api.http.short_way import ShortWay


class Limits(NamedTuple):
    """Sizes in bytes, times in seconds."""

    connections: int = 1_000
    connections_each: int = 200  # of one caller; callers on this machine are exempt
    head_bytes: int = 64 << 10  # request line and headers together
    headers: int = 100
    head_s: float = 10.0  # for the whole head, from the start of the connection
    idle_s: int = 5  # between two requests
    body_window_s: float = 10.0  # the length of a window
    body_window_bytes: int = 64 << 10  # of a body that must arrive in each window
    body_s: float = 120.0  # for the whole body
    bodies_bytes: int = 64 << 20  # of all bodies whose requests are not answered yet
    small_bytes: int = 64 << 10  # a body up to this size is accepted whatever the others use
    discard_bytes: int = 16 << 20  # of a body, read after its answer, before closing
    stuck_s: float = 30.0  # without the caller reading any of an answer
    linger_s: float = 1.0  # after a refusal, time for the caller to read it
    pipelined: int = 8  # requests waiting behind the one being answered


FILES_OTHERWISE = 500  # files a process opens beside its callers' connections


def room_for(connections: int) -> None:
    """Raise the limit of open files to fit `connections`, as far as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + FILES_OTHERWISE
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Held(ServerState):
    """Connections and bytes of bodies in use on a server, all callers together."""

    def __init__(self, limits: Limits, short_way: "ShortWay | None" = None) -> None:
        super().__init__()
        self.short_way = short_way
        self._lines: tuple[list[tuple[bytes, bytes]], bytes] = ([], b"")
        self.limits = limits
        self.bodies_bytes = 0
        self._callers: Counter[str] = Counter()
        self.open = 0

    def default_lines(self) -> bytes:
        """The default headers (the date) as bytes; uvicorn makes a new list each second."""
        headers, lines = self._lines
        if headers is not self.default_headers:
            headers = self.default_headers
            lines = b"".join([b"%s: %s\r\n" % header for header in headers])
            self._lines = headers, lines
        return lines

    def enter(self, address: str) -> bool:
        """Count a new connection; False if it is one too many. Call `leave` in either case."""
        caller = caller_of(address)
        self._callers[caller] += 1
        self.open += 1
        each = caller != "loopback" and self._callers[caller] > self.limits.connections_each
        return not each and self.open <= self.limits.connections

    def crowded(self, held_bytes: int) -> bool:
        """Whether to refuse a body with this many bytes so far, because all bodies use too much."""
        limits = self.limits
        return self.bodies_bytes > limits.bodies_bytes and held_bytes > limits.small_bytes

    def leave(self, address: str) -> None:
        caller = caller_of(address)
        self._callers[caller] -= 1
        self.open -= 1
        if self._callers[caller] <= 0:
            del self._callers[caller]
