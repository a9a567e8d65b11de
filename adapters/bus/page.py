"""The page: the format of the log topic's records, for the relay that cuts them and for consumers.

    topic {prefix}.log.{generation}, partition = shard(home) % partitions
    page       value: msgpack {"events": [[position, stream, version, name, state, hash,
                      committed_at in microseconds], ...]}, the exact stored bytes
               headers, ASCII: prev, first, last
    watermark  no value; headers prev, relayed: all of this partition up to `relayed` was sent

Records of a partition form a chain: `prev` is where the record before it ended (`last` of a page,
`relayed` of a watermark; 0 before the first). A consumer at position P meets one of three cases:

    end <= P          a repetition: nothing is new
    prev <= P < end   the next record: its events after P are new
    prev > P          a gap: read (P, prev] from the log first

Pure: no client of Kafka is imported here. Positions are 64-bit integers and not dense.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import msgspec

from adapters.log import frame
from adapters.log.recorder import Stored
from domain.shared.limits import EPOCH
from projections.engine.shard import SHARDS, shard

PAGE_EVENTS_MAX = 256
PAGE_BYTES_MAX = 512 << 10  # of states; one event that is larger is a page of its own
PARTITIONS = tuple(n for n in range(1, SHARDS + 1) if SHARDS % n == 0)

_MICROSECOND = timedelta(microseconds=1)


class MalformedPage(Exception):
    """The record is no page and no watermark: the relay did not write it, or it was damaged."""


class Fit(StrEnum):
    """How a record relates to a consumer's position."""

    NEXT = "next"
    REPEATED = "repeated"
    GAP = "gap"


class Span(NamedTuple):
    """What a record covers of its partition: everything with prev < position <= end."""

    prev: int
    end: int  # the last position of a page, or the relayed position of a watermark
    first: int = 0  # of a page; 0 for a watermark

    @property
    def watermark(self) -> bool:
        return self.first == 0

    def fit(self, position: int) -> Fit:
        """What this record is to a consumer that has everything up to `position`."""
        if self.end <= position:
            return Fit.REPEATED
        return Fit.NEXT if self.prev <= position else Fit.GAP


class Page(NamedTuple):
    """One record to send."""

    partition: int
    span: Span
    value: bytes | None  # None: a watermark

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        return headers(self.span)


class Share(NamedTuple):
    """The events of a batch that go to one partition."""

    partition: int
    events: Sequence[Stored]


class _Row(msgspec.Struct, array_like=True, gc=False, frozen=True):
    position: int
    stream: str
    version: int
    name: str
    state: bytes
    hash: bytes
    committed_at: int  # microseconds since 1970, UTC


class Body(msgspec.Struct, frozen=True):
    """The value of a page; its JSON Schema is docs/bus/page.schema.json."""

    events: list[_Row]


_encode = msgspec.msgpack.Encoder().encode
_decode_body = msgspec.msgpack.Decoder(Body).decode


def partition_of(home: str, partitions: int) -> int:
    """The partition of events with this `home`; for every allowed count a house shard is in one."""
    return shard(home) % partitions


def home_of(stored: Stored) -> str:
    """The partition key in the metadata of a stored event.

    Raises:
        MalformedPage: the stored bytes are corrupt; the text names the event.
    """
    try:
        return frame.home(stored.state)
    except msgspec.MsgspecError as e:
        where = f"{stored.stream}@{stored.version} (position {stored.position})"
        raise MalformedPage(f"{where}: {stored.name}: {e}") from e


def encode(events: Iterable[Stored]) -> bytes:
    """The value of a page."""
    rows: list[tuple[object, ...]] = []  # as `_Row`; tuples are made in half the time
    at, micros = EPOCH, 0
    for event in events:
        if event.committed_at != at:  # events of one append share it
            at = event.committed_at
            micros = _micros(at)
        rows.append((*event[:6], micros))
    return _encode({"events": rows})


def decode(value: bytes) -> list[Stored]:
    """The events of a page's value, as the log stores them.

    Raises:
        MalformedPage: the bytes are no page.
    """
    try:
        body = _decode_body(value)
    except msgspec.MsgspecError as e:
        raise MalformedPage(f"not a page: {e}") from e
    return [
        Stored(r.position, r.stream, r.version, r.name, r.state, r.hash, _moment(r.committed_at))
        for r in body.events
    ]


def behind(events: Sequence[Stored], position: int) -> Sequence[Stored]:
    """The events of a page that a consumer at `position` does not have yet."""
    if events and events[0].position > position:
        return events
    return [e for e in events if e.position > position]


def headers(span: Span) -> list[tuple[str, bytes]]:
    if span.watermark:
        return [("prev", b"%d" % span.prev), ("relayed", b"%d" % span.end)]
    return [("prev", b"%d" % span.prev), ("first", b"%d" % span.first), ("last", b"%d" % span.end)]


def span_of(given: Mapping[str, bytes] | Iterable[tuple[str, bytes]]) -> Span:
    """The span in the headers of a record; other headers are ignored.

    Raises:
        MalformedPage: one is missing, is no number, or they contradict each other.
    """
    found = dict(given)
    try:
        prev = int(found["prev"])
        if "relayed" in found:
            span = Span(prev, int(found["relayed"]))
        else:
            span = Span(prev, int(found["last"]), int(found["first"]))
    except (KeyError, ValueError) as e:
        raise MalformedPage(f"headers of no page and no watermark: {e}") from e
    sound = span.prev <= span.end if span.watermark else span.prev < span.first <= span.end
    if not sound or span.prev < 0:
        raise MalformedPage(f"headers contradict each other: {span}")
    return span


def cut(
    events: Sequence[Stored], partitions: int, *, relayed: int, until: int | None = None
) -> list[Page]:
    """The records of one relay batch, in the order in which they are sent.

    Args:
        events: the log's next events, in position order.
        relayed: where the batch before it ended, and so every partition's chain.
        until: where this batch ends; default: the position of its last event.

    Returns:
        Pages of each partition in position order, then a watermark for every partition.
    """
    end = until if until is not None else (events[-1].position if events else relayed)
    pages: list[Page] = []
    for part in split(events, partitions):
        prev = relayed
        for run in _runs(part.events):
            span = Span(prev, run[-1].position, run[0].position)
            pages.append(Page(part.partition, span, encode(run)))
            prev = span.end
        pages.append(Page(part.partition, Span(prev, end), None))
    return sorted(pages, key=lambda page: page.value is None)


def split(events: Iterable[Stored], partitions: int) -> list[Share]:
    """The events by partition, in the order given; partitions without events are included."""
    parts: list[list[Stored]] = [[] for _ in range(partitions)]
    of_home: dict[str, list[Stored]] = {}
    for event in events:
        home = home_of(event)
        part = of_home.get(home)
        if part is None:
            part = of_home[home] = parts[partition_of(home, partitions)]
        part.append(event)
    return [Share(partition, part) for partition, part in enumerate(parts)]


def _runs(events: Sequence[Stored]) -> Iterable[Sequence[Stored]]:
    """Consecutive runs within the bounds of a page."""
    start = size = 0
    for i, event in enumerate(events):
        full = i - start == PAGE_EVENTS_MAX or size + len(event.state) > PAGE_BYTES_MAX
        if full and i > start:
            yield events[start:i]
            start, size = i, 0
        size += len(event.state)
    if events:
        yield events[start:]


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // _MICROSECOND


def _moment(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)
