"""Decide which writes of a batch to send: first without asking the database, then with its answer.

The rule of a batch: its writes happen in order. If one write of a stream fails, all later writes
of that stream in the batch fail too. They may have been decided on the state that the failed
write would have left, so a version number that happens to fit proves nothing.
"""

import itertools
from collections.abc import Mapping, Sequence, Set

from msgspec import Struct

from adapters.log.recorder import BATCH_MAX, Message, Write

STREAM_MAX = 200  # characters; with the message id it must fit an index row of 2,704 bytes
MESSAGE_ID_MAX = 400
BROKEN = -1  # the version of a stream after a failed write: it matches no expected version
BYTES_MAX = 64 << 20  # of states in one commit, unless a single write has more

Key = tuple[str, str]


class Plan(Struct):
    """Indices into the batch. The caller looks up why a write was rejected after the commit."""

    send: list[int]
    first: list[int]  # those of `send` that are the first on their stream: the only ones to check
    rejected: list[int]
    settled: dict[int, Message]  # already written by an attempt whose answer was lost


def check(write: Write) -> None:
    """Refuse a write that no store can keep, before it fails the commit it shares with others.

    Raises:
        ValueError: the stream or the message id is too long or not printable, or the expected
            version is negative.
    """
    stream, message_id = write.stream, write.message_id
    if (
        write.expected < 0
        or not 0 < len(stream) <= STREAM_MAX
        or len(message_id) > MESSAGE_ID_MAX
        or not stream.isprintable()
        or not message_id.isprintable()
    ):
        raise ValueError(f"cannot store {stream[:99]!r}@{write.expected}, {message_id[:99]!r}")


def chunks(batch: Sequence[Write]) -> list[Sequence[Write]]:
    """Check a batch and cut it into parts of a bounded number of events and bytes: one commit each.

    Raises:
        ValueError: as `check`.
    """
    for write in batch:
        check(write)
    sizes = [len(event.state) for write in batch for event in write.events]
    if max(len(batch), len(sizes)) <= BATCH_MAX and sum(sizes) <= BYTES_MAX:
        return [batch] if batch else []
    cuts = [0]
    events = size = 0
    for i, write in enumerate(batch):
        more = len(write.events)
        size_more = 0
        for event in write.events:
            size_more += len(event.state)
        if i > cuts[-1] and (
            events + more > BATCH_MAX or size + size_more > BYTES_MAX or i - cuts[-1] >= BATCH_MAX
        ):
            cuts.append(i)
            events = size = 0
        events += more
        size += size_more
    cuts.append(len(batch))
    return [batch[start:end] for start, end in itertools.pairwise(cuts) if start < end]


def plan(
    batch: Sequence[Write],
    heads: Mapping[str, int],
    broken: Set[str],
    *,
    known: Mapping[Key, Message] | None = None,
    retried: bool = False,
) -> Plan:
    """Sort a batch into writes to send, to reject, and already written.

    Args:
        heads: the streams' versions; without `known`, only lower bounds of them.
        broken: streams on which an earlier part of the batch failed.
        known: messages of the batch that are already bound; None: the database was not asked.
        retried: an earlier answer was lost: a message row equal to a write's outcome is that write.
    """
    made = Plan([], [], [], {})
    tails: dict[str, int] = dict.fromkeys(broken, BROKEN)
    bound: set[Key] = set()
    for i, write in enumerate(batch):
        stream, expected, key = write.stream, write.expected, (write.stream, write.message_id)
        message = known.get(key) if known else None
        if message and retried and key not in bound and is_outcome(write, message):
            made.settled[i] = message
            bound.add(key)
            continue
        tail = tails.get(stream)
        head = heads.get(stream, 0) if tail is None else tail
        fits = head == expected or (tail is None and known is None and head < expected)
        if message or not fits or key in bound:
            tails[stream] = BROKEN
            made.rejected.append(i)
            continue
        if tail is None:
            made.first.append(i)
        if write.message_id:
            bound.add(key)
        tails[stream] = expected + len(write.events)
        made.send.append(i)
    return made


def is_outcome(write: Write, message: Message) -> bool:
    """Whether the message row is what this very write leaves behind."""
    if message.request_hash != write.request_hash:
        return False
    if message.version != write.expected + len(write.events):
        return False
    return message.hash == write.events[-1].hash if write.events else message.position == 0
