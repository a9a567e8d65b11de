"""Bounds on what connections may hold and how long, and what is held right now."""

import resource
from collections import Counter
from typing import NamedTuple

from uvicorn.server import ServerState

from adapters.dispatch.rate_limit import caller_of


class Limits(NamedTuple):
    """Sizes in bytes, times in seconds."""

    connections: int = 1_000
    connections_each: int = 200  # of one caller; this machine is free
    head_bytes: int = 64 << 10  # request line and headers together
    headers: int = 100
    head_s: float = 10.0  # for the whole head, from the connection's first moment on
    idle_s: int = 5  # between two requests
    body_window_s: float = 10.0  # in each of these windows
    body_window_bytes: int = 64 << 10  # so much of a body has to arrive
    body_s: float = 120.0  # for the whole body
    bodies_bytes: int = 64 << 20  # of all bodies that are not answered yet
    small_bytes: int = 64 << 10  # a body that is taken whatever the others hold
    discard_bytes: int = 16 << 20  # read of a body after its answer, before hanging up
    stuck_s: float = 30.0  # an answer of which nothing is taken
    linger_s: float = 1.0  # after a refusal, for the caller to read it
    pipelined: int = 8  # requests waiting behind the one that is answered


FILES_OTHERWISE = 500  # what a process opens beside its callers' connections


def room_for(connections: int) -> None:
    """Let the process open as many files as its callers may take, as far as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + FILES_OTHERWISE
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Held(ServerState):
    """What all connections of a server hold together."""

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self.limits = limits
        self.bodies_bytes = 0
        self._callers: Counter[str] = Counter()
        self.open = 0

    def enter(self, address: str) -> bool:
        """Count a new connection; False: it is one too many. `leave` comes in either case."""
        caller = caller_of(address)
        self._callers[caller] += 1
        self.open += 1
        each = caller != "loopback" and self._callers[caller] > self.limits.connections_each
        return not each and self.open <= self.limits.connections

    def crowded(self, held_bytes: int) -> bool:
        """Whether a body of this size so far has to give way to the others."""
        limits = self.limits
        return self.bodies_bytes > limits.bodies_bytes and held_bytes > limits.small_bytes

    def leave(self, address: str) -> None:
        caller = caller_of(address)
        self._callers[caller] -= 1
        self.open -= 1
        if self._callers[caller] <= 0:
            del self._callers[caller]
