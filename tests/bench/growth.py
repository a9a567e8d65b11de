"""Growth: what an append costs as the log fills up, 10,000 to 1,000,000 events.

The log is filled by the same append path, in large batches. At every size, batches of single
events on random streams are timed in turn with the same batches on a second log that stays small:
the machine's noise hits both, so the exponent is fitted to the ratio of their costs.
"""

import asyncio
import math
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any

from commands.ports import EMPTY, Appended, Head, Proposal, Request
from tests.bench.append import deposited
from tests.bench.harness import Row, bound, report, row
from tests.bench.rig import Server, WriteSide, complete, deposit, say, server

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
STREAMS = 20_000  # an event lands anywhere in the index
FILL_EVENTS, FILL_WRITES = 10, 100  # 1,000 events a commit
LANES = 2
BATCH = 100  # single events a timed commit
TIMED = 25  # commits a size
FILL_S = 90.0  # then filling stops, and the largest size is the one reached


class Filling:
    """A log and the versions of its streams."""

    def __init__(self, side: WriteSide, name: str, streams: int) -> None:
        self._side, self._name = side, name
        self._heads: list[Head] = [EMPTY] * streams
        self._dice = random.Random(1)
        self._events = [deposited(f"{name}{i}") for i in range(streams)]
        self.size = 0

    async def fill(self, size: int, until: float) -> None:
        """Up to `size` events, two batches under way, each on its half of the streams."""

        async def lane(nth: int) -> None:
            while self.size < size and time.perf_counter() < until:
                picked = self._pick(FILL_WRITES, nth, LANES)
                await self._append(picked, FILL_EVENTS)

        await asyncio.gather(*[lane(i) for i in range(LANES)])

    async def timed(self) -> float:
        """Seconds for one commit of `BATCH` events on as many streams."""
        return await self._append(self._pick(BATCH, 0, 1), 1)

    def _pick(self, number: int, first: int, step: int) -> Sequence[int]:
        return self._dice.sample(range(first, len(self._heads), step), number)

    async def _append(self, picked: Sequence[int], events: int) -> float:
        now = datetime.now(UTC)
        batch = [self._proposal(i, events) for i in picked]
        self.size += events * len(batch)
        start = time.perf_counter()
        results = await self._side.log.append(batch, now=now)
        took = time.perf_counter() - start
        for i, result in zip(picked, results, strict=True):
            if not isinstance(result, Appended):
                raise RuntimeError(f"append: {result}")
            self._heads[i] = result.head
        return took

    def _proposal(self, i: int, events: int) -> Proposal:
        name, head = f"{self._name}{i}", self._heads[i]
        return Proposal(
            stream=f"account-{name}",
            expected=head,
            events=(self._events[i],) * events,
            home=name,
            request=Request(command=deposit(name, 1), message_id=f"m{head.version}"),
        )


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The slope of log cost over log size, by least squares."""
    x, y = [math.log(s) for s in sizes], [math.log(c) for c in costs]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    over = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return over / sum((a - mean_x) ** 2 for a in x)


def run() -> dict[str, Any]:
    with server() as one:
        rows, largest = complete(_run(one))
    reached = "" if largest >= SIZES[-1] else f" It reached {largest:,} events in its time."
    return report(
        "growth", TIMED, rows,
        notes=f"Commits of {BATCH} events on random ones of {STREAMS:,} streams, in turn with "
        f"a log that stays small. The log was filled by the same path, "
        f"1,000 events a commit.{reached}",
    )  # fmt: skip


async def _run(server: Server) -> tuple[list[Row], int]:
    side = await WriteSide.open(server)
    other = await WriteSide.open(server, url=server.database("small"))
    try:
        growing, small = Filling(side, "G", STREAMS), Filling(other, "S", STREAMS // 20)
        until = time.perf_counter() + FILL_S
        await small.fill(SIZES[0], until)
        rows: list[Row] = []
        sizes: list[float] = []
        dearer: list[float] = []
        for size in SIZES:
            say(f"filling to {size:,} events")
            await growing.fill(size, until)
            pairs = [(await growing.timed(), await small.timed()) for _ in range(TIMED)]
            large, little = [a * 1e3 for a, _ in pairs], [b * 1e3 for _, b in pairs]
            what = f"commit at {growing.size:,} events"
            rows.append(row(what, large, little, peer_name="small log", unit="ms"))
            sizes.append(float(growing.size))
            dearer.append(median(large) / median(little))
            if growing.size < size:
                break
    finally:
        await side.close()
        await other.close()
    fitted = bound(
        "exponent of cost over size", exponent(sizes, dearer), unit="exponent", goal=0.15
    )
    return [*rows, fitted], growing.size
