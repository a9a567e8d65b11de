"""Commands over HTTP: `tidemark serve` and a bare ASGI application that appends the same events.

Each round measures one shape of request on a number of connections, ours and the peer in turn. Of
ours it also measures the time until every view has folded the log and no saga appends any more,
counted from the first request ("with catch-up"). The peer has nothing to catch up with. Processor
time is that of the process that answers, without Postgres's: ours also folds all views and runs
all sagas during the measurement.
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from tests.bench.harness import Row, bound, in_turn, report, row
from tests.bench.http_shapes import BULK, DEPOSIT, ORDER, TRANSFER, Shape, funding, listing
from tests.bench.rig import callers, complete, say
from tests.bench.served import Served, serving, started

ROUNDS, ROUND_S = 3, 1.5
ACCOUNTS = 4_000
CONNECTIONS = 64
CASES = [
    *((DEPOSIT, number) for number in (1, 16, CONNECTIONS, 256)),
    *((shape, CONNECTIONS) for shape in (TRANSFER, ORDER, BULK)),
]
QUIET_S, LOOK_S, PATIENCE_S = 0.5, 0.1, 60.0
DOOR_US = 60.0
NOTES = f"""\
{ROUND_S:g} s a round; {ACCOUNTS:,} accounts. The peer decodes the same body with msgspec and \
appends the first event of the command with the product's codec, hash chain, idempotency rows, \
recorder and group commit, on uvicorn's own protocol. It checks nothing and folds nothing. With \
catch-up: until every view is at the end of the log and nothing is appended for {QUIET_S:g} s \
(which is not counted). CPU is that of the process that answers: ours folds all views and runs all \
sagas in it. The door alone has a dispatcher that answers at once: HTTP, limits, decoding, checks, \
metrics and the answer."""


class Found(NamedTuple):
    rate: float  # commands a second while they are sent
    cpu_us: float  # a command, while they are sent
    caught_up: float  # commands a second until views and sagas are at the end
    caught_up_us: float


class Side:
    """One server under measurement.

    Args:
        follows: it has views and sagas, which are waited for.
    """

    def __init__(self, served: Served, name: str, *, follows: bool) -> None:
        self._served, self._name, self._follows = served, name, follows
        self._next = 1

    async def measure(self, shape: Shape, number: int) -> Found:
        prefix, first = f"{self._name}{self._next}", self._next
        connections = [await self._served.connect() for _ in range(number)]

        async def call(caller: int, nth: int) -> None:
            path, body = shape.request(first + nth, ACCOUNTS, prefix)
            await connections[caller].post(path, body, f"{prefix}-{nth}")

        start, used = time.perf_counter(), self._served.cpu_s()
        run = await callers(number, call, seconds=ROUND_S)
        count, sent_s = run.count * shape.items, self._served.cpu_s() - used
        for one in connections:
            one.close()
        self._next += count + 1
        took = run.seconds
        if self._follows:
            took = await caught_up(self._served) - start
        all_s = self._served.cpu_s() - used
        return Found(
            count / run.seconds, sent_s / count * 1e6, count / took, all_s / count * 1e6
        )  # fmt: skip


async def caught_up(served: Served) -> float:
    """Wait until all views are at the end of a log that grows no more; the time of that."""
    caller = await served.connect()
    since, last, until = 0.0, -1, time.perf_counter() + PATIENCE_S
    while time.perf_counter() < until:
        seen = json.loads(await caller.get("/readyz"))
        position, now = seen["log"]["position"], time.perf_counter()
        behind = any(view["lag"] for view in seen["views"].values())
        if behind or position != last:
            since, last = now, position
        elif now - since > QUIET_S:
            caller.close()
            return since
        await asyncio.sleep(LOOK_S)
    raise RuntimeError(f"views and sagas were not at the end after {PATIENCE_S:.0f} s")


@contextmanager
def _module(name: str) -> Iterator[Served]:
    """A module of the benchmarks that serves, in a process of its own."""
    with TemporaryDirectory(prefix="tidemark-bench-") as folder:
        words = [sys.executable, "-m", f"tests.bench.{name}"]
        with started(words, Path(folder), ACCOUNTS) as served:
            yield served


def run() -> dict[str, Any]:
    with ExitStack() as stack:
        say("opening accounts")
        served = stack.enter_context(serving(ACCOUNTS))
        complete(served.send([*listing(), *funding(ACCOUNTS)], "fund"))
        ours = Side(served, "ours", follows=True)
        peer = Side(stack.enter_context(_module("http_peer")), "peer", follows=False)
        door = Side(stack.enter_context(_module("http_door")), "door", follows=False)
        found = complete(_measured(served, ours, peer, door))
    return report("http", ROUNDS, _rows(found), notes=NOTES)


async def _measured(served: Served, ours: Side, peer: Side, door: Side) -> dict[str, list[Found]]:
    await caught_up(served)
    sides: dict[str, Callable[[], Awaitable[Found]]] = {}
    for shape, number in CASES:
        for name, side in (("ours", ours), ("peer", peer)):
            sides[_name(name, shape, number)] = partial(side.measure, shape, number)
    sides["door"] = partial(door.measure, DEPOSIT, CONNECTIONS)
    for side in (ours, peer, door):
        await side.measure(DEPOSIT, CONNECTIONS)  # warm
    return await in_turn(ROUNDS, sides, say)


def _name(side: str, shape: Shape, number: int) -> str:
    return f"{side}: {shape.name}, {number} connection{'s' if number > 1 else ''}"


def _rows(found: dict[str, list[Found]]) -> list[Row]:
    rows = []
    for shape, number in CASES:
        ours, peer = (found[_name(side, shape, number)] for side in ("ours", "peer"))
        what = _name("", shape, number)[2:]
        goal = 0.5 if (shape, number) == (DEPOSIT, CONNECTIONS) else None
        rows += [
            row(what, [f.rate for f in ours], [f.rate for f in peer],
                peer_name="bare ASGI and append", unit="commands/s", goal=goal),
            row(f"{what}, CPU a command", [f.cpu_us for f in ours], [f.cpu_us for f in peer],
                peer_name="bare ASGI and append", unit="us"),
            row(f"{what}, with catch-up", [f.caught_up for f in ours], unit="commands/s"),
            row(f"{what}, with catch-up, CPU a command",
                [f.caught_up_us for f in ours], unit="us"),
        ]  # fmt: skip
    alone = statistics.median(f.cpu_us for f in found["door"])
    return [*rows, bound("the door alone, CPU a command", alone, unit="us", goal=DOOR_US)]
