"""Kafka for tests: the development broker, or a real Apache Kafka, with the same methods.

`TIDEMARK_TEST_KAFKA`: `embedded` (default), or `real`: jars fetched by scripts/engines/kafka.sh.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from adapters.host.bound_process import spawn
from adapters.kafka.embedded import HOST, EmbeddedKafka
from tests.paths import ROOT

JARS = ROOT / "scripts/engines/kafka.sh"
START_S = 60.0
PROPERTIES = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
controller.quorum.voters=1@{host}:{controller}
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
"""


class Broker(Protocol):
    address: str
    real: bool  # keeps acknowledged records when it is killed

    @property
    def pid(self) -> int:
        """The pid of the running broker."""

    def restart(self) -> None:
        """Stop it in order, and start it again on the same port."""

    def kill(self) -> None:
        """Send SIGKILL; `start` starts it again."""

    def start(self) -> None: ...

    def wipe(self) -> None:
        """Kill it, delete its data, and start it again."""

    def stop(self) -> None: ...


class EmbeddedBroker:
    """The development broker from its wheel; it writes to disk about a second late."""

    real = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kafka = EmbeddedKafka(folder)
        self.address = self._kafka.start()

    @property
    def pid(self) -> int:
        assert self._kafka.pid
        return self._kafka.pid

    def restart(self) -> None:
        self._kafka.stop()
        self.start()

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        wait_for(lambda: self._kafka.ended)

    def start(self) -> None:
        assert self._kafka.start() == self.address

    def wipe(self) -> None:
        self.kill()
        shutil.rmtree(self._folder / "broker")
        self.start()

    def stop(self) -> None:
        self._kafka.stop()


class ApacheBroker:
    """Apache Kafka in KRaft mode, one node that is broker and controller."""

    real = True

    def __init__(self, folder: Path, jars: Path) -> None:
        self._folder, self._jars = folder, jars
        port, controller = free_port(), free_port()
        self.address = f"{HOST}:{port}"
        self._settings = folder / "server.properties"
        self._settings.write_text(
            PROPERTIES.format(host=HOST, port=port, controller=controller, data=folder / "data")
        )
        self._server: subprocess.Popen[bytes] | None = None
        self._format()
        self.start()

    @property
    def pid(self) -> int:
        assert self._server
        return self._server.pid

    def start(self) -> None:
        words = (*self._java(), "-Xmx512m", "kafka.Kafka", str(self._settings))
        self._server = spawn(words, self._folder / "server.log", at_our_end=signal.SIGKILL)
        wait_for(self._answers)

    def restart(self) -> None:
        self.stop()
        self.start()

    def kill(self) -> None:
        assert self._server
        self._server.kill()
        self._server.wait(10)

    def wipe(self) -> None:
        self.kill()
        shutil.rmtree(self._folder / "data")
        self._format()
        self.start()

    def stop(self) -> None:
        assert self._server
        self._server.terminate()
        try:
            self._server.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def _java(self) -> tuple[str, ...]:
        return ("java", "-XX:TieredStopAtLevel=1", "-cp", f"{self._jars}/*")

    def _format(self) -> None:
        tool = (*self._java(), "kafka.tools.StorageTool")
        made = subprocess.run([*tool, "random-uuid"], capture_output=True, text=True, check=True)
        cluster = made.stdout.split()[-1]
        words = [*tool, "format", "-t", cluster, "-c", str(self._settings)]
        subprocess.run(words, capture_output=True, check=True)

    def _answers(self) -> bool:
        assert self._server and self._server.poll() is None, (
            self._folder / "server.log"
        ).read_text()
        try:
            admin = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
            return bool(admin.list_topics(timeout=2).brokers)
        except KafkaException:
            return False


def wait_for(holds: object, seconds: float = START_S) -> None:
    deadline = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {holds}"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def broker() -> Iterator[Broker]:
    """The broker that TIDEMARK_TEST_KAFKA selects, in a temporary folder."""
    kind = os.environ.get("TIDEMARK_TEST_KAFKA", "embedded")
    assert kind in ("embedded", "real"), f"TIDEMARK_TEST_KAFKA: embedded or real, not {kind}"
    folder = Path(tempfile.mkdtemp(prefix="tidemark-kafka-"))
    try:
        running: Broker = (
            ApacheBroker(folder, _jars()) if kind == "real" else EmbeddedBroker(folder)
        )
        try:
            yield running
        finally:
            running.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _jars() -> Path:
    found = subprocess.run([JARS], stdout=subprocess.PIPE, text=True, check=True)
    return Path(found.stdout.strip())
