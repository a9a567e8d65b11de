"""Dead letters on Kafka: written, listed, answered, and written again."""

import itertools

import pytest

from adapters.bus.outlet import BusUnavailable
from adapters.bus.page import encode
from adapters.bus.url import Bus
from adapters.kafka.dead_letters import DeadLetters
from adapters.kafka.topics import ensure_topics
from tests.contract.bus.kafka_broker import Broker
from tests.contract.bus.kafka_reader import read
from tests.unit.adapters.relay_world import event

_numbers = itertools.count(1)


@pytest.fixture
def bus(kafka: Broker) -> Bus:
    made = Bus.parse(f"kafka://{kafka.address}?prefix=dead{next(_numbers)}")
    ensure_topics(made)
    return made


def bury(letters: DeadLetters, view: str, position: int, *, partition: int = 1) -> None:
    page = encode([event(position, "A1")])
    letters.publish(page, view, partition, position, error=f"ValueError: {position}")


def test_a_letter_names_the_event_the_view_and_the_reason(bus: Bus) -> None:
    letters = DeadLetters(bus)
    assert letters.open() == []
    bury(letters, "positions", 7)
    [found] = letters.open()
    assert (found.view, found.partition, found.position) == ("positions", 1, 7)
    assert found.events == ("account-A1@7",)
    assert found.error == "ValueError: 7"
    assert found.sent_at is not None


def test_a_requeued_letter_is_answered_until_it_is_written_again(bus: Bus) -> None:
    letters = DeadLetters(bus)
    bury(letters, "positions", 7)
    bury(letters, "orders", 9)
    assert [f.view for f in letters.requeue(["positions"])] == ["positions"]
    assert [f.view for f in letters.open()] == ["orders"]
    bury(letters, "positions", 7)
    assert [f.view for f in letters.open()] == ["orders", "positions"]
    assert len(letters.requeue()) == 2
    assert letters.open() == []
    assert letters.requeue() == []


def test_the_same_letter_twice_is_one_and_another_partition_is_another(bus: Bus) -> None:
    letters = DeadLetters(bus)
    for partition in (1, 1, 2):
        bury(letters, "positions", 7, partition=partition)
    assert [f.partition for f in letters.open()] == [1, 2]
    assert len(read(bus, bus.dead_topic)) == 3


def test_a_long_error_is_cut_and_records_of_others_are_passed_over(bus: Bus) -> None:
    letters = DeadLetters(bus)
    letters._produce([(b"x", {"view": b"v"}), (b"x", {})])
    letters.publish(b"not a page", "v", 0, 1, error="x" * 5_000)
    [found] = letters.open()
    assert len(found.error) == 1_000 and found.events == ()


def test_a_broker_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.kafka.dead_letters.REPLY_S", 0.5)
    letters = DeadLetters(Bus.parse("kafka://127.0.0.1:9"))
    with pytest.raises(BusUnavailable):
        letters.open()
    with pytest.raises(BusUnavailable, match=r"127\.0\.0\.1:9: "):
        bury(letters, "v", 1)
