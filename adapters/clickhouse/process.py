"""The child that owns the embedded warehouse: chdb behind ClickHouse's HTTP interface.

    python -m adapters.clickhouse.process --dir DIR [--with-parent] [--idle SECONDS]

chdb locks its directory, and a native crash ends its process. So one child owns the directory, and
other processes send it SQL over loopback with the same client as for a server. The owner holds a
flock on `DIR/owner.lock` for as long as it lives and writes {pid, port, token, missing} to it; a
second child on the same directory ends with the status `HELD`.

Before it loads the engine it confines itself (adapters/clickhouse/sandbox.py): it sees this one
directory, no keys and no network. `missing` lists the parts of the fence that the system lacks.

It ends on SIGTERM, after `--idle` seconds without requests, or when its parent is gone
(`--with-parent`: end of file on stdin. A parent-death signal would come when the spawning
*thread* ends; the pipe closes with the process, however it dies).
"""

import argparse
import asyncio
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import uvicorn

from adapters.clickhouse.owner import GRACE_S, HELD, LOCK
from adapters.clickhouse.sandbox import Fence, bound_memory, confine, memory_max

if TYPE_CHECKING:
    from adapters.clickhouse.door import Door

LOCK_TRIES = 40  # another process may lock it briefly to test it: try for two seconds


class _Server(uvicorn.Server):
    """uvicorn, but it does not raise a captured signal again before the engine is closed."""

    lock: TextIO

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        self.lock.truncate(0)  # keep the lock but remove the address: new clients wait
        self.should_exit = True


def main() -> int:
    parser = argparse.ArgumentParser(prog="warehouse", description="Owns the embedded warehouse.")
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--with-parent", action="store_true", help="end when stdin ends")
    parser.add_argument("--idle", type=float, default=0, help="end after so many idle seconds")
    options = parser.parse_args()
    options.dir = options.dir.resolve()
    options.dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = _own(options.dir / LOCK)
    if lock is None:
        print(f"{options.dir} is owned: {(options.dir / LOCK).read_text()}", file=sys.stderr)
        return HELD
    try:
        asyncio.run(_serve(options.dir, lock, with_parent=options.with_parent, idle_s=options.idle))
    except Exception as e:  # for example a full disk; our parent reads the last line
        print(f"{type(e).__name__}: {e}", file=sys.stderr, flush=True)
        os._exit(1)  # at once, so that the engine's threads do not keep the directory
    return 0


def _own(path: Path) -> TextIO | None:
    """The lock file, locked until this process ends; None if another process has locked it."""
    lock = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+")
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            lock.truncate(0)  # remove the last owner's address
            return lock
    lock.close()
    return None


async def _serve(directory: Path, lock: TextIO, *, with_parent: bool, idle_s: float) -> None:
    token = secrets.token_hex(24)
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # without it, 40 ms per answer
    from adapters.clickhouse.door import Door  # noqa: PLC0415  (only the owner needs it)
    from adapters.clickhouse.engine import Engine  # noqa: PLC0415

    fence = _fenced(directory)  # from here on our own modules cannot be read
    engine = Engine(directory / "db")
    door = Door(engine, token)
    server = _Server(
        uvicorn.Config(
            door.app(), log_level="warning", lifespan="off", timeout_graceful_shutdown=GRACE_S,
            timeout_keep_alive=60, h11_max_incomplete_event_size=1 << 20,
        )
    )  # fmt: skip
    server.lock = lock
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, server.stop)
    if with_parent:
        _end_with_parent(server)
    watch = asyncio.create_task(_end_when_idle(server, door, idle_s)) if idle_s else None
    try:
        _announce(lock, listening.getsockname()[1], token, fence)
        await server.serve(sockets=[listening])
    finally:
        if watch:
            watch.cancel()
        engine.close()


def _fenced(directory: Path) -> Fence:
    """Confine this process; the engine's temporary files are inside its directory."""
    scratch = directory / "tmp"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700)
    os.environ["TMPDIR"] = str(scratch)
    os.chdir(directory)
    fence = confine(directory)
    bound_memory(memory_max())
    return fence


def _announce(lock: TextIO, port: int, token: str, fence: Fence) -> None:
    lock.seek(0)
    found = {"pid": os.getpid(), "port": port, "token": token, "missing": fence.missing}
    lock.write(json.dumps(found))
    lock.flush()


def _end_with_parent(server: _Server) -> None:
    def watch() -> None:
        while os.read(0, 1):  # until end of file: the parent has ended or closed our stdin
            pass  # (sys.stdin's lock would be held when the interpreter ends)
        server.stop()
        time.sleep(2 * GRACE_S)
        os._exit(1)  # do not let a native call that hangs keep the directory

    threading.Thread(target=watch, name="parent", daemon=True).start()


async def _end_when_idle(server: _Server, door: "Door", idle_s: float) -> None:
    while door.idle_s < idle_s:
        await asyncio.sleep(min(1.0, idle_s / 4))
    server.stop()


if __name__ == "__main__":
    sys.exit(main())
