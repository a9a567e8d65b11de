"""The base of every benchmark: a Postgres of its own, the real write side, and callers.

The server is the product's embedded one with the product's settings (fsync on), only with more
connections, for peers that need one a client. Ours and the peer's tables are in the same server.
"""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeVar

import psycopg
import uvloop

from adapters.dispatch.dispatcher import Dispatcher
from adapters.host import gc_settings as collector
from adapters.host.clock import SystemClock
from adapters.host.entropy import SystemEntropy
from adapters.log.codec import Codec
from adapters.log.event_log import RecorderLog
from adapters.postgres.embedded import EmbeddedPostgres
from adapters.postgres.keys import PostgresKeyStore
from adapters.postgres.log.recorder import PostgresRecorder
from commands.handler import Done, Handler
from commands.ports import Request
from domain.account.cash import DepositCash
from domain.account.standing import OpenAccount
from domain.catalogue import DECIDERS
from domain.client.commands import ApproveKyc, OnboardClient, SubmitKyc
from domain.client.events import Document, Kind, RiskRating
from domain.shared.message import Command

CONNECTIONS = 200
SEED_BATCH = 1_000
FLUSHES = 100

T = TypeVar("T")


class Server(NamedTuple):
    uri: str
    folder: Path  # temporary, removed with the server

    def database(self, name: str) -> str:
        """A URL of a new database on this server."""
        with psycopg.connect(self.uri, autocommit=True) as connection:
            connection.execute(f"create database {name}".encode())
        return self.uri.replace("/postgres?", f"/{name}?")

    def run(self, sql: str, *, url: str = "") -> list[tuple[Any, ...]]:
        """Statements on a connection of their own; the rows of the last one."""
        with psycopg.connect(url or self.uri, autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []


@contextmanager
def server() -> Iterator[Server]:
    """A fresh embedded Postgres in a temporary folder, stopped and removed at the end."""
    with TemporaryDirectory(prefix="tidemark-bench-") as folder:
        settings = {"max_connections": str(CONNECTIONS)}
        with EmbeddedPostgres(Path(folder) / "postgres", settings=settings) as postgres:
            yield Server(postgres.uri, Path(folder))


def flush_ms(folder: Path) -> float:
    """Milliseconds this disk takes to make 8 kB durable: the least cost of one commit."""
    times = []
    with (folder / "flush").open("wb") as file:
        for _ in range(FLUSHES):
            start = time.perf_counter()
            os.pwrite(file.fileno(), b"x" * 8192, 0)
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def complete(work: Coroutine[Any, Any, T]) -> T:
    """Run on the event loop that `serve` uses."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def say(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)


class WriteSide:
    """The real parts as `adapters.wiring` puts them together: keys, codec, log, handler."""

    def __init__(self, url: str, recorder: PostgresRecorder, folder: Path) -> None:
        entropy = SystemEntropy()
        self.url, self.recorder, self.clock = url, recorder, SystemClock()
        self.keys = PostgresKeyStore(url, folder / "keys" / "master.key", entropy)
        self.codec = Codec(self.keys, entropy)
        self.log = RecorderLog(recorder, self.codec, request_key=self.keys.request_key)
        self.handler = Handler(
            self.log, DECIDERS, clock=self.clock, digest_key=self.keys.digest_key
        )
        self.dispatcher = Dispatcher(self.handler)
        collector.settle()

    @classmethod
    async def open(cls, server: Server, *, url: str = "") -> "WriteSide":
        url = url or server.uri
        return cls(url, await PostgresRecorder.connect(url), server.folder)

    async def seed(self, commands: Sequence[Command], prefix: str) -> None:
        """Run set-up commands, in order, in batches; all of them must be done."""
        for i in range(0, len(commands), SEED_BATCH):
            part = commands[i : i + SEED_BATCH]
            wanted = [
                Request(command=c, message_id=f"{prefix}-{i + n}") for n, c in enumerate(part)
            ]
            for outcome in await self.dispatcher.submit_many(wanted):
                if not isinstance(outcome, Done):
                    raise RuntimeError(f"set-up: {outcome}")

    async def close(self) -> None:
        await self.dispatcher.close()
        await self.recorder.close()
        self.keys.close()


def client(client_id: str) -> list[Command]:
    """The commands after which a client may open accounts."""
    passport = Document(kind="passport", reference="P1")
    return [
        OnboardClient(client_id=client_id, kind=Kind.INDIVIDUAL, legal_name="Ada", country="GB"),
        SubmitKyc(client_id=client_id, documents=(passport,)),
        ApproveKyc(
            client_id=client_id,
            officer="o1",
            risk_rating=RiskRating.LOW,
            review_on=datetime.now(UTC).date() + timedelta(days=365),
        ),
    ]


def account(account_id: str, client_id: str = "C1") -> Command:
    return OpenAccount(account_id=account_id, client_id=client_id, base_currency="USD")


def deposit(account_id: str, number: int) -> DepositCash:
    return DepositCash(
        account_id=account_id,
        amount=Decimal(100 + number % 900),
        currency="USD",
        reference=f"receipt-{number:08d}",
    )


class Run(NamedTuple):
    """The work of some callers; each waits for its answer before its next call."""

    count: int
    seconds: float
    waits: list[float]  # of every call, seconds

    @property
    def rate(self) -> float:
        return self.count / self.seconds


Call = Callable[[int, int], Awaitable[object]]


async def callers(number: int, call: Call, *, seconds: float = 1e9, most: int = 1 << 60) -> Run:
    """`number` callers do `call(caller, nth)` for a time, or a number of times in all."""
    waits: list[float] = []
    counter = iter(range(most))
    clock = time.perf_counter
    start = clock()
    end = start + seconds

    async def one(caller: int) -> None:
        before = start
        while before < end:
            nth = next(counter, None)
            if nth is None:
                return
            await call(caller, nth)
            after = clock()
            waits.append(after - before)
            before = after

    await asyncio.gather(*[one(i) for i in range(number)])
    return Run(len(waits), clock() - start, waits)
