"""Convert one event to EventStoreDB's form and back, byte by byte the same.

    data      payload; or the whole state, if it is no {"metadata": ..., "payload": ...}
    metadata  {"hash": hex, "at": writer's clock, "message": [id, request hash, keep],
               "metadata": ...}          the last two if there are any
    id        a UUID made from the chain's hash and the version

The inner metadata and the payload are the stored bytes themselves, never decoded and encoded
again. The last event of a write carries `message`. The id derives from the hash, not from the
message id: the server takes a known id for a repeated append and answers it with success, so two
events that differ in one byte must not share an id.
"""

from datetime import datetime
from hashlib import sha256
from typing import NamedTuple
from uuid import uuid4

import msgspec
from esdbclient.events import ContentType, RecordedEvent
from esdbclient.protos.Grpc import shared_pb2, streams_pb2

from adapters.log.frame import frame, unframe
from adapters.log.recorder import Sealed, Stored, Write
from domain.shared.limits import EPOCH

JSON: ContentType = "application/json"
BYTES: ContentType = "application/octet-stream"
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class Bound(NamedTuple):
    """The message of a write, as stored with the write's last event."""

    message_id: str
    request_hash: str
    keep: bool


class _Stamp(msgspec.Struct, omit_defaults=True):
    hash: str
    at: datetime
    message: Bound | None = None
    metadata: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Arrived(NamedTuple):
    """A recorded event; its state is not decoded."""

    position: int
    stream: str
    version: int
    name: str
    state: bytes
    hash: bytes
    at: datetime  # the writer's clock
    bound: Bound | None

    def stored(self, committed_at: datetime) -> Stored:
        return Stored(*self[:6], committed_at)


_stamp_decoder = msgspec.json.Decoder(_Stamp)
_encode = msgspec.json.Encoder().encode


def proposed(
    event: Sealed, version: int, at: datetime, *, write: Write | None = None
) -> "streams_pb2.BatchAppendReq.ProposedMessage":
    """The message that appends an event; `write` is given only for a write's last event."""
    content_type, data, metadata = content(event, at, write=write)
    return streams_pb2.BatchAppendReq.ProposedMessage(
        id=shared_pb2.UUID(string=event_id(event.hash, version)),
        metadata={"type": event.name, "content-type": content_type},
        custom_metadata=metadata,
        data=data,
    )


def content(
    event: Sealed, at: datetime, *, write: Write | None = None
) -> tuple[ContentType, bytes, bytes]:
    """(content type, data, metadata) of an event."""
    metadata, data = _split(event.state)
    stamp = _Stamp(event.hash.hex(), at)
    if metadata:
        stamp.metadata = msgspec.Raw(metadata)
    if write is not None and write.message_id:
        stamp.message = Bound(write.message_id, write.request_hash.hex(), write.keep)
    return JSON if metadata else BYTES, data, _encode(stamp)


def event_id(chained: bytes, version: int) -> str:
    """The UUID (version 8) of an event's hash and version; a random one without a hash."""
    if not chained:
        return str(uuid4())
    h = sha256(chained + version.to_bytes(8, "big")).hexdigest()
    return f"{h[:8]}-{h[8:12]}-8{h[13:16]}-{_VARIANT[h[16]]}{h[17:20]}-{h[20:32]}"


def arrived(event: RecordedEvent) -> Arrived:
    """Open a recorded event; an event that Tidemark did not write has no hash."""
    place = (event.commit_position or 0, event.stream_name, event.stream_position + 1, event.type)
    try:
        stamp = _stamp_decoder.decode(event.metadata)
        digest = bytes.fromhex(stamp.hash)
    except (msgspec.MsgspecError, ValueError):
        return Arrived(*place, event.data, b"", event.recorded_at or EPOCH, None)
    state = event.data
    if isinstance(stamp.metadata, msgspec.Raw):
        state, _ = frame(bytes(stamp.metadata), state)
    return Arrived(*place, state, digest, stamp.at, stamp.message)


def _split(state: bytes) -> tuple[bytes, bytes]:
    """(metadata, payload) of a frame if they reproduce its exact bytes; else (b"", state)."""
    try:
        metadata, payload = unframe(state)
    except msgspec.MsgspecError:
        return b"", state
    if frame(metadata, payload)[0] != state:
        return b"", state
    return metadata, payload
