"""The development broker: it starts in a directory, is reused there, and ends with its owner."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from adapters.kafka.embedded import EmbeddedKafka, KafkaFailed
from tests.system.processes import ROOT, folder, is_alive, kill, until

OWNER = """
import sys, time
from pathlib import Path
from adapters.kafka.embedded import EmbeddedKafka
kafka = EmbeddedKafka(Path(sys.argv[1]))
kafka.start()
print(kafka.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def place() -> Iterator[Path]:
    with folder() as made:
        yield made / "kafka"


def topics(address: str) -> set[str]:
    found = AdminClient({"bootstrap.servers": address}).list_topics(timeout=10)
    return {name for name in found.topics if not name.startswith("__")}


def make(address: str, name: str) -> None:
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic(name, 2, 1)])[name].result(10)


def test_it_answers_kafka_clients_and_ends_when_stopped(place: Path) -> None:
    with EmbeddedKafka(place) as kafka:
        address = kafka.running()
        assert address and kafka.owner
        make(address, "t")
        assert topics(address) == {"t"}
        pid = kafka.pid
    assert pid and not is_alive(pid)
    assert kafka.running() is None and not kafka.owner


def test_a_second_one_attaches_and_its_stop_leaves_the_broker_alone(place: Path) -> None:
    with EmbeddedKafka(place) as owner:
        second = EmbeddedKafka(place)
        assert second.start() == owner.start()
        assert not second.owner and second.pid is None
        second.stop()
        assert owner.running() and not owner.ended


def test_what_it_held_is_there_after_an_orderly_restart_on_the_same_port(place: Path) -> None:
    with EmbeddedKafka(place) as kafka:
        first = kafka.start()
        make(first, "kept")
    with EmbeddedKafka(place) as kafka:
        assert kafka.start() == first
        assert topics(first) == {"kept"}


def test_a_killed_broker_is_noticed_and_started_again(place: Path) -> None:
    with EmbeddedKafka(place) as kafka:
        address = kafka.start()
        assert kafka.pid
        kill(kafka.pid)
        until(lambda: kafka.ended)
        assert kafka.start() == address
        make(address, "again")
        assert "again" in topics(address)


def test_it_dies_with_its_owner_however_that_dies(place: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(place)], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert owner.stdout
    broker = int(owner.stdout.readline())
    assert is_alive(broker)
    owner.send_signal(signal.SIGKILL)
    owner.wait(10)
    owner.stdout.close()
    until(lambda: not is_alive(broker))
    with EmbeddedKafka(place) as kafka:
        assert kafka.owner


def test_a_place_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KafkaFailed, match="cannot make"):
        EmbeddedKafka(tmp_path / "file" / "kafka").start()
