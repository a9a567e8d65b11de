"""Loading: a long aggregate against the `eventsourcing` library, and a very long one against a
short one.

Ours reads a stream, decodes and folds it, from nothing (no cache, no snapshots); so does the
library's repository with an account of the same deposits. Snapshots then make a command on an
account with 100,000 events cost about what one on an account with 10 costs.
"""

import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any
from uuid import UUID

from commands.handler import Done
from commands.ports import Request
from domain.shared.message import Command
from tests.bench.harness import Row, bound, in_turn, report, row
from tests.bench.library import SnapshottingBank, environment, fill
from tests.bench.rig import Server, WriteSide, account, client, complete, deposit, say, server

EVENTS = 1_000  # in the aggregate that is loaded
AGGREGATES = 5
LOADS = 20  # a round
ROUNDS = 5
SHORT, LONG = 10, 100_000
SHORT_ACCOUNTS = 150
COMMANDS = SHORT_ACCOUNTS // ROUNDS  # a round, each on a cold stream


def run() -> dict[str, Any]:
    with server() as one:
        rows = complete(_run(one))
    return report(
        "load", ROUNDS, rows,
        notes=f"{LOADS} loads a round, one after the other, of accounts with {EVENTS} deposits; "
        "no cache on either side. The command on the long account finds a snapshot that is up "
        "to 100 events old (they are taken every 100 versions) and folds the rest.",
    )  # fmt: skip


async def _run(server: Server) -> list[Row]:
    side = await WriteSide.open(server)
    bank = SnapshottingBank(environment(server.database("library")))
    try:
        say("filling")
        names = [f"L{i}" for i in range(AGGREGATES)]
        opened = [account(name) for name in names]
        await side.seed([*client("C1"), *opened, *_deposits(names, EVENTS - 1)], "fill")
        ids = fill(bank, names, EVENTS - 1)
        bare = await _without_snapshots(side, bank, names, ids)
        snapped = await _with_snapshots(side, bank, names, ids)
        return [*bare, *snapped, await _long_and_short(side)]
    finally:
        bank.close()
        await side.close()


async def _without_snapshots(
    side: WriteSide, bank: SnapshottingBank, names: list[str], ids: list[UUID]
) -> list[Row]:
    await side.recorder.drop_snapshots()
    found = await in_turn(ROUNDS, _sides(side, bank, names, ids), say)
    return [
        row(f"load {EVENTS} events", found["ours"], found["library"],
            peer_name="eventsourcing, repository.get", unit="ms", goal=8.0)
    ]  # fmt: skip


async def _with_snapshots(
    side: WriteSide, bank: SnapshottingBank, names: list[str], ids: list[UUID]
) -> list[Row]:
    for name in names:
        await side.handler.state(f"account-{name}")
    await side.handler.flush_snapshots()
    for one in ids:
        bank.take_snapshot(one)
    found = await in_turn(ROUNDS, _sides(side, bank, names, ids), say)
    return [
        row(f"load {EVENTS} events by snapshot", found["ours"], found["library"],
            peer_name="eventsourcing, by snapshot", unit="ms")
    ]  # fmt: skip


def _sides(
    side: WriteSide, bank: SnapshottingBank, names: list[str], ids: list[UUID]
) -> dict[str, Callable[[], Awaitable[float]]]:
    async def ours() -> float:
        times = []
        for i in range(LOADS):
            stream = f"account-{names[i % len(names)]}"
            side.handler.cache.clear()
            start = time.perf_counter()
            _, version = await side.handler.state(stream)
            times.append(time.perf_counter() - start)
            assert version >= EVENTS
        return median(times) * 1e3

    async def library() -> float:
        times = []
        for i in range(LOADS):
            start = time.perf_counter()
            found = bank.repository.get(ids[i % len(ids)])
            times.append(time.perf_counter() - start)
            assert found.version >= EVENTS
        return median(times) * 1e3

    return {"ours": ours, "library": library}


async def _long_and_short(side: WriteSide) -> Row:
    say(f"filling an account with {LONG:,} events")
    short = [f"S{i}" for i in range(SHORT_ACCOUNTS)]
    await side.seed([account("LONG"), *_deposits(["LONG"], LONG - 1)], "long")
    await side.seed([*[account(s) for s in short], *_deposits(short, SHORT - 1)], "short")
    fresh = iter(short)
    number = iter(range(1_000_000))

    async def command(name: str) -> float:
        side.handler.cache.clear()
        nth = next(number)
        start = time.perf_counter()
        request = Request(command=deposit(name, nth), message_id=f"cold-{nth}")
        done = await side.dispatcher.submit(request)
        took = time.perf_counter() - start
        assert isinstance(done, Done), done
        return took

    async def on_long() -> float:
        return median([await command("LONG") for _ in range(COMMANDS)]) * 1e3

    async def on_short() -> float:
        return median([await command(next(fresh)) for _ in range(COMMANDS)]) * 1e3

    found = await in_turn(ROUNDS, {"long": on_long, "short": on_short}, say)
    slower = median(found["long"]) / median(found["short"])
    what = f"cold command on {LONG:,} events / on {SHORT}"
    return bound(what, slower, unit="x", goal=1.5)


def _deposits(names: list[str], each: int) -> list[Command]:
    return [deposit(name, n) for name in names for n in range(each)]
