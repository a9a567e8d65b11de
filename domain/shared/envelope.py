"""Envelope: what the log knows about an event and the event itself must not hold."""

from datetime import datetime

from msgspec import Struct

from domain.shared.message import Event


class Metadata(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Stored beside the payload and covered by the hash; the position is not part of it."""

    stream: str  # "order-<order_id>"
    version: int  # 1-based place in the stream
    name: str  # stable event name, "order.placed"
    schema: int  # version of the event's schema
    event_id: str  # UUIDv5 of (stream, message id, index)
    recorded_at: datetime  # the handler's clock, UTC
    actor: str
    message_id: str  # idempotency key of the command, or its business id
    request_hash: str  # HMAC-SHA256 of the request body, hex
    home: str  # partition key: an account id, otherwise the stream
    previous: str = ""  # hash of the stream's previous event, hex; "" before the first
    effective_at: datetime | None = None  # when it was so in the world; None: recorded_at
    causation_id: str = ""  # what directly caused it: a stream@version, or ""
    correlation_id: str = ""  # the conversation; "": the message id
    read: dict[str, int] = {}  # versions of the other streams the decision looked at


class Envelope(Struct, frozen=True, kw_only=True, gc=False):
    position: int  # place in the whole log: strictly increasing, not dense
    committed_at: datetime  # the log's own clock, monotone in position
    meta: Metadata
    event: Event
    hash: str  # of this event, hex: the head of the stream's chain

    @property
    def stream(self) -> str:
        return self.meta.stream

    @property
    def version(self) -> int:
        return self.meta.version

    @property
    def home(self) -> str:
        return self.meta.home

    @property
    def effective_at(self) -> datetime:
        return self.meta.effective_at or self.meta.recorded_at

    @property
    def source(self) -> str:
        """How others name this event as their cause: `stream@version`."""
        return f"{self.meta.stream}@{self.meta.version}"


def category(stream: str) -> str:
    return stream.split("-", 1)[0]


def state_category(stream: str) -> str:
    """The category of the aggregate that folds the stream: all sagas' streams have one."""
    name = category(stream)
    return "saga" if name.startswith("saga_") else name


def id_of(stream: str) -> str:
    return stream.split("-", 1)[1]
