"""Processor time of the processes that a benchmark keeps busy: what bounds the whole of them.

Linux counts it in steps of 10 ms, from /proc.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

TICKS_S = os.sysconf("SC_CLK_TCK")


class Spent(NamedTuple):
    """Processor seconds of all threads."""

    own: float  # of this process
    postgres: float  # of the server and its backends
    broker: float

    @property
    def total(self) -> float:
        return sum(self)


def meter(postgres: Path, broker: Callable[[], int]) -> Callable[[], Spent]:
    """What was spent since the processes began; what one run spends is `since` of two of them.

    Args:
        postgres: the embedded server's folder.
        broker: its process id, which may change.
    """
    server = int((postgres / "server/data/postmaster.pid").read_text().split()[0])
    return lambda: Spent(
        time.process_time(),
        sum(_seconds(pid) for pid in _family(server)),
        _seconds(broker()),
    )


def since(before: Spent, after: Spent) -> Spent:
    return Spent(*(b - a for a, b in zip(before, after, strict=True)))


def _family(parent: int) -> list[int]:
    """A process and its children."""
    found = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in found if pid == parent or _fields(pid)[1:2] == [str(parent)]]


def _seconds(pid: int) -> float:
    fields = _fields(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS_S if fields else 0.0


def _fields(pid: int) -> list[str]:
    """Of /proc/PID/stat, from the state on; none of a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
