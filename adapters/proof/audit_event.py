"""Checks one stored event against its own bytes, its columns and its predecessor; pure."""

from datetime import datetime

from adapters.log.event_log import chain
from adapters.log.evidence import Columns
from adapters.log.frame import frame, unframe
from adapters.log.recorder import Stored
from domain.shared.envelope import Metadata


def bytes_fault(
    stored: Stored, meta: Metadata, before: tuple[int, bytes], columns: Columns | None
) -> str | None:
    """The first fault in an event's bytes; `before` is (version, hash) of its predecessor."""
    metadata, payload = unframe(stored.state)
    framed, payload_at = frame(metadata, payload)
    if framed != stored.state:
        return "its bytes are not exactly its metadata and its payload"
    if (meta.stream, meta.version, meta.name) != (stored.stream, stored.version, stored.name):
        return "its metadata names another event"
    if bytes.fromhex(meta.previous) != before[1]:
        return "its previous hash is not that of its predecessor"
    if chain(before[1], payload, metadata) != stored.hash:
        return "its bytes do not give its hash"
    return columns and _columns_fault(columns, meta, payload_at)


def _columns_fault(columns: Columns, meta: Metadata, payload_at: int) -> str | None:
    if columns.payload_at != payload_at:
        return f"its column payload_at is {columns.payload_at}, and its payload is at {payload_at}"
    if columns.schema != meta.schema:
        return f"its column schema is {columns.schema}, and its metadata has {meta.schema}"
    return None


def clock_fault(
    stored: Stored, meta: Metadata | None, before: datetime | None, *, exact: bool
) -> str | None:
    """The fault in committed_at, given that of the event before it in the log.

    Args:
        meta: None if it cannot be read.
        exact: the store uses its writers' clock, which never goes back.
    """
    if before is not None and stored.committed_at < before:
        return "committed_at goes backwards"
    if not exact or meta is None:
        return None
    wanted = max(before or meta.recorded_at, meta.recorded_at)
    if stored.committed_at == wanted:
        return None
    return f"committed_at is {stored.committed_at}, and the log's clock was at {wanted}"


def causes(meta: Metadata) -> dict[str, int]:
    """The events that must come before this one in the log: version by stream."""
    found = dict(meta.read)
    stream, at, version = meta.causation_id.rpartition("@")
    if at and version.isdecimal():
        found[stream] = max(found.get(stream, 0), int(version))
    return {stream: version for stream, version in found.items() if version}
