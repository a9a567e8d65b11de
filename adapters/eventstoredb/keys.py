"""The message ids of a stream, read from its own events: they are remembered for ever.

    stream -> (version, head hash, digest of each message id -> version of its write's last event)

An append names the version it was decided on, so it is enough to know every message up to that
version: a later event makes the append a conflict, and is read before the conflict is explained.
The keys of a stream may be dropped and read again; occasional snapshots shorten that.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Container, Iterable, Sequence
from struct import Struct as Packing

from msgspec import Struct

from adapters.eventstoredb.event import Arrived
from adapters.log.evidence import SnapshotRow

KEYS_MAX = 500_000  # digests, and streams, in memory: about 80 MB
TRIM_EVERY = 1_000  # calls of `trim` between two counts of what is held
SNAPSHOT_EVERY = 1_000  # events of a stream between two snapshots of its keys
SNAPSHOT_NAME = "message ids"  # stored as a snapshot's domain hash
_ENTRY = Packing(">16sI")


class Keys(Struct):
    """The message ids of one stream, up to `version`."""

    version: int = 0
    hash: bytes = b""  # of the event at `version`
    writes: dict[bytes, int] = {}
    saved: int = 0  # the version of the last snapshot

    def find(self, message_id: str) -> int | None:
        """The version of the last event that a message wrote."""
        return self.writes.get(digest(message_id)) if message_id else None

    def add(self, version: int, chained: bytes, message_id: str = "") -> None:
        self.version, self.hash = version, chained
        if message_id:
            self.writes.setdefault(digest(message_id), version)

    def snapshot(self, stream: str) -> SnapshotRow:
        state = b"".join([_ENTRY.pack(*entry) for entry in self.writes.items()])
        return SnapshotRow(stream, self.version, self.hash, SNAPSHOT_NAME, state)


class KeyRing:
    """The keys of the streams used last."""

    def __init__(self) -> None:
        self._streams: OrderedDict[str, Keys] = OrderedDict()
        self._looks = 0

    def __getitem__(self, stream: str) -> Keys:
        """The keys of a stream; empty, at version 0, if it was never read."""
        keys = self._streams.get(stream)
        if keys is None:
            keys = self._streams[stream] = Keys()
        self._streams.move_to_end(stream)
        return keys

    def restore(self, rows: Iterable[SnapshotRow]) -> None:
        """Take over snapshots that are newer than the keys held."""
        for row in rows:
            if row.version > self[row.stream].version:
                writes = dict(_ENTRY.iter_unpack(row.state))
                self._streams[row.stream] = Keys(row.version, row.hash, writes, row.version)

    def learn(self, stream: str, events: Sequence[Arrived]) -> None:
        """Add a stream's events; skip those that do not follow the last known version."""
        keys = self[stream]
        for event in events:
            if event.version == keys.version + 1:
                bound = event.bound.message_id if event.bound else ""
                keys.add(event.version, event.hash, bound)

    def due(self, streams: Iterable[str]) -> list[SnapshotRow]:
        """Snapshots of those streams that grew `SNAPSHOT_EVERY` events since their last one."""
        rows = []
        for stream in streams:
            keys = self._streams.get(stream)
            if keys is not None and keys.version >= keys.saved + SNAPSHOT_EVERY:
                keys.saved = keys.version
                rows.append(keys.snapshot(stream))
        return rows

    def trim(self, busy: Container[str]) -> None:
        """At every `TRIM_EVERY`th call, drop the least recently used streams beyond `KEYS_MAX`.

        Streams in `busy` are kept.
        """
        self._looks += 1
        if self._looks % TRIM_EVERY:
            return
        held = sum(1 + len(keys.writes) for keys in self._streams.values())
        for stream in list(self._streams):
            if held <= KEYS_MAX:
                break
            if stream not in busy:
                held -= 1 + len(self._streams.pop(stream).writes)


def digest(message_id: str) -> bytes:
    return hashlib.blake2b(message_id.encode(), digest_size=16).digest()
