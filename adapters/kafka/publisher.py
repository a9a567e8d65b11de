"""Publishes batches to Kafka. Each batch and the relay's new position are one transaction.

    open   make topics -> fence the previous relay, abort its open transaction -> last position
           -> claim: one batch without pages that names this relay as the sender
    send   begin, pages and watermarks, position record, commit
    close  purge the queue, drop the producer

Kafka keeps a transaction whole or not at all, whatever kills the process, so the last committed
position states exactly what was sent. librdkafka blocks, and its asyncio client cannot send
headers: one thread of our own makes all calls.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from typing import Any, TypeVar

from confluent_kafka import KafkaException, Producer
from msgspec.structs import replace

from adapters.bus.outlet import BusUnavailable, Fenced, Relayed
from adapters.bus.page import Page
from adapters.bus.url import Bus
from adapters.kafka.client import REPLY_S, client, fenced, reason
from adapters.kafka.position import encode, last_relayed
from adapters.kafka.topics import MESSAGE_BYTES_MAX, ensure_topics

TRANSACTION_S = 30  # a relay that stalls for longer loses its transaction
BUFFER_KB_MAX = 128 << 10
FULL_S = 0.1
_KEY = b"relay"

T = TypeVar("T")
Moment = Callable[[str], None]
"""Called between two steps with the step's name; tests crash the process there.

In `open`: fencing, fenced, claimed; in `send`: begun, produced, committing, committed.
"""


class Publisher:
    """`adapters.bus.outlet.Outlet` on Kafka.

    Args:
        name: this process, for people. We add a random suffix, so that a relay detects that it
            was replaced even by one of the same name.
        schemas: JSON Schemas by name, published when they differ from those published last.
    """

    def __init__(
        self,
        bus: Bus,
        name: str,
        *,
        schemas: Mapping[str, bytes] | None = None,
        moment: Moment | None = None,
    ) -> None:
        self._bus, self._schemas = bus, dict(schemas or {})
        self._name = f"{name}-{secrets.token_hex(4)}"
        self._moment: Moment = moment or _nothing
        self._producer: Producer | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kafka-publisher")
        self._digest = ""

    async def open(self) -> Relayed:
        return await self._call(self._open)

    async def send(self, pages: Sequence[Page], relayed: int, at: datetime | None, /) -> None:
        await self._call(self._send, pages, relayed, at)

    async def close(self) -> None:
        await self._call(self._drop)
        self._thread.shutdown(wait=True)

    async def _call(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def _open(self) -> Relayed:
        self._drop()
        ensure_topics(self._bus)
        producer = Producer(producer_settings(self._bus))
        self._moment("fencing")
        try:
            producer.init_transactions(REPLY_S)
        except KafkaException as e:
            raise BusUnavailable(f"{self._bus.servers}: {reason(e)}") from e
        self._producer = producer
        self._moment("fenced")
        found = last_relayed(self._bus) or Relayed()
        wanted = _digest_of(self._schemas)
        schemas = self._schemas if found.schemas != wanted else {}
        self._transact(self._claim, replace(found, relay=self._name, schemas=wanted), schemas)
        self._moment("claimed")
        self._digest = wanted
        return found

    def _send(self, pages: Sequence[Page], relayed: int, at: datetime | None) -> None:
        self._transact(self._batch, pages, Relayed(relayed, at, self._name, self._digest))

    def _transact(self, work: Callable[..., None], *arguments: Any) -> None:
        if self._producer is None:
            raise BusUnavailable("not open")
        try:
            work(self._producer, *arguments)
        except KafkaException as e:
            self._drop()
            if fenced(e):
                self._ask_who(e)
            raise BusUnavailable(f"{self._bus.servers}: {reason(e)}") from e

    def _claim(self, producer: Producer, relayed: Relayed, schemas: Mapping[str, bytes]) -> None:
        producer.begin_transaction()
        for name, schema in schemas.items():
            _produce(producer, self._bus.schemas_topic, 0, schema, key=name.encode())
        _produce(producer, self._bus.position_topic, 0, encode(relayed), key=_KEY)
        producer.commit_transaction(REPLY_S)

    def _batch(self, producer: Producer, pages: Sequence[Page], relayed: Relayed) -> None:
        topic = self._bus.log_topic
        producer.begin_transaction()
        self._moment("begun")
        for page in pages:
            _produce(producer, topic, page.partition, page.value, headers=page.headers)
        _produce(producer, self._bus.position_topic, 0, encode(relayed), key=_KEY)
        self._moment("produced")
        producer.flush(REPLY_S)
        self._moment("committing")
        producer.commit_transaction(REPLY_S)
        self._moment("committed")

    def _ask_who(self, error: KafkaException) -> None:
        """Raise Fenced if a successor took over; return if the broker merely forgot us.

        A broker forgets a producer when it is wiped or the transaction expired. A successor has
        written its own name to the position topic.
        """
        found = last_relayed(self._bus)
        if found is not None and found.relay != self._name:
            raise Fenced(
                f"fenced: relay {found.relay} has taken over {self._bus.log_topic}"
            ) from error

    def _drop(self) -> None:
        """Close the producer and discard its queue, which holds only uncommitted records."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge(in_queue=True, in_flight=True)
            with suppress(KafkaException):  # raises the producer's fatal error a second time
                producer.flush(0)


def producer_settings(bus: Bus) -> dict[str, Any]:
    """Settings of the relay's transactional producer."""
    return client(bus) | {
        "transactional.id": bus.transactional_id,
        "transaction.timeout.ms": TRANSACTION_S * 1000,
        "message.timeout.ms": TRANSACTION_S * 1000,
        "message.max.bytes": MESSAGE_BYTES_MAX,
        "queue.buffering.max.kbytes": BUFFER_KB_MAX,
        "topic.metadata.propagation.max.ms": 5_000,  # notice a deleted topic within 5 s
        "linger.ms": 5,
    }


def _produce(
    producer: Producer,
    topic: str,
    partition: int,
    value: bytes | None,
    *,
    key: bytes | None = None,
    headers: Sequence[tuple[str, bytes]] = (),
) -> None:
    """Queue one record; when the client's buffer is full, wait until the broker took some."""
    while True:
        try:
            producer.produce(topic, value, key, partition=partition, headers=list(headers))
            return
        except BufferError:
            producer.poll(FULL_S)


def _digest_of(schemas: Mapping[str, bytes]) -> str:
    digest = sha256()
    for name, schema in sorted(schemas.items()):
        digest.update(name.encode() + b"\0" + schema + b"\0")
    return digest.hexdigest() if schemas else ""


def _nothing(_: str) -> None:
    return
