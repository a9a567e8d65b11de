"""What a run costs in CPU seconds, by process: what all cores of the machine did for it.

Linux counts them (/proc/PID/stat, in ticks of 10 ms); elsewhere they read as zero.
"""

import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple


class Spent(NamedTuple):
    seconds: float
    cpu: dict[str, float]  # seconds by name


class Meter:
    """Watches named groups of processes; what one of them started is not counted with it."""

    def __init__(self, groups: Mapping[str, Iterable[int]]) -> None:
        self._groups = {name: list(pids) for name, pids in groups.items()}

    async def spent(self, work: Callable[[], Awaitable[object]]) -> Spent:
        """Do the work, and say how long it took and what each group did meanwhile."""
        before, start = self._read(), time.perf_counter()
        await work()
        seconds, after = time.perf_counter() - start, self._read()
        return Spent(seconds, {name: after[name] - before[name] for name in before})

    def _read(self) -> dict[str, float]:
        return {name: sum(map(cpu_s, pids)) for name, pids in self._groups.items()}


def cpu_s(pid: int) -> float:
    """User and system time of a process and its threads; 0 when there is no such process."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return 0.0
    fields = told.rpartition(")")[2].split()  # the name before it may hold anything
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
