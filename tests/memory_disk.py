"""Temporary files of a test session in memory: Postgres makes and removes files by the thousand.

On a disk's file system that costs four times the CPU. A killed process loses nothing that it has
written, on either; only a machine that loses power does, and no test tries that.
"""

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
FREE_MIN = 8 << 30  # bytes, on the file system and of memory; a session uses less than half of it


def use() -> None:
    """Make a folder in memory the place of temporary files, for child processes too.

    Does nothing if TMPDIR names a place, or if there is not enough memory.
    """
    if "TMPDIR" in os.environ or not _has_room():
        return
    _remove_left_over()
    folder = MEMORY / f"tidemark-{os.getpid()}"  # short: sockets are created in it
    folder.mkdir()
    folder.chmod(0o1777)  # as /tmp: servers run as users of their own
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)


def leave() -> None:
    """Remove the folder, if this process made it."""
    shutil.rmtree(MEMORY / f"tidemark-{os.getpid()}", ignore_errors=True)


def _has_room() -> bool:
    try:
        disk = os.statvfs(MEMORY)
        memory = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        available = int(memory["MemAvailable"].split()[0]) << 10
    except (OSError, KeyError):
        return False
    return min(disk.f_bavail * disk.f_frsize, available) >= FREE_MIN


def _remove_left_over() -> None:
    """Remove the folders of sessions that were killed."""
    for folder in MEMORY.glob("tidemark-*"):
        pid = folder.name.partition("-")[2]
        if pid.isdigit() and not Path("/proc", pid).exists():
            shutil.rmtree(folder, ignore_errors=True)
