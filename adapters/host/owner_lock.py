"""The lock of a directory's engine: the process that holds the flock on DIR/owner.lock runs it.

The lock is held until it is released or its process ends, however it ends.
"""

import fcntl
import os
from pathlib import Path

NAME = "owner.lock"


class OwnerLock:
    """The lock of one directory, held by one object at a time.

    Args:
        failed: raised, with a one-line message, if the lock file cannot be made.
    """

    def __init__(self, directory: Path, failed: type[Exception]) -> None:
        self._path, self._failed = directory / NAME, failed
        self._file: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._file is not None

    def take(self) -> bool:
        """Try to take the lock; False if another holder has it."""
        if self._file is not None:
            return True
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as e:
            raise self._failed(f"cannot make {self._path}: {e.strerror}") from e
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._file = file
        return True

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)  # this also releases the flock
            self._file = None
