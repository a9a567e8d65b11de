"""Dead letters: events that a view could not fold, kept on the bus until an operator requeues them.

    letter    value: a page of the one event; headers view, partition, position, error
    requeued  no value; headers view, partition, position, requeued: closes the letter

A letter is open until a later `requeued` record names the same view, partition and position. The
topic is kept for ever: it is the record of what went wrong.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from msgspec import Struct

from adapters.bus.outlet import BusUnavailable
from adapters.bus.page import MalformedPage, decode
from adapters.bus.url import Bus
from adapters.kafka.client import REPLY_S, client, reason, records
from adapters.kafka.topics import MESSAGE_BYTES_MAX


class Letter(Struct, frozen=True, kw_only=True):
    view: str
    partition: int
    position: int  # of the event
    events: tuple[str, ...]  # stream@version
    error: str
    sent_at: datetime | None
    requeued: bool = False  # this record closes an earlier letter

    @property
    def about(self) -> tuple[str, int, int]:
        return self.view, self.partition, self.position


class DeadLetters:
    """Reads and writes dead letters. All calls block; each uses its own connection."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def publish(
        self, value: bytes, view: str, partition: int, position: int, *, error: str
    ) -> None:
        """Write a letter.

        Raises:
            BusUnavailable
        """
        headers = _about(view, partition, position) | {"error": error.encode()[:1_000]}
        self._produce([(value, headers)])

    def open(self) -> list[Letter]:
        """The open letters, oldest first; of several about one event, only the latest.

        Raises:
            BusUnavailable
        """
        return still_open(self._all())

    def requeue(self, views: Collection[str] | None = None) -> list[Letter]:
        """Close the open letters of these views (None: of all views) and return them.

        Raises:
            BusUnavailable
        """
        found = [letter for letter in self.open() if views is None or letter.view in views]
        self._produce([(None, _about(*f.about) | {"requeued": b"1"}) for f in found])
        return found

    def _produce(self, records: Sequence[tuple[bytes | None, dict[str, bytes]]]) -> None:
        producer = Producer(_producing(self._bus))
        failed: list[KafkaError] = []

        def note(error: KafkaError | None, _: Message) -> None:
            failed.extend([error] if error is not None else [])

        for value, headers in records:
            topic = self._bus.dead_topic
            producer.produce(
                topic, value, partition=0, headers=list(headers.items()), on_delivery=note
            )
        left = producer.flush(REPLY_S)
        if failed or left:
            why = failed[0].str() if failed else f"no answer within {REPLY_S:g} s"
            raise BusUnavailable(f"{self._bus.servers}: {why}")

    def _all(self) -> list[Letter]:
        consumer = Consumer(_consuming(self._bus))
        try:
            consumer.assign([TopicPartition(self._bus.dead_topic, 0, 0)])
            found = records(consumer, self._bus.dead_topic)
            return [letter for m in found if (letter := _letter(m)) is not None]
        except KafkaException as e:
            raise BusUnavailable(f"{self._bus.servers}: {reason(e)}") from e
        finally:
            consumer.close()


def still_open(letters: Iterable[Letter]) -> list[Letter]:
    """The letters that no later record closes; of several about one event, only the latest."""
    found: dict[tuple[str, int, int], Letter] = {}
    for letter in letters:
        found.pop(letter.about, None)
        if not letter.requeued:
            found[letter.about] = letter
    return list(found.values())


def _letter(message: Message) -> Letter | None:
    """The letter in a record; None if the record is not a dead letter."""
    headers: dict[str, Any] = dict(message.headers() or [])
    try:
        return Letter(
            view=headers["view"].decode(),
            partition=int(headers["partition"]),
            position=int(headers["position"]),
            events=_view_names(message.value()),
            error=headers.get("error", b"").decode(errors="replace"),
            sent_at=_moment(message),
            requeued="requeued" in headers,
        )
    except (KeyError, ValueError, AttributeError):
        return None


def _view_names(value: bytes | None) -> tuple[str, ...]:
    try:
        return tuple(f"{e.stream}@{e.version}" for e in decode(value)) if value else ()
    except MalformedPage:
        return ()


def _moment(message: Message) -> datetime | None:
    kind, at_ms = message.timestamp()
    return datetime.fromtimestamp(at_ms / 1000, UTC) if kind and at_ms > 0 else None


def _about(view: str, partition: int, position: int) -> dict[str, bytes]:
    return {
        "view": view.encode(),
        "partition": str(partition).encode(),
        "position": str(position).encode(),
    }


def _producing(bus: Bus) -> dict[str, Any]:
    return client(bus) | {
        "enable.idempotence": True,
        "message.max.bytes": MESSAGE_BYTES_MAX,
        "message.timeout.ms": int(REPLY_S * 1000),
    }


def _consuming(bus: Bus) -> dict[str, Any]:
    return client(bus) | {
        "group.id": f"{bus.prefix}-dead-{bus.generation}",  # required, unused: we assign
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
    }
