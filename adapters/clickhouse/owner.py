"""Finds the process that owns an embedded warehouse, or starts it."""

import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

LOCK = "owner.lock"
HELD = 3  # exit status of a second owner: another process owns the directory
GRACE_S = 5  # for running requests when an owner ends
START_S = 60.0
_ROOM_MIN = 1 << 20
_ROOT = Path(__file__).resolve().parents[2]


class Owner(NamedTuple):
    pid: int
    port: int
    token: str
    missing: tuple[str, ...] = ()  # the parts of its fence that the system lacks


class NotStarted(Exception):
    """The warehouse process does not come up; the text names the reason."""


class Child:
    """A warehouse process that we started; it ends with us unless it has an idle timeout."""

    def __init__(self, directory: Path, idle_s: float) -> None:
        _make_folder(directory)
        self._directory = directory
        self._log = directory / "process.log"
        command = [sys.executable, "-m", "adapters.clickhouse.process", "--dir", str(directory)]
        command += ["--idle", str(idle_s)] if idle_s else ["--with-parent"]
        paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL if idle_s else subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "TZ": "UTC"},
                start_new_session=True,  # so that the terminal's Ctrl-C reaches only us
            )
        self._ends_with_us = not idle_s

    @property
    def status(self) -> int | None:
        return self._process.poll()

    def last_words(self) -> str:
        if lines := self._log.read_text(errors="replace").strip().splitlines():
            return lines[-1]
        room = os.statvfs(self._directory)
        full = room.f_bavail * room.f_frsize < _ROOM_MIN  # so it could not write a message either
        return "its disk is full" if full else f"exit status {self.status}, without a message"

    def stop(self) -> None:
        """End the process, unless it ends by idle timeout, and wait until it has ended."""
        if not self._ends_with_us:
            return
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=3 * GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def owner_of(directory: Path) -> Owner | None:
    """The present owner of the directory. The flock decides; the file's text is its address."""
    try:
        lock = (directory / LOCK).open()
    except FileNotFoundError:
        return None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _parsed(lock.read())
    return None  # no process holds it (closing the file released our shared lock)


def attach(
    directory: Path, *, idle_s: float = 0.0, closing: threading.Event | None = None
) -> tuple[Owner, Child | None]:
    """The owner of the directory, and the child if we had to start one.

    Raises:
        NotStarted: it did not come up within START_S or before `closing`, or ended at once.
    """
    child: Child | None = None
    deadline = time.monotonic() + START_S
    closing = closing or threading.Event()
    while time.monotonic() < deadline and not closing.is_set():
        if owner := owner_of(directory):
            return owner, child
        if child is None or child.status == HELD:  # its holder is still starting, or ending
            child = Child(directory, idle_s)
        elif child.status is not None:
            raise NotStarted(f"the warehouse of {directory} does not start: {child.last_words()}")
        closing.wait(0.02)
    if child:
        child.stop()
    if closing.is_set():
        raise NotStarted(f"the warehouse of {directory} is no longer wanted")
    raise NotStarted(f"the warehouse of {directory} is not up after {START_S:.0f} s")


def _make_folder(directory: Path) -> None:
    """Create the folder and a writable log in it.

    Raises:
        NotStarted: the folder cannot be created or the log not be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        (directory / "process.log").open("ab").close()
    except OSError as error:
        raise NotStarted(f"the warehouse of {directory}: {error.strerror}") from error


def _parsed(text: str) -> Owner | None:
    try:
        found = json.loads(text)
        return Owner(**(found | {"missing": tuple(found["missing"])}))
    except (ValueError, KeyError):  # the owner has the lock and is still opening its engine
        return None
