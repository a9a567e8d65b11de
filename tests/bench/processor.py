"""The processor time of a run, by process, over all cores of the machine.

Linux counts it (/proc/PID/stat, in steps of 10 ms); elsewhere it reads as zero.
"""

import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

Group = Callable[[], Iterable[int]]
"""Returns process ids; called again at every reading."""


class Spent(NamedTuple):
    seconds: float
    cpu: dict[str, float]  # processor seconds of all threads, by group

    @property
    def total(self) -> float:
        return sum(self.cpu.values())


class Meter:
    """Watches named groups of processes."""

    def __init__(self, groups: Mapping[str, Group]) -> None:
        self._groups = groups

    async def spent(self, work: Callable[[], Awaitable[object]]) -> Spent:
        """Do the work; returns its seconds, and the CPU seconds of each group meanwhile."""
        before, start = self._read(), time.perf_counter()
        await work()
        seconds, after = time.perf_counter() - start, self._read()
        return Spent(seconds, {name: after[name] - before[name] for name in before})

    def _read(self) -> dict[str, float]:
        return {name: sum(map(cpu_s, group())) for name, group in self._groups.items()}


def ourselves() -> list[int]:
    return [os.getpid()]


def postgres(folder: Path) -> Group:
    """The embedded server of a folder and its backends."""
    server = int((folder / "server/data/postmaster.pid").read_text().split()[0])
    return lambda: family(server)


def family(parent: int) -> list[int]:
    """A process and its children."""
    found = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in found if pid == parent or _fields(pid)[1:2] == [str(parent)]]


def cpu_s(pid: int) -> float:
    """User and system time of a process and its threads; 0 when there is no such process."""
    fields = _fields(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def _fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; none if the process is gone."""
    try:
        result = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return result.rpartition(")")[2].split()  # the name before it may contain any character
