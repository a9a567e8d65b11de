"""A whole platform as separate processes on free ports, restarted as by a service manager.

callers --HTTP--> api -> postgres (on a small disk), redis, warehouse
                         postgres -> relay -> kafka -> worker-1, worker-2 -> postgres
keeper: restarts a process half a second after it has ended
"""

import json
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psycopg

from sagas.catalogue import SAGAS
from tests.chaos import parts
from tests.chaos.load import INSIST_S
from tests.chaos.parts import STOP_S, Part, Program

DISK = "1g"  # of the database; a run needs a third of it
RESTART_S, LOOK_S = 0.5, 0.1
READY_S = 120.0
PARTITIONS = 4
WORKERS = ("worker-1", "worker-2")
_DOOR = re.compile(r"on (http://127\.0\.0\.1:\d+)")


class World:
    """All processes; `seed` determines the callers' commands.

    Args:
        bus: "kafka" for relay, broker and workers; "inline" for none of them.
        say: called with each line of progress.
    """

    def __init__(self, *, bus: str, seed: int, say: Callable[[str], None]) -> None:
        self.bus, self.seed, self.say = bus, seed, say
        self.folder = Path(tempfile.mkdtemp(prefix="tidemark-chaos-"))
        self.disk = self.folder / "disk"
        self.data = self.folder / "d"
        self.small_disk = False
        self.rested = 0  # the log's last position when it was last seen at rest
        self.restarts: Counter[str] = Counter()
        self.parts: dict[str, Part] = {}
        self.env: dict[str, str] = {}
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.http = httpx.Client(base_url=self.url, timeout=10)
        self._ending = threading.Event()
        self._keepers: list[threading.Thread] = []
        self.load: Program | None = None

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._end()

    def call_in(self) -> None:
        """Start the callers."""
        words = ["-m", "tests.chaos.load", "--url", self.url, "--dir", str(self.folder)]
        words += ["--seed", str(self.seed)]
        self.load = Program("load", [parts.PYTHON[0], *words], self.folder, env={})
        self.load.start()

    def send_away(self) -> int:
        """Stop the callers; 0 if each of them got all its answers."""
        assert self.load is not None
        return self.load.stop(INSIST_S + STOP_S)

    def progress(self) -> Mapping[str, Any]:
        """The callers' figures."""
        try:
            found: dict[str, Any] = json.loads((self.folder / "progress.json").read_text())
        except OSError:
            return {"done": 0, "answers": {}, "tries": {}, "wrong": []}
        return found

    def ready(self) -> Mapping[str, Any]:
        """The platform's answer at /readyz."""
        found: dict[str, Any] = self.http.get("/readyz").json()
        return found

    def troubles(self, at_least: int = 0) -> list[str]:
        """Why the platform is not ready, or has not read up to a position; empty if all is well."""
        try:
            result, sagas = self.ready(), self._sagas_at() if at_least else 0
        except (httpx.TransportError, psycopg.Error, ValueError) as e:
            return [f"{type(e).__name__}: {e}"]
        late = [
            f"{name} is at {view['position']}, not at {at_least}"
            for name, view in result["views"].items()
            if view["position"] < at_least
        ]
        late += [f"the sagas stand at {sagas}, not at {at_least}"] * (sagas < at_least)
        return [*result["reasons"], *late]

    def workers(self) -> list[str]:
        """The status of each worker, to find out why views make no progress."""
        result = []
        for name in WORKERS:
            part = self.parts.get(name)
            found = _DOOR.findall(part.last_words(1_000)) if isinstance(part, Program) else []
            try:
                result += [
                    f"{name}: {httpx.get(f'{url}/status', timeout=5).text}" for url in found[-1:]
                ]
            except httpx.TransportError as e:
                result.append(f"{name}: {type(e).__name__}: {e}")
        return result

    def position(self) -> int | None:
        """The log's last position, from the database itself; None if it does not answer."""
        try:
            with self.database() as connection:
                found = connection.execute("select max(position) from log.events").fetchone()
        except psycopg.Error:
            return None
        return int(found[0]) if found is not None and found[0] is not None else None

    def resting(self, seconds: float) -> bool:
        """Whether nothing is under way, and for `seconds` the log has not grown."""
        try:
            before = self._stands()
            time.sleep(seconds)
            self.rested = before or 0
            return before is not None and before == self._stands()
        except (httpx.TransportError, psycopg.Error):
            return False

    def database(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(self.postgres.url, autocommit=True, connect_timeout=5)

    def stop(self) -> dict[str, int]:
        """Stop the platform in order, not the engines; returns exit codes by name."""
        self._ending.set()
        for keeper in self._keepers:
            keeper.join()
        return {name: self.parts[name].stop() for name in self._platform()}

    def _begin(self) -> None:
        self._engines()
        self._add(
            parts.tidemark("api", ["serve", "--port", str(self._port)], self.folder, self.env)
        )
        if self.bus == "kafka":
            self._ready_within(READY_S, self._answers)  # it makes the schemas
            self._add(parts.tidemark("relay", ["relay"], self.folder, self.env))
            for name in WORKERS:
                self._add(parts.tidemark(name, ["worker", "--name", name], self.folder, self.env))
        warehouse = parts.Warehouse(self.data / "warehouse")
        self.parts["warehouse"] = warehouse
        self._ready_within(READY_S, lambda: bool(warehouse.pids()) and not self.troubles())
        for part in self.parts.values():
            keeper = threading.Thread(target=self._keep, args=(part,), daemon=True)
            self._keepers.append(keeper)
            keeper.start()

    def _engines(self) -> None:
        """Start Postgres, Redis and Kafka, and make the settings that name them."""
        self.disk.mkdir()
        self.small_disk = self._mount()
        self.postgres = parts.Postgres(self.disk / "pg")
        self._add(self.postgres)
        redis_port = free_port()
        self._add(parts.redis(self.folder / "redis", redis_port))
        self.env = {
            "TIDEMARK_LOG": self.postgres.url,
            "TIDEMARK_DATA_DIR": str(self.data),
            "TIDEMARK_CACHE": f"redis://127.0.0.1:{redis_port}/0",
        }
        if self.bus == "kafka":
            kafka = parts.Kafka(self.folder / "kafka")
            self._add(kafka)
            self.env["TIDEMARK_BUS"] = f"kafka://{kafka.address}?partitions={PARTITIONS}"
            self.env["TIDEMARK_SUPERVISE"] = "no"

    def _add(self, part: Part) -> None:
        part.start()
        self.parts[part.name] = part

    def _answers(self) -> bool:
        try:
            return self.http.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def _ready_within(self, seconds: float, holds: Callable[[], bool]) -> None:
        if not parts.until(holds, seconds):
            raise TimeoutError(f"not ready within {seconds:g} s: {'; '.join(self.troubles())}")

    def _keep(self, part: Part) -> None:
        """Restart a part whenever it has ended."""
        while not self._ending.wait(LOOK_S):
            if not part.ended:
                continue
            if isinstance(part, Program):
                self.say(f"    {part.name} ended ({part.code}); {part.last_words(1)}")
            if self._ending.wait(RESTART_S):
                return
            try:
                part.start()
                self.restarts[part.name] += 1
            except Exception as e:
                self.say(f"    {part.name} does not start: {e}")

    def _stands(self) -> int | None:
        """The log's last position; None while something is still under way."""
        result = self.ready()
        if result["reasons"] or any(view["lag"] for view in result["views"].values()):
            return None
        with self.database() as connection:
            owed = connection.execute("select count(*) from sagas.outbox").fetchone()
        read = self._sagas_at() >= result["log"]["position"]
        return int(result["log"]["position"]) if read and owed == (0,) else None

    def _sagas_at(self) -> int:
        """The lowest checkpoint of the sagas."""
        names = [saga.NAME for saga in SAGAS]
        query = "select min(position) from sagas.checkpoint where saga = any(%s)"
        with self.database() as connection:
            found = connection.execute(query, (names,)).fetchone()
        return int(found[0] or 0) if found else 0

    def _platform(self) -> list[str]:
        return [n for n in ("api", "relay", *WORKERS) if n in self.parts]

    def _mount(self) -> bool:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=755", "tmpfs", str(self.disk)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if mounted.returncode:
            self.say(f"no disk to fill: mounting needs root ({mounted.stderr.strip()})")
        return mounted.returncode == 0

    def _end(self) -> None:
        self._ending.set()
        for keeper in self._keepers:
            keeper.join(STOP_S)
        if self.load is not None:
            self.load.stop()
        for name in [*self._platform(), *[n for n in self.parts if n not in self._platform()]]:
            self.parts[name].stop()
        self.http.close()
        if self.small_disk:
            subprocess.run(["umount", "--lazy", str(self.disk)], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
