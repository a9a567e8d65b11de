"""Lag: from an acknowledged event to its row, visible to readers; and catching up from nothing.

Commands come at half of the measured peak, at an even pace, while the inline runner folds the
views in the same process. An event's lag is the time from its command's acknowledgement until
the database transaction with its row has been committed. The bound is the p99 of the appends of
the same minute, which callers wait for anyway.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from adapters.postgres.views.sink import PostgresSink
from commands.handler import Done
from commands.ports import Request
from projections.catalogue import VIEWS
from projections.holdings import positions
from projections.ports import Change, View
from streams.views.inline import InlineRunner
from tests.bench.harness import Row, bound, in_turn, quantile, report, row
from tests.bench.library import environment
from tests.bench.library_views import Desk, catch_up
from tests.bench.rig import Run, Server, WriteSide, callers, complete, say, server
from tests.bench.trading import Trading

CALLERS = 64
ROUNDS, PEAK_S, PACED_S = 3, 2.0, 3.0
TICK_S = 0.002
DRAIN_S = 30.0
PEER_HOLDERS, PEER_STEPS = 60, 40  # 2,460 events
CATCH_UP = 20_000  # events


class Appends:
    """Times every append of a recorder: one figure an event."""

    def __init__(self, side: WriteSide) -> None:
        self.waits: list[float] = []
        inner = side.recorder.append

        async def timed(batch: Sequence[Any], /, *, clock: Any) -> Any:
            start = time.perf_counter()
            results = await inner(batch, clock=clock)
            self.waits += [time.perf_counter() - start] * len(batch)
            return results

        side.recorder.append = timed  # type: ignore[method-assign]


class Paced(NamedTuple):
    """The results of a paced round, in seconds, one figure per event."""

    lags: list[float]
    appends: list[float]


class Lagging:
    def __init__(self, side: WriteSide, trading: Trading) -> None:
        self._side, self._trading = side, trading
        self._appends = Appends(side)

    async def peak(self) -> Run:
        """The peak rate of commands: 64 callers, states cached, no views."""

        async def call(caller: int, nth: int) -> None:
            _done(await self._side.dispatcher.submit(self._trading.take()))

        return await callers(CALLERS, call, seconds=PEAK_S)

    async def paced(self, views: Sequence[View], schema: str, rate: float) -> Paced:
        """Commands at `rate` a second for a while, with the runner following."""
        async with following(self._side, views, schema) as runner:
            waiting: deque[tuple[int, float]] = deque()
            lags: list[float] = []

            def visible(changes: Sequence[Change]) -> None:
                now, seen = time.perf_counter(), min((c.after for c in changes), default=0)
                while waiting and waiting[0][0] <= seen:
                    lags.append(now - waiting.popleft()[1])

            undo = runner.listen(visible)
            self._appends.waits.clear()
            last = await self._send(rate, waiting)
            waits = list(self._appends.waits)
            if not await runner.wait_for(last, timeout_s=DRAIN_S):
                raise RuntimeError(f"the views did not catch up within {DRAIN_S:.0f} s")
            undo()
            lags += [0.0] * len(waiting)  # acknowledged after they were visible
        return Paced(lags, waits)

    async def _send(self, rate: float, waiting: deque[tuple[int, float]]) -> int:
        """Submit at an even pace, without waiting for answers; returns the last position."""
        start, sent, last = time.perf_counter(), 0, 0

        async def send(requests: Sequence[Request]) -> None:
            nonlocal last
            outcomes = await self._side.dispatcher.submit_many(requests)
            now = time.perf_counter()
            for outcome in outcomes:
                last = max(last, _done(outcome).position)
                waiting.append((_done(outcome).position, now))

        async with asyncio.TaskGroup() as under_way:
            while (now := time.perf_counter() - start) < PACED_S:
                due = int(now * rate) - sent
                if due > 0:
                    sent += due
                    under_way.create_task(send([self._trading.take() for _ in range(due)]))
                await asyncio.sleep(TICK_S)
        return last

    async def catch_up(self, views: Sequence[View], schema: str) -> Run:
        """Views from nothing over the log's first events, most of them trades."""
        sink = await PostgresSink.connect(self._side.url, schema=schema)
        runner = InlineRunner(self._side.log, sink, views)
        start = time.perf_counter()
        events = await runner.catch_up(until=CATCH_UP)
        took = time.perf_counter() - start
        await sink.close()
        return Run(events, took, [])


@asynccontextmanager
async def following(
    side: WriteSide, views: Sequence[View], schema: str
) -> AsyncIterator[InlineRunner]:
    """An inline runner that has caught up and follows the log."""
    sink = await PostgresSink.connect(side.url, schema=schema)
    runner = InlineRunner(side.log, sink, views)
    await runner.catch_up()
    stop = asyncio.Event()
    task = asyncio.create_task(runner.run(stop))
    try:
        yield runner
    finally:
        stop.set()
        runner.wake()
        await task
        await sink.close()


def run() -> dict[str, Any]:
    with server() as one:
        rows = complete(_run(one))
    return report(
        "lag", ROUNDS, rows,
        notes="Trades booked and settled on 2,000 accounts; commands, views and callers share one "
        f"process, {PACED_S:g} s a round at half of the peak. The library's projection runs as "
        "documented: one transaction per event.",
    )  # fmt: skip


async def _run(server: Server) -> list[Row]:
    side = await WriteSide.open(server)
    env = environment(server.database("library"))
    last = await asyncio.to_thread(_fill, env)
    try:
        trading = Trading()
        say("opening accounts")
        await trading.open(side)
        lagging = Lagging(side, trading)
        await lagging.peak()
        found = await in_turn(ROUNDS, _sides(lagging, env, last), say)
    finally:
        await side.close()
    return _rows(found)


def _sides(lagging: Lagging, env: dict[str, str], last: int) -> dict[str, Callable[[], Any]]:
    peaks: list[Run] = []
    rounds = iter(range(1_000))

    async def peak() -> Run:
        peaks.append(await lagging.peak())
        return peaks[-1]

    async def library() -> Run:
        start = time.perf_counter()
        await asyncio.to_thread(catch_up, env, next(rounds), last)
        return Run(last, time.perf_counter() - start, [])

    return {
        "peak": peak,
        "positions": lambda: lagging.paced([positions], "one", peaks[-1].rate / 2),
        "all views": lambda: lagging.paced(VIEWS, "all_views", peaks[-1].rate / 2),
        "catch up": lambda: lagging.catch_up([positions], f"round{next(rounds)}"),
        "catch up, all": lambda: lagging.catch_up(VIEWS, f"round{next(rounds)}"),
        "library": library,
    }


def _fill(env: dict[str, str]) -> int:
    """The library's log; its last notification id."""
    with Desk(env) as desk:
        for _ in range(PEER_HOLDERS):
            desk.trade(PEER_STEPS)
        return desk.recorder.max_notification_id() or 0


def _rows(found: dict[str, list[Any]]) -> list[Row]:
    one, every = found["positions"], found["all views"]
    lag = [_p99(r.lags) for r in one]
    appends = [_p99(r.appends) for r in one]
    return [
        row("command peak, states cached", _rates(found["peak"]), unit="commands/s"),
        row("event to visible row, p99, positions", lag, appends,
            peer_name="append p99 of the same rounds", unit="ms"),
        bound("event to visible row p99 / append p99",
              sorted(a / b for a, b in zip(lag, appends, strict=True))[len(lag) // 2],
              unit="x", goal=5.0),
        row("event to visible row, p99, all views", [_p99(r.lags) for r in every],
            [_p99(r.appends) for r in every],
            peer_name="append p99 of the same rounds", unit="ms"),
        row("catch-up of one view", _rates(found["catch up"]), _rates(found["library"]),
            peer_name="eventsourcing, ProjectionRunner", goal=10.0),
        row("catch-up of all views together", _rates(found["catch up, all"])),
    ]  # fmt: skip


def _rates(runs: Iterable[Run]) -> list[float]:
    return [run.rate for run in runs]


def _p99(seconds: Sequence[float]) -> float:
    return quantile(seconds, 0.99) * 1e3


def _done(outcome: Any) -> Done:
    if not isinstance(outcome, Done):
        raise RuntimeError(f"command: {outcome}")
    return outcome
