"""Locks the data directory for one process; a second process gets an error that names the first."""

import fcntl
import os
from pathlib import Path

from commands.expected import Expected


class DataDirHeld(Expected):
    """Another process works in this data directory; the message names it."""


class DataDir:
    """Holds `DIR/platform.lock` (flock: the kernel frees it however the holder dies)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def hold(self, verb: str) -> None:
        """Lock the directory for `verb`; idempotent.

        Raises:
            DataDirHeld: another process has the lock.
        """
        if self._lock is not None:
            return
        self.path.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.path / "platform.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(lock, 200, 0).decode(errors="replace").strip() or "another process"
            os.close(lock)
            raise DataDirHeld(f"{self.path} is held by {holder}") from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"tidemark {verb} (pid {os.getpid()})\n".encode(), 0)
        self._lock = lock

    def release(self) -> None:
        if self._lock is not None:
            os.ftruncate(self._lock, 0)
            os.close(self._lock)
            self._lock = None
