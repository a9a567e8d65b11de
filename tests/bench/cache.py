"""What the cache saves: the as-of NAV of an account of a simulated quarter, with and without it.

The peer is the same platform without a cache. `first` is an answer that is not cached yet: it shows
the cost of the lookup and of the store. The last rows show why nothing else is cached: sums over
the views' tables, and current figures, are as fast as the cache would be.
"""

import asyncio
import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import httpx

from adapters.cache.store import Rate
from adapters.cache.values import Cache, Counts, Made
from adapters.dispatch.rate_limit import Limiter
from adapters.memory.cache import MemoryCache
from adapters.redis.cache import RedisCache
from adapters.settings import Settings
from adapters.wiring.platform import Platform
from api.app import create_app
from api.cli.opening import platform_of
from tests.bench.harness import ROOT, Row, in_turn, report, row
from tests.bench.rig import complete, say
from tests.contract.cache.redis_server import RedisServer, redis_server

ROUNDS, EACH = 5, 5
ACCOUNTS, FIRST, LAST = 10, "2022-01-03", "2022-03-31"
TIDEMARK = Path(sys.executable).parent / "tidemark"
NAV = 'account(id: "A00001"%s) { nav { amount } positions { isin qty marketValue } }'


class Nothing:
    """A cache that stores and looks up nothing."""

    counts = Counts()

    async def fetch(self, parts: Sequence[str], make: Callable[[], Awaitable[Made]], /) -> bytes:
        return (await make())[0]

    async def trouble(self) -> str | None:
        return None


class Side:
    """The platform's edge over one cache; answers in milliseconds."""

    def __init__(self, platform: Platform, cache: Any, limiter: Limiter | None = None) -> None:
        free = Limiter(MemoryCache(), {}, b"", loopback=False)
        names = ("dispatcher", "log", "read_models", "read_warehouse", "clock")
        parts = {name: getattr(platform, name) for name in names}
        over: Any = SimpleNamespace(**parts, cache=cache, limiter=limiter or free)
        wire = httpx.ASGITransport(create_app(over), client=("192.0.2.1", 1))
        self._http = httpx.AsyncClient(transport=wire, base_url="http://localhost")

    async def ask(self, query: str) -> float:
        start = time.perf_counter()
        answer = await self._http.post("/graphql", json={"query": f"{{ {query} }}"})
        took = time.perf_counter() - start
        if "errors" in (found := answer.json()) or not found["data"]:
            raise RuntimeError(f"query: {answer.text[:300]}")
        return took * 1e3

    async def often(self, query: str) -> float:
        await self.ask(query)
        return statistics.median([await self.ask(query) for _ in range(EACH)])


def run() -> dict[str, Any]:
    with _simulated() as (folder, events), redis_server() as redis:
        rows = complete(_run(folder, redis))
    return report(
        "cache", ROUNDS, rows,
        notes=f"{ACCOUNTS} accounts, {FIRST} to {LAST}: {events:,} events. Through the whole edge "
        "in process (HTTP parsing, GraphQL, limits); Redis is a real server on the same machine.",
    )  # fmt: skip


@contextmanager
def _simulated() -> Iterator[tuple[Path, int]]:
    with TemporaryDirectory(prefix="tidemark-bench-") as folder:
        say(f"simulating {ACCOUNTS} accounts, {FIRST} to {LAST}")
        words = [
            str(TIDEMARK), "simulate", "--from", FIRST, "--to", LAST, "--accounts", str(ACCOUNTS),
            "--seed", "1", "--json", "--data-dir", folder,
        ]  # fmt: skip
        done = subprocess.run(words, check=True, capture_output=True, text=True, cwd=ROOT)
        yield Path(folder), json.loads(done.stdout)["events"]


async def _run(folder: Path, redis: RedisServer) -> list[Row]:
    settings = Settings(data_dir=folder)
    async with await platform_of(settings, verb="bench", exclusive=False) as platform:
        store = RedisCache(redis.url)
        secret, entropy = platform.keys.request_key, platform.entropy
        rates = {"queries": Rate(1e5, 500_000)}
        none = Side(platform, Nothing())
        memory = Side(platform, Cache(MemoryCache(), secret, entropy))
        shared = Side(platform, Cache(store, secret, entropy))
        limited = Side(platform, Nothing(), Limiter(store, rates, secret, loopback=True))
        at, fresh = f', asOf: "{LAST}T23:59:59Z"', itertools.count()

        def first() -> Awaitable[float]:
            """A moment that is not cached."""
            return shared.ask(NAV % f', asOf: "{LAST}T22:00:00.{next(fresh):06}Z"')

        found = await in_turn(
            ROUNDS,
            {
                "none": lambda: none.often(NAV % at),
                "memory": lambda: memory.often(NAV % at),
                "redis": lambda: shared.often(NAV % at),
                "first": first,
                "now": lambda: none.often(NAV % ""),
                "sums": lambda: none.often("trialBalance { unit balance }"),
                "money": lambda: none.often("clientMoney { currency excess }"),
                "least": lambda: none.often("log { position }"),
                "limited": lambda: limited.often("log { position }"),
            },
            say,
        )
        await asyncio.gather(store.close())
    return _rows(found)


def _rows(found: dict[str, list[float]]) -> list[Row]:
    none, what, unit = found["none"], "as-of NAV and positions", "ms"
    peer = "nothing kept"
    return [
        row(f"{what}, kept in memory", found["memory"], none, peer_name=peer, unit=unit),
        row(f"{what}, kept in Redis", found["redis"], none, peer_name=peer, unit=unit),
        row(f"{what}, asked for the first time", found["first"], none, peer_name=peer, unit=unit),
        row("the same as of now, from the views", found["now"], unit=unit),
        row("trialBalance, from the views", found["sums"], unit=unit),
        row("clientMoney, from the views", found["money"], unit=unit),
        row("log position: the least answer", found["least"], unit=unit),
        row("log position, with the limit kept in Redis", found["limited"], found["least"],
            peer_name="no limit", unit=unit),
    ]  # fmt: skip
