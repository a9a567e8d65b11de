"""A Kafka broker in a directory, from the binary in the `noida-db` wheel: for development.

It writes to disk about a second late, so it is no system of record. The bus needs none: the relay
publishes lost records again. The process that holds the lock on DIR/owner.lock starts and stops
the broker; other processes attach to it. The broker ends when its owner ends.

    DIR/owner.lock   flock: held by the process that runs the broker
    DIR/port         its port on 127.0.0.1: kept over restarts, so that clients find it again
    DIR/broker.log   its output
    DIR/broker/      its topics
"""

import os
import signal
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

from adapters.host.bound_process import spawn
from adapters.host.owner_lock import OwnerLock

HOST = "127.0.0.1"
START_S, STOP_S, POLL_S = 30.0, 10.0, 0.02
LOG_MAX = 4 << 20  # bytes kept of DIR/broker.log when a broker starts


class KafkaFailed(Exception):
    """The embedded broker cannot be started or reached. The message is one line for operators."""


class EmbeddedKafka:
    """`start()` returns host:port, whether this process (`owner`) or another runs the broker."""

    def __init__(self, data_dir: Path) -> None:
        self._dir = data_dir.absolute()
        self._lock = OwnerLock(self._dir, KafkaFailed)
        self._broker: subprocess.Popen[bytes] | None = None

    @property
    def owner(self) -> bool:
        return self._lock.held

    @property
    def pid(self) -> int | None:
        """The broker's process id if this process runs it."""
        return self._broker.pid if self._broker is not None else None

    @property
    def ended(self) -> bool:
        """Whether this process started the broker and it has exited; `start` restarts it."""
        return self._broker is not None and self._broker.poll() is not None

    def start(self) -> str:
        """Start the broker, or attach to the one that another process runs; idempotent.

        Raises:
            KafkaFailed: the broker did not come up; the message gives the reason in one line.
        """
        if self._broker is not None and not self.ended:
            return self._address(self._port())
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self._lock.take():
                return self._start_owned()
            if found := self.running():
                return found
            time.sleep(POLL_S)
        raise KafkaFailed(f"{self._dir} is held by a process whose broker does not answer")

    def running(self) -> str | None:
        """host:port of this directory's broker if it answers, whichever process runs it."""
        port = self._port()
        return self._address(port) if port and _answers(port) else None

    def stop(self) -> None:
        """Stop the broker if this process runs it, giving it STOP_S seconds to save its data."""
        if self._broker is not None and self._broker.poll() is None:
            self._broker.send_signal(signal.SIGTERM)
            try:
                self._broker.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._broker.kill()
                self._broker.wait(STOP_S)
        self._broker = None
        self._lock.release()

    def __enter__(self) -> "EmbeddedKafka":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start_owned(self) -> str:
        try:
            self._serve()
        except BaseException as e:
            self.stop()
            if isinstance(e, OSError):
                raise KafkaFailed(f"cannot start a broker in {self._dir}: {e}") from e
            raise
        return self._address(self._port())

    def _serve(self) -> None:
        port = self._port() or _free_port()
        if _answers(port):  # taken by another program, or by a broker whose owner was just killed
            time.sleep(1.0)
            port = _free_port() if _answers(port) else port
        (self._dir / "port").write_text(f"{port}\n")
        log = self._dir / "broker.log"
        if log.exists() and log.stat().st_size > LOG_MAX:
            log.write_bytes(b"")
        options = ("--only", "kafka", "--kafka-port", str(port), "--host", HOST)
        words = (_binary(), "start", *options, "--data-dir", self._dir / "broker")
        self._broker = spawn(words, log)
        deadline = time.monotonic() + START_S
        while not _answers(port):
            if self._broker.poll() is not None:
                raise KafkaFailed(f"the broker in {self._dir} ended at once; {log} has its output")
            if time.monotonic() > deadline:
                raise KafkaFailed(f"the broker in {self._dir} was not ready within {START_S:g} s")
            time.sleep(POLL_S)

    def _port(self) -> int:
        """The port of the last start; 0: never started, or the file is damaged."""
        try:
            return int((self._dir / "port").read_text())
        except (OSError, ValueError):
            return 0

    def _address(self, port: int) -> str:
        return f"{HOST}:{port}"


def _binary() -> Path:
    """The broker's binary. The wheel's console script, when killed, would leave it running."""
    spec = find_spec("noida_db")
    if spec is None or spec.origin is None:
        raise KafkaFailed("the embedded broker needs the package noida-db")
    binary = Path(spec.origin).parent / "noida-db"
    if not os.access(binary, os.X_OK):
        binary.chmod(0o755)
    return binary


def _answers(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
