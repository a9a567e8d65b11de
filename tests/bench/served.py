"""`tidemark serve` in a process of its own, and callers that keep their connections open.

The client is 60 lines over asyncio's transports, because a general one (httpx) needs more time for
a request than the server does, and both share the machine.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from domain.shared.message import Command
from tests.bench.rig import Run, account, callers, client, complete, deposit
from tests.paths import ROOT

START_S = 90.0
ACCOUNTS = 10_000
BULK = 500
_READY = re.compile(r"ready http://([0-9.]+):(\d+)")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Served:
    """A server under measurement.

    Args:
        pid: of the process that answers.
    """

    def __init__(self, host: str, port: int, pid: int, *, accounts: int = ACCOUNTS) -> None:
        self._host, self._port, self.pid, self._accounts = host, port, pid, accounts
        self._rounds = 0

    async def connect(self) -> "Caller":
        return await Caller.connect(self._host, self._port)

    def cpu_s(self) -> float:
        """Seconds of processor time that the process has used."""
        words = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def measure(self, number: int, seconds: float) -> Run:
        self._rounds += 1
        return complete(self._measure(number, seconds))

    async def open_accounts(self) -> None:
        await self.send([*client("C1"), *[account(f"A{i}") for i in range(self._accounts)]], "open")

    async def send(self, wanted: Sequence[Command], prefix: str) -> None:
        """Run set-up commands, in order; all of them must be done."""
        caller = await self.connect()
        for start in range(0, len(wanted), BULK):
            part = wanted[start : start + BULK]
            body = [
                {"name": type(c).__name__, "key": f"{prefix}-{start + i}", "body": _builtins(c)}
                for i, c in enumerate(part)
            ]
            answers = json.loads(await caller.post("/commands", json.dumps(body).encode(), "all"))
            if wrong := [one for one in answers if one["status"] != 201]:
                raise RuntimeError(f"set-up over HTTP: {wrong[0]}")
        caller.close()

    async def _measure(self, number: int, seconds: float) -> Run:
        all_callers = [await self.connect() for _ in range(number)]
        first = self._rounds * 1_000_003

        async def call(caller: int, nth: int) -> None:
            body = msgspec.json.encode(deposit(f"A{(first + nth) % self._accounts}", nth))
            key = f"k{first + nth}"
            await all_callers[caller].post("/commands/DepositCash", body, key)

        try:
            return await callers(number, call, seconds=seconds)
        finally:
            for one in all_callers:
                one.close()


class Caller(asyncio.Protocol):
    """One connection, one request at a time, HTTP/1.1 with a content length."""

    @classmethod
    async def connect(cls, host: str, port: int) -> "Caller":
        loop = asyncio.get_running_loop()
        _, caller = await loop.create_connection(cls, host, port)
        return caller

    async def post(self, path: str, body: bytes, key: str) -> bytes:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Idempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return await self._ask(head.encode() + body)

    async def get(self, path: str) -> bytes:
        return await self._ask(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    async def _ask(self, request: bytes) -> bytes:
        self._buffer = b""
        self._answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        self._transport.close()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head) if found else None
        if length is None or len(body) < int(length[1]):
            return
        if head.split(b" ", 2)[1] not in (b"200", b"201"):
            self._answer.set_exception(RuntimeError(f"HTTP: {self._buffer[:300]!r}"))
        else:
            self._answer.set_result(body)

    def connection_lost(self, error: Exception | None) -> None:
        answer = getattr(self, "_answer", None)
        if answer is not None and not answer.done():
            answer.set_exception(error or ConnectionError("the server closed the connection"))


@contextmanager
def serving(accounts: int = ACCOUNTS) -> Iterator[Served]:
    """A served platform in a temporary data directory, with accounts opened."""
    with TemporaryDirectory(prefix="tidemark-bench-") as folder:
        words = [
            Path(sys.executable).parent / "tidemark", "--data-dir", folder, "serve", "--port", "0",
        ]  # fmt: skip
        with started([str(word) for word in words], Path(folder), accounts) as served:
            complete(served.open_accounts())
            yield served


@contextmanager
def started(words: Sequence[str], folder: Path, accounts: int) -> Iterator[Served]:
    """A server in a process of its own, once it has written that it is ready."""
    log = folder / "serve.log"
    with log.open("wb") as written:
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=written, cwd=ROOT)
    try:
        host, port = complete(_ready(process, log))
        yield Served(host, port, process.pid, accounts=accounts)
    finally:
        process.terminate()
        process.wait(60)


async def _ready(process: "subprocess.Popen[bytes]", log: Path) -> tuple[str, int]:
    for _ in range(int(START_S / 0.1)):
        result = log.read_text()
        if found := _READY.search(result):
            return found[1], int(found[2])
        if process.poll() is not None:
            raise RuntimeError(f"tidemark serve: {result[-500:]}")
        await asyncio.sleep(0.1)
    raise RuntimeError(f"tidemark serve was not ready within {START_S:.0f} s")


def _builtins(command: Command) -> Any:
    return msgspec.to_builtins(command)
