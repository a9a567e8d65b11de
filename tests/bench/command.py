"""Whole commands against the `eventsourcing` library, cold: every command loads its aggregate.

A deposit on one of many accounts, none of which is in the state cache: load, fold, decide, seal,
append, by the product's dispatcher in process. The peer does the same kind of command on the
same server: load the aggregate from its events, check, trigger the event, save. Over HTTP it is
`tidemark serve` with its views and sagas running, asked over 64 connections that stay open.
"""

from typing import Any

from commands.handler import Done
from commands.ports import Request
from tests.bench.harness import Row, in_turn, quantile, report, row
from tests.bench.library import BEST, BEST_THREADS, BEST_WORDS, Bank, environment, threads
from tests.bench.rig import (
    Run,
    Server,
    WriteSide,
    account,
    callers,
    client,
    complete,
    deposit,
    flush_ms,
    say,
    server,
)
from tests.bench.served import serving

CALLERS = 64
ROUNDS, ROUND_S = 5, 2.0
EACH_ROUND = 8_000  # accounts, opened and never used before: one command each
PEER_ACCOUNTS = 3_000  # by default the library caches nothing


class Commands:
    def __init__(self, side: WriteSide, rounds: int) -> None:
        self._side, self._accounts, self._rounds = side, rounds * EACH_ROUND, 0

    async def open(self) -> None:
        opened = [account(f"A{i}") for i in range(self._accounts)]
        await self._side.seed([*client("C1"), *opened], "open")

    async def cold(self) -> Run:
        self._side.handler.cache.clear()
        self._rounds += 1
        return await self.measure(f"cold{self._rounds}", (self._rounds - 1) * EACH_ROUND)

    async def cached(self) -> Run:
        """The last cold round's accounts once more."""
        return await self.measure(f"cached{self._rounds}", (self._rounds - 1) * EACH_ROUND)

    async def measure(self, prefix: str, first: int) -> Run:
        submit = self._side.dispatcher.submit

        async def call(_: int, nth: int) -> None:
            one = deposit(f"A{first + nth}", nth)
            done = await submit(Request(command=one, message_id=f"{prefix}-{nth}", actor="bench"))
            if not isinstance(done, Done):
                raise RuntimeError(f"command: {done}")

        return await callers(CALLERS, call, most=EACH_ROUND)


class Peer:
    """The library's application with some settings, called by some threads."""

    def __init__(self, url: str, number: int, settings: dict[str, str]) -> None:
        self._bank, self._number = Bank(environment(url, settings)), number
        self.ids: list[Any] = []

    def open(self) -> None:
        threads(self._number, lambda _: self.ids.append(self._bank.open_account()),
                most=PEER_ACCOUNTS)  # fmt: skip

    async def measure(self) -> Run:
        ids, deposit = self.ids, self._bank.deposit
        return threads(self._number, lambda n: deposit(ids[n % len(ids)], n), seconds=ROUND_S)

    def close(self) -> None:
        self._bank.close()


def run() -> dict[str, Any]:
    with server() as one:
        rows = complete(_in_process(one))
        disk = flush_ms(one.folder)
    say("over HTTP")
    rows.append(_over_http())
    return report(
        "command", ROUNDS, rows,
        notes="One deposit per command, each on another account, none of which is in the state "
        f"cache. Best settings of the library: {BEST_WORDS}. The disk takes "
        f"{disk:.2g} ms to make 8 kB durable, which the library waits for once per command. "
        "Over HTTP: `tidemark serve`, which folds its views and runs its sagas in the same process "
        "during the measurement.",
    )  # fmt: skip


async def _in_process(server: Server) -> list[Row]:
    side = await WriteSide.open(server)
    url = server.database("library")
    best = Peer(url, BEST_THREADS, BEST)
    plain = Peer(url, CALLERS, {})
    alone = Peer(url, 1, {})
    try:
        ours = Commands(side, ROUNDS + 1)
        say("opening accounts")
        await ours.open()
        best.open()
        plain.ids = alone.ids = best.ids
        await ours.cold()
        await best.measure()
        found = await in_turn(
            ROUNDS,
            {
                "ours": ours.cold,
                "default": plain.measure,
                "one caller": alone.measure,
                "best": best.measure,
                "cached": ours.cached,
            },
            say,
        )
    finally:
        for peer in (best, plain, alone):
            peer.close()
        await side.close()
    return _rows(found)


def _rows(found: dict[str, list[Run]]) -> list[Row]:
    rates = {name: [run.rate for run in runs] for name, runs in found.items()}
    waits = {name: [quantile(r.waits, 0.99) * 1e3 for r in runs] for name, runs in found.items()}
    ours, unit = rates["ours"], "commands/s"
    what = f"commands, cold, {CALLERS} callers"
    return [
        row(what, ours, rates["default"], unit=unit, goal=25.0,
            peer_name=f"eventsourcing, default settings, {CALLERS} threads"),
        row(what, ours, rates["one caller"], unit=unit,
            peer_name="eventsourcing, default settings, 1 thread"),
        row(what, ours, rates["best"], unit=unit, goal=4.0,
            peer_name=f"eventsourcing, {BEST_WORDS}"),
        row(f"{what}, p99", waits["ours"], waits["default"], unit="ms",
            peer_name=f"eventsourcing, default settings, {CALLERS} threads"),
        row("commands, states cached", rates["cached"], ours, unit=unit, peer_name="cold"),
    ]  # fmt: skip


def _over_http() -> Row:
    with serving() as served:
        found = [served.measure(CALLERS, ROUND_S) for _ in range(ROUNDS)]
    return row(
        f"commands over HTTP, {CALLERS} connections", [r.rate for r in found], unit="commands/s"
    )
