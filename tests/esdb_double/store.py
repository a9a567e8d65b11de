"""The server's state: streams over one log, and the rules of appending.

Positions are those of a transaction log file: they grow by the size of a record, so they have
gaps. Revisions count from 0 in each stream. A write whose events exist already, with the same ids
at the same place, gets its first answer again.
"""

import base64
import json
import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

ANY, NO_STREAM, EXISTS = -2, -1, -4  # expected revisions that are not numbers
MAX_LONG = 2**63 - 1
RECORD_BYTES = 84  # of a record without its event
APPEND_MAX = 1 << 20  # bytes: the server's MaxAppendSize


class Proposed(NamedTuple):
    id: str
    type: str
    content_type: str
    data: bytes
    metadata: bytes


class Record(NamedTuple):
    position: int
    stream: str
    revision: int
    event: Proposed
    created: int  # 100 ns since 1970


class WrongVersion(Exception):
    def __init__(self, current: int) -> None:
        super().__init__(f"Append failed due to WrongExpectedVersion. Actual version: {current}")
        self.current = current  # NO_STREAM or a revision


class StreamDeleted(Exception):
    def __init__(self, stream: str) -> None:
        super().__init__(f"Event stream '{stream}' is deleted.")


class TooLarge(Exception):
    pass


@dataclass
class Rules:
    """The stream metadata that decides which events are visible."""

    max_count: int | None = None
    truncate_before: int = 0
    max_age_s: float | None = None


class Store:
    """Everything appended, in memory; and in a file, flushed to the disk before an answer."""

    def __init__(self, file: Path | None = None) -> None:
        self.grown = threading.Condition()
        self.log: list[Record] = []
        self.streams: dict[str, list[Record]] = defaultdict(list)
        self.tombstones: set[str] = set()
        self._end = 0
        self._file = None
        if file is not None:
            self._load(file)
            self._file = file.open("ab")
        if not self.log:
            first = Proposed(str(uuid4()), "$EpochInformation", "application/json", b"{}", b"")
            self._write("$epoch-information", [first])

    def append(self, stream: str, expected: int, events: Sequence[Proposed]) -> Record | None:
        """Append all or nothing; the last record, or None when there was nothing to append.

        Raises:
            WrongVersion, StreamDeleted, TooLarge
        """
        if sum(len(e.data) + len(e.metadata) + len(e.type) for e in events) > APPEND_MAX:
            raise TooLarge
        with self.grown:
            if stream in self.tombstones:
                raise StreamDeleted(stream)
            before = self._written_before(stream, expected, events)
            if before is not None:
                return before
            self._check(stream, expected)
            written = self._write(stream, events)
            return written[-1] if written else None

    def delete(self, stream: str, expected: int) -> int:
        """Soft-delete a stream: hide its events; returns the position of the deletion record."""
        with self.grown:
            if stream in self.tombstones:
                raise StreamDeleted(stream)
            if not self.streams.get(stream):
                raise WrongVersion(NO_STREAM)
            if expected == EXISTS and self._is_hidden(stream):
                raise StreamDeleted(stream)
            if expected >= 0 and expected != len(self.streams[stream]) - 1:
                raise WrongVersion(len(self.streams[stream]) - 1)
            return self._note(stream, self.metadata(stream) | {"$tb": MAX_LONG})

    def tombstone(self, stream: str, expected: int) -> int:
        """End a stream for good."""
        with self.grown:
            if stream in self.tombstones:
                raise StreamDeleted(stream)
            current = len(self.streams.get(stream, ())) - 1
            if (expected == EXISTS and current < 0) or (expected >= 0 and expected != current):
                raise WrongVersion(current)
            last = Proposed(str(uuid4()), "$streamDeleted", "application/json", b"{}", b"")
            position = self._write(stream, [last])[-1].position
            return position

    def metadata(self, stream: str) -> dict[str, Any]:
        notes = self.streams.get(f"$${stream}")
        found = json.loads(notes[-1].event.data) if notes else {}
        return found if isinstance(found, dict) else {}

    def visible(self, stream: str) -> Sequence[Record]:
        """A stream's records that its metadata leaves visible; empty: not found.

        Raises:
            StreamDeleted: it has a tombstone.
        """
        if stream in self.tombstones or stream.removeprefix("$$") in self.tombstones:
            raise StreamDeleted(stream)
        records = self.streams.get(stream, ())
        rules = self._rules(stream)
        first = rules.truncate_before
        if rules.max_count is not None:
            first = max(first, len(records) - rules.max_count)
        left = records[first:]
        if rules.max_age_s is not None:
            oldest = int((time.time() - rules.max_age_s) * 1e7)
            left = [r for r in left if r.created >= oldest]
        return left

    def _rules(self, stream: str) -> Rules:
        if stream.startswith("$$"):
            return Rules(max_count=1)
        found = self.metadata(stream)
        return Rules(found.get("$maxCount"), found.get("$tb", 0), found.get("$maxAge"))

    def _written_before(
        self, stream: str, expected: int, events: Sequence[Proposed]
    ) -> Record | None:
        """The last record of the same write, if it is stored at the expected place."""
        records = self.streams.get(stream, [])
        if not events or not records:
            return None
        if expected in (ANY, EXISTS):
            at = [r.revision for r in records if r.event.id == events[0].id]
            if not at:
                return None
            start = at[-1]
        else:
            start = expected + 1
        there = [r.event.id for r in records[start : start + len(events)]]
        return records[start + len(events) - 1] if there == [e.id for e in events] else None

    def _check(self, stream: str, expected: int) -> None:
        current = len(self.streams.get(stream, ())) - 1
        if expected in (ANY, current):
            return
        if expected == EXISTS and current >= 0 and not self._is_hidden(stream):
            return
        if expected == NO_STREAM and current >= 0 and self._is_hidden(stream):
            return
        raise WrongVersion(current)

    def _is_hidden(self, stream: str) -> bool:
        return int(self.metadata(stream).get("$tb", 0)) >= len(self.streams.get(stream, ()))

    def _note(self, stream: str, metadata: dict[str, Any]) -> int:
        data = json.dumps(metadata).encode()
        note = Proposed(str(uuid4()), "$metadata", "application/json", data, b"")
        return self._write(f"$${stream}", [note])[-1].position

    def _write(self, stream: str, events: Sequence[Proposed]) -> list[Record]:
        with self.grown:
            if events and not stream.startswith("$$") and self._is_hidden(stream):
                current = len(self.streams.get(stream, ()))
                if current and events[0].type != "$streamDeleted":  # restarts behind them
                    self._note(stream, self.metadata(stream) | {"$tb": current})
            made, created = [], time.time_ns() // 100
            for event in events:
                revision = len(self.streams[stream]) + len(made)
                made.append(Record(self._end, stream, revision, event, created))
                self._end += RECORD_BYTES + len(stream) + len(event.data) + len(event.metadata)
            self._persist(made)
            self._take(made)
            self.grown.notify_all()
            return made

    def _take(self, made: Sequence[Record]) -> None:
        for record in made:
            self.log.append(record)
            self.streams[record.stream].append(record)
            if record.event.type == "$streamDeleted":
                self.tombstones.add(record.stream)

    def _persist(self, made: Sequence[Record]) -> None:
        """Write one line per append: an incomplete line, cut by a crash, does not count."""
        if self._file is None:
            return
        self._file.write(json.dumps([_packed(r) for r in made]).encode() + b"\n")
        self._file.flush()
        os.fdatasync(self._file.fileno())

    def _load(self, file: Path) -> None:
        if not file.exists():
            return
        text = file.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        if len(whole) < len(text):
            file.write_bytes(whole)
        for line in whole.splitlines():
            made = list(_unpacked(json.loads(line)))
            self._take(made)
            last = made[-1]
            self._end = last.position + RECORD_BYTES + len(last.stream)
            self._end += len(last.event.data) + len(last.event.metadata)


def _packed(r: Record) -> list[Any]:
    data, metadata = (base64.b64encode(b).decode() for b in (r.event.data, r.event.metadata))
    return [r.position, r.stream, r.revision, *r.event[:3], data, metadata, r.created]


def _unpacked(rows: list[list[Any]]) -> Iterator[Record]:
    for position, stream, revision, id_, type_, content, data, metadata, created in rows:
        event = Proposed(id_, type_, content, base64.b64decode(data), base64.b64decode(metadata))
        yield Record(position, stream, revision, event, created)
