"""Append: one event a caller at a time, against `pgbench` inserting the same row.

Ours is the real path: an event is encoded, hashed onto its stream, sealed with its metadata, and
appended by group commit with its version check and its row in the idempotency table. The peer is
Postgres's own load generator, which knows no Python: one prepared insert per commit of the same
row into a table of the same columns and indexes, as many connections as callers.
"""

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from adapters.dispatch.group_commit import GroupCommit
from adapters.log.append_plan import plan
from adapters.postgres.link.connections import open_connection
from adapters.postgres.log.append import APPEND, _columns
from adapters.postgres.server_account import binaries
from commands.ports import EMPTY, Appended, Conflict, Head, KeyReused, Proposal, Request
from domain.account.cash import CashDeposited, DepositCash
from tests.bench.harness import Row, in_turn, quantile, report, row
from tests.bench.rig import (
    Run,
    Server,
    WriteSide,
    callers,
    complete,
    deposit,
    flush_ms,
    say,
    server,
)

CALLERS, MANY = 64, 256
ROUNDS, ROUND_S = 5, 4.0
PACKED_RATE = 4_000  # batches a second packed beforehand: more than can be sent
THREADS = 2  # of pgbench: one a core

TABLE = """
    create schema peer;
    create table peer.events (
        position     bigint generated always as identity primary key,
        stream       text collate "C" not null,
        version      integer not null,
        name         text collate "C" not null,
        state        bytea not null,
        hash         bytea not null,
        committed_at timestamptz not null,
        unique (stream, version))
"""
SCRIPT = """\\set version :version + 1
insert into peer.events (stream, version, name, state, hash, committed_at)
values ('account-{round}-' || :client_id, :version, '{name}', '\\x{state}', '\\x{hash}', now());
"""


class Appends:
    """Callers that append to a stream each, one event after the other."""

    def __init__(self, side: WriteSide, name: str) -> None:
        async def flush(batch: Sequence[Proposal]) -> Sequence[Appended | Conflict | KeyReused]:
            return await side.log.append(batch, now=datetime.now(UTC))

        self._commit = GroupCommit(flush, stream=lambda proposal: proposal.stream)
        self._name, self._rounds = name, 0

    async def measure(self, number: int, seconds: float = ROUND_S) -> Run:
        self._rounds += 1
        names = [f"{self._name}{self._rounds}-{i}" for i in range(number)]
        heads: list[Head] = [EMPTY] * number

        async def call(caller: int, nth: int) -> None:
            one = proposal(names[caller], heads[caller], nth)
            result = await self._commit.submit(one)
            if not isinstance(result, Appended):
                raise RuntimeError(f"append: {result}")
            heads[caller] = result.head

        return await callers(number, call, seconds=seconds)


@lru_cache(maxsize=4 * MANY)
def _words(name: str) -> tuple[CashDeposited, DepositCash]:
    """An event and its command, made once: this is not part of the measurement."""
    return deposited(name), deposit(name, 1)


def proposal(name: str, expected: Head, nth: int) -> Proposal:
    event, command = _words(name)
    return Proposal(
        stream=f"account-{name}",
        expected=expected,
        events=(event,),
        home=name,
        request=Request(command=command, message_id=f"m{nth}", actor="bench"),
    )


def deposited(account_id: str) -> CashDeposited:
    return CashDeposited(
        account_id=account_id,
        amount=Decimal("100.00"),
        currency="USD",
        reference="receipt-00000001",
        value_date=date(2026, 1, 5),
    )


class Packed:
    """The limit of the server alone: batches of our rows, packed beforehand, two under way.

    There are no callers, hashes or plans: one thread sends bytes and waits.
    """

    def __init__(self, side: WriteSide) -> None:
        self._side, self._rounds = side, 0

    async def measure(self, seconds: float = ROUND_S) -> float:
        """Events a second."""
        self._rounds += 1
        lanes = [await open_connection(self._side.url) for _ in range(2)]
        batches = iter([self._columns(n) for n in range(round(seconds * PACKED_RATE))])
        start = time.perf_counter()
        counts = await asyncio.gather(*[self._send(lane, batches, seconds) for lane in lanes])
        took = time.perf_counter() - start
        for lane in lanes:
            await lane.close()
        return sum(counts) * CALLERS / 2 / took

    async def _send(self, lane: Any, batches: Iterator[Any], seconds: float) -> int:
        end = time.perf_counter() + seconds
        for sent, columns in enumerate(batches):
            await lane.cursor(binary=True).execute(APPEND, columns)
            if time.perf_counter() > end:
                return sent + 1
        raise RuntimeError("too few batches were packed")

    def _columns(self, number: int) -> tuple[Any, ...]:
        now = datetime.now(UTC)
        names = [f"packed{self._rounds}-{number}-{i}" for i in range(CALLERS // 2)]
        writes = [self._side.log._seal(proposal(n, EMPTY, 1), now, {}) for n in names]
        return _columns(writes, plan(writes, {}, frozenset()), {}, now)


class Pgbench:
    """The wheel's pgbench on the same server."""

    def __init__(self, server: Server, sample: tuple[str, bytes, bytes]) -> None:
        self._server, self._sample = server, sample
        self._rounds = 0
        server.run(TABLE)

    def measure(self, number: int, seconds: float = ROUND_S) -> tuple[float, list[float]]:
        """(commits a second, the seconds each took)."""
        self._rounds += 1
        name, state, hash_ = self._sample
        folder = self._server.folder / f"pgbench-{self._rounds}"
        folder.mkdir()
        script = folder / "insert.sql"
        script.write_text(
            SCRIPT.format(round=self._rounds, name=name, state=state.hex(), hash=hash_.hex())
        )
        words = [
            binaries() / "pgbench", "-n", "-M", "prepared", "-c", number, "-j", THREADS,
            "-T", round(seconds), "-D", "version=0", "-f", script, "-l",
            self._server.uri,
        ]  # fmt: skip
        done = subprocess.run(
            [str(word) for word in words],
            check=False, capture_output=True, text=True, cwd=folder,
            env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"pgbench: {done.stderr.strip()}")
        tps = next(line for line in done.stdout.splitlines() if line.startswith("tps = "))
        waits = [
            int(line.split(" ", 3)[2]) / 1e6
            for log in folder.glob("pgbench_log.*")
            for line in log.read_text().splitlines()
        ]
        return float(tps.split()[2]), waits


def run() -> dict[str, Any]:
    with server() as one:
        return complete(_run(one))


async def _run(server: Server) -> dict[str, Any]:
    side = await WriteSide.open(server)
    lax = await WriteSide.open(server, url=server.uri + "&options=-c%20synchronous_commit%3Doff")
    try:
        ours, relaxed = Appends(side, "durable"), Appends(lax, "relaxed")
        await ours.measure(CALLERS, 1)
        await relaxed.measure(MANY, 1)
        sample = (await side.recorder.after(0, limit=1))[0]
        packed = Packed(side)
        peer = Pgbench(server, (sample.name, sample.state, sample.hash))
        peer.measure(CALLERS, 1)

        async def pgbench() -> tuple[float, list[float]]:
            return peer.measure(CALLERS)

        found = await in_turn(
            ROUNDS,
            {
                "ours": lambda: ours.measure(CALLERS),
                "pgbench": pgbench,
                "packed": packed.measure,
                "durable": lambda: ours.measure(MANY),
                "relaxed": lambda: relaxed.measure(MANY),
            },
            say,
        )
        rows = _rows(found)
    finally:
        await side.close()
        await lax.close()
    size = len(sample.state)
    return report(
        "append", ROUNDS, rows,
        notes=f"One event per call, {size} bytes stored; fsync on; {ROUND_S:g} s per round. Ours "
        "carries hash chain, metadata, version check and a second row (idempotency table); "
        "pgbench inserts the one row, prepared, over one connection per client. Its rate "
        f"depends on the disk, which takes {flush_ms(server.folder):.2g} ms here to make 8 kB "
        "durable: the faster the disk, the less a shared commit saves.",
    )  # fmt: skip


def _rows(found: dict[str, list[Any]]) -> list[Row]:
    ours, durable, relaxed = found["ours"], found["durable"], found["relaxed"]
    packed = found["packed"]
    theirs = found["pgbench"]
    return [
        row(
            f"append, {CALLERS} callers",
            [r.rate for r in ours],
            [rate for rate, _ in theirs],
            peer_name=f"pgbench, {CALLERS} clients",
            goal=2.5,
        ),
        row(
            f"append, {CALLERS} callers, p99",
            [quantile(r.waits, 0.99) * 1e3 for r in ours],
            [quantile(waits, 0.99) * 1e3 for _, waits in theirs],
            peer_name=f"pgbench, {CALLERS} clients",
            unit="ms",
            goal=1.0,
        ),
        row(
            f"append, {CALLERS} callers",
            [r.rate for r in ours],
            packed,
            peer_name="the limit: the same rows packed beforehand, two batches under way",
        ),
        row(
            "the limit",
            packed,
            [rate for rate, _ in theirs],
            peer_name=f"pgbench, {CALLERS} clients",
        ),
        row(
            f"append, {MANY} callers",
            [r.rate for r in durable],
            [r.rate for r in relaxed],
            peer_name="itself, synchronous_commit off",
            goal=0.75,
        ),
    ]
