"""Append: one event a caller at a time, against `pgbench` inserting the same row.

Ours is the real path: an event is encoded, hashed onto its stream, sealed with its metadata, and
appended by group commit with its version check and its row in the idempotency table. The peer is
Postgres's own load generator, which knows no Python: one prepared insert per commit of the same
row into a table of the same columns and indexes, as many connections as callers.
"""

import os
import subprocess
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from adapters.group_commit import GroupCommit
from adapters.server_account import binaries
from commands.ports import EMPTY, Appended, Conflict, Head, KeyReused, Proposal, Request
from domain.account.events import CashDeposited
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
        events = [deposited(name) for name in names]
        commands = [deposit(name, 1) for name in names]
        heads: list[Head] = [EMPTY] * number

        async def call(caller: int, nth: int) -> None:
            head = heads[caller]
            one = Proposal(
                stream=f"account-{names[caller]}",
                expected=head,
                events=(events[caller],),
                home=names[caller],
                request=Request(command=commands[caller], message_id=f"m{nth}", actor="bench"),
            )
            result = await self._commit.submit(one)
            if not isinstance(result, Appended):
                raise RuntimeError(f"append: {result}")
            heads[caller] = result.head

        return await callers(number, call, seconds=seconds)


def deposited(account_id: str) -> CashDeposited:
    return CashDeposited(
        account_id=account_id,
        amount=Decimal("100.00"),
        currency="USD",
        reference="receipt-00000001",
        value_date=date(2026, 1, 5),
    )


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
        peer = Pgbench(server, (sample.name, sample.state, sample.hash))
        peer.measure(CALLERS, 1)

        async def pgbench() -> tuple[float, list[float]]:
            return peer.measure(CALLERS)

        found = await in_turn(
            ROUNDS,
            {
                "ours": lambda: ours.measure(CALLERS),
                "pgbench": pgbench,
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
        notes=f"One event a call, {size} bytes stored; fsync on; {ROUND_S:g} s a round. Ours "
        "carries hash chain, metadata, version check and a second row (idempotency table); "
        "pgbench inserts the one row, prepared, over one connection a client. What it can do "
        f"hangs on the disk, which takes {flush_ms(server.folder):.2g} ms here to make 8 kB "
        "durable: the faster that is, the less a shared commit saves.",
    )  # fmt: skip


def _rows(found: dict[str, list[Any]]) -> list[Row]:
    ours, durable, relaxed = found["ours"], found["durable"], found["relaxed"]
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
            f"append, {MANY} callers",
            [r.rate for r in durable],
            [r.rate for r in relaxed],
            peer_name="itself, synchronous_commit off",
            goal=0.75,
        ),
    ]
