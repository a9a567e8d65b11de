"""Appends to EventStoreDB: our recorder against bare `esdbclient` on the same server.

Each caller appends one event to a stream of its own and waits for the answer before the next. Ours
is the recorder behind the group commit, with message ids looked up and bound; the peer is the
client's `append_to_stream` with the same data and metadata. The server is the tests' double in a
process of its own: it bounds both sides, so only the ratio means anything.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from esdbclient import AsyncEventStoreDBClient, NewEvent, StreamState

from adapters.eventstoredb.event import content
from adapters.eventstoredb.recorder import EsdbRecorder
from adapters.log.recorder import Sealed, Write, Written
from adapters.memory.recorder import MemoryRecorder
from tests.bench.harness import ROOT, Row, in_turn, quantile, report, row
from tests.bench.rig import Run, callers, complete, say
from tests.contract.log.commit import over

CALLERS = (1, 16, 64)
ROUNDS, ROUND_S = 5, 2.0
METADATA = (
    b'{"stream":"account-A00001","version":17,"name":"cash.deposited","schema":1,'
    b'"event_id":"d61a5752-ff2b-549c-bcb5-038fdd5cc25e","recorded_at":"2026-01-05T09:30:00Z",'
    b'"actor":"bench","message_id":"m17","home":"A00001","previous":"%b"}' % (b"0" * 64)
)
PAYLOAD = (
    b'{"type":"cash.deposited","account_id":"A00001","amount":"100.00","currency":"USD",'
    b'"reference":"receipt-00000001","value_date":"2026-01-05"}'
)
STATE = b'{"metadata":%b,"payload":%b}' % (METADATA, PAYLOAD)


def run() -> dict[str, Any]:
    with _double() as url:
        return complete(_run(url))


@contextmanager
def _double() -> Iterator[str]:
    words = [sys.executable, "-m", "tests.esdb_double"]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


class Ours:
    def __init__(self, recorder: EsdbRecorder) -> None:
        self._commit = over(recorder)
        self._rounds = 0

    async def measure(self, number: int, seconds: float = ROUND_S) -> Run:
        self._rounds += 1
        versions = [0] * number

        async def call(caller: int, nth: int) -> None:
            version = versions[caller]
            stream = f"account-{self._rounds}.{caller}"
            digest = sha256(b"%d.%d" % (caller, nth)).digest()
            one = Write(
                stream=stream, expected=version, events=[Sealed("cash.deposited", STATE, digest)],
                message_id=f"m{nth}", request_hash=digest,
            )  # fmt: skip
            result = await self._commit.submit(one)
            if not isinstance(result, Written):
                raise RuntimeError(f"append: {result}")
            versions[caller] = version + 1

        return await callers(number, call, seconds=seconds)


class Bare:
    """The client alone, with the same content that ours sends."""

    def __init__(self, client: AsyncEventStoreDBClient) -> None:
        self._client = client
        self._rounds = 0
        sealed = Sealed("cash.deposited", STATE, sha256(STATE).digest())
        bound = Write(
            stream="", expected=0, events=[sealed], message_id="m17", request_hash=sealed.hash
        )
        _, self._data, self._metadata = content(sealed, datetime.now(UTC), write=bound)

    async def measure(self, number: int, seconds: float = ROUND_S) -> Run:
        self._rounds += 1
        versions: list[int | StreamState] = [StreamState.NO_STREAM] * number

        async def call(caller: int, nth: int) -> None:
            version = versions[caller]
            event = NewEvent(type="cash.deposited", data=self._data, metadata=self._metadata)
            await self._client.append_to_stream(
                f"bare-{self._rounds}.{caller}", current_version=version, events=event
            )
            versions[caller] = version + 1 if isinstance(version, int) else 0

        return await callers(number, call, seconds=seconds)


async def _run(url: str) -> dict[str, Any]:
    recorder = await EsdbRecorder.connect(url, MemoryRecorder())
    client = AsyncEventStoreDBClient(url)
    await client.connect()
    try:
        ours, bare = Ours(recorder), Bare(client)
        for side in (ours, bare):
            await side.measure(CALLERS[-1], 0.5)
        sides = {}
        for number in CALLERS:
            sides[f"ours, {number}"] = lambda n=number: ours.measure(n)
            sides[f"esdbclient, {number}"] = lambda n=number: bare.measure(n)
        found = await in_turn(ROUNDS, sides, say)
    finally:
        await recorder.close()
        await client._connection._grpc_channel.close()
    return report(
        "esdb", ROUNDS, [r for n in CALLERS for r in _rows(found, n)],
        notes=f"One event per call, {len(STATE)} bytes; {ROUND_S:g} s per round; a double of the "
        "server in Python, without a disk, on the same cores. Ours keeps one BatchAppend call "
        "open and sends every append through it; the client begins a new call for each append.",
    )  # fmt: skip


def _rows(found: dict[str, list[Run]], number: int) -> list[Row]:
    ours, theirs = found[f"ours, {number}"], found[f"esdbclient, {number}"]
    name = f"esdbclient, {number} at once"
    what = f"append, {number} caller{'s' * (number > 1)}"
    return [
        row(what, [r.rate for r in ours], [r.rate for r in theirs], peer_name=name, goal=0.8),
        row(
            f"{what}, p99",
            [quantile(r.waits, 0.99) * 1e3 for r in ours],
            [quantile(r.waits, 0.99) * 1e3 for r in theirs],
            peer_name=name, unit="ms",
        ),
    ]  # fmt: skip
