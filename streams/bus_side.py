"""The parts of the bus that this process keeps alive: the relay, and workers as children.

    serve, simulate --> relay (a task) --> Kafka --> worker 1 ... n (child processes)

With `TIDEMARK_SUPERVISE=no` all of that runs elsewhere, and this process only reports what it can
see: the positions of the views, and whether a process leads the sagas. A child ends with this
process, however that ends. A child that ends by itself is restarted under its name.
"""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from adapters.bus.outlet import BusMismatch, Fenced
from adapters.host.bound_process import spawn
from adapters.wiring.platform import Platform
from adapters.wiring.workers import OpenBus, followed_tables, relay_outlet, saga_lease, stuck_views
from projections.catalogue import VIEWS
from streams import waits
from streams.log.relay import Relay
from streams.supervise import Task
from streams.views.followed import FollowedViews

POLL_S = 0.1
LEAVE_S = 9.0  # for a worker to finish what it took
LOOK_S = 2.0
LEADERLESS_S = 30.0  # without a process that leads the sagas: reported in `troubles`


class WorkerEnded(Exception):
    """A worker has ended before it was stopped."""


class BusSide:
    """Made once; a supervisor runs its `tasks`.

    Args:
        worker: the command line that starts a worker; its name and data directory are added.
        sagas: whether workers are to lead the sagas.
    """

    def __init__(
        self, platform: Platform, opened: OpenBus, *, worker: Sequence[str], sagas: bool = True
    ) -> None:
        self.views = FollowedViews(
            platform.log,
            platform.sink,
            VIEWS,
            tables=followed_tables(platform),
            marks=stuck_views(platform),
        )
        self._platform, self._command, self._sagas = platform, worker, sagas
        self._lease = saga_lease(platform, "")
        self._led_at: float | None = None
        self._leaderless = ""
        self._relay_fault = ""
        settings = platform.settings
        self._workers = settings.workers if settings.supervise else 0
        self.relay: Relay | None = None
        if settings.supervise:
            name = f"{socket.gethostname()}.{os.getpid()}"
            outlet = relay_outlet(opened.bus, name)
            self.relay = Relay(platform.log, outlet, partitions=opened.bus.partitions)

    def tasks(self) -> tuple[Task, ...]:
        found = [Task(f"worker {n}", self._worker(n).run) for n in range(1, self._workers + 1)]
        if self.relay is not None:
            found.append(Task("relay", self._relay))
        if self._sagas:
            found.append(Task("sagas' lease", self._watch))
        return tuple(found)

    def troubles(self) -> list[str]:
        """The parts that do not move; the views report theirs themselves."""
        fault = self._relay_fault or (self.relay.fault if self.relay is not None else "")
        return [f"relay: {fault}"] * bool(fault) + [self._leaderless] * bool(self._leaderless)

    def _worker(self, number: int) -> "Child":
        name = f"{socket.gethostname()}.worker-{number}"
        settings = self._platform.settings
        folder = settings.data_dir / "workers"
        own = ["--name", name, "--data-dir", str(settings.data_dir.resolve())]
        return Child([*self._command, *own], folder / f"{number}.log")

    async def _relay(self, stop: asyncio.Event) -> None:
        """Run the relay; if it must not go on, report that in `troubles` and do not restart it."""
        assert self.relay is not None
        try:
            await self.relay.run(stop)
        except (Fenced, BusMismatch) as e:
            self._relay_fault = f"{type(e).__name__}: {e}"
            await stop.wait()

    async def _watch(self, stop: asyncio.Event) -> None:
        """Watch whether a process leads the sagas."""
        self._led_at = self._led_at or waits.now()
        try:
            while not stop.is_set():
                if await self._lease.holder() is not None:
                    self._led_at = waits.now()
                since = waits.now() - self._led_at
                lost = f"sagas: no worker has led them for {since:.0f} s"
                self._leaderless = lost if since > LEADERLESS_S else ""
                await waits.pause(stop, LOOK_S)
        finally:
            await self._lease.close()


class Child:
    """One child process; its output goes to its log file."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._command, self._log = command, log

    async def run(self, stop: asyncio.Event) -> None:
        """Start it, and end it when `stop` is set.

        Raises:
            WorkerEnded: it ended before that.
        """
        self._log.parent.mkdir(parents=True, exist_ok=True)
        size = self._log.stat().st_size if self._log.exists() else 0
        process = spawn([*self._command], self._log)
        try:
            while process.poll() is None and not stop.is_set():
                await waits.pause(stop, POLL_S)
            if process.poll() is not None:
                raise WorkerEnded(f"exit code {process.returncode}: {self._last_line(size)}")
        finally:
            await _end(process)

    def _last_line(self, since: int) -> str:
        with self._log.open("rb") as log:
            log.seek(since)
            lines = log.read().decode(errors="replace").split("\n")
        return next(
            (line.strip() for line in reversed(lines) if line.strip()), "it printed nothing"
        )


async def _end(process: "subprocess.Popen[bytes]") -> None:
    """Send SIGTERM; after `LEAVE_S`, send SIGKILL to a process that still runs."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    deadline = waits.now() + LEAVE_S
    try:
        while process.poll() is None and waits.now() < deadline:
            await asyncio.sleep(POLL_S)
    finally:
        if process.poll() is None:
            process.kill()
