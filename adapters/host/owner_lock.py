"""Who runs the engine of a directory: the holder of the flock on DIR/owner.lock.

It is held until it is let go or its process ends, however it ends.
"""

import fcntl
import os
from pathlib import Path

NAME = "owner.lock"


class OwnerLock:
    """The lock of one directory, held by one object at a time.

    Args:
        failed: raised, with one line, when there can be no lock file.
    """

    def __init__(self, directory: Path, failed: type[Exception]) -> None:
        self._path, self._failed = directory / NAME, failed
        self._file: int | None = None

    @property
    def held(self) -> bool:
        """By this object."""
        return self._file is not None

    def take(self) -> bool:
        """Whether it is ours now; False: somebody else has it."""
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
            os.close(self._file)  # and with it the flock
            self._file = None
