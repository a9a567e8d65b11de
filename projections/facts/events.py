"""The table `events`: every event with its exact stored bytes."""

from typing import ClassVar

from domain.shared.envelope import Envelope, category, id_of
from projections.facts.base import Fact, Leg, Position, Repeating


class EventFact(Fact, frozen=True, kw_only=True):
    TABLE: ClassVar[str] = "events"

    stream: str
    category: Repeating
    id: str  # the stream without its category
    version: Position  # in the stream, from 1
    schema: Leg
    event_id: str
    actor: Repeating
    message_id: str
    causation_id: str
    correlation_id: str
    hash: str  # hex
    metadata: bytes  # stored bytes, JSON
    payload: bytes  # stored bytes, JSON; personal fields are ciphertext


def event_fact(arrived: Envelope, metadata: bytes, payload: bytes) -> EventFact:
    meta = arrived.meta
    return EventFact(
        stream=meta.stream,
        category=category(meta.stream),
        id=id_of(meta.stream),
        version=meta.version,
        schema=meta.schema,
        event_id=meta.event_id,
        actor=meta.actor,
        message_id=meta.message_id,
        causation_id=meta.causation_id,
        correlation_id=meta.correlation_id or meta.message_id,
        hash=arrived.hash,
        metadata=metadata,
        payload=payload,
    )
