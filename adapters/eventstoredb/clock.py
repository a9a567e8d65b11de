"""The log's clock on EventStoreDB, and the places in $all where a reader may begin.

    committed_at(p) = max of the writers' clocks at or before p

A place is the position of a record with the clock there. The server reads only from the position
of a record, and a reader that begins in the middle needs the greatest clock before it: the last
known place at or before its position gives both. Places a megabyte of log apart are stored
(`marks`), those of recently read pages stay in memory for a while.
"""

from bisect import bisect_right, insort
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from struct import Struct as Packing
from typing import NamedTuple

from adapters.log.evidence import SnapshotRow
from adapters.log.recorder import Recorder
from domain.shared.limits import EPOCH

MARK_BYTES = 1 << 20  # of the log between two marks: some thousand events
RECENT_MAX = 4_000
CHUNK = 256  # marks in one stored row
CHUNKS_A_READ = 100
ROW_NAME = "log marks"  # stored as a snapshot's domain hash
BEGIN = datetime(1, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ENTRY = Packing(">qq")


class Place(NamedTuple):
    """The place after the event at `position`; 0 is the beginning of the log."""

    position: int
    clock: datetime  # committed_at there


START = Place(0, BEGIN)


class LogClock:
    """Known places in order; `load` reads the stored marks, `due` returns new rows to store."""

    def __init__(self) -> None:
        self._marks: list[Place] = [START]
        self._recent: list[Place] = []
        self._saved = 1

    @property
    def newest(self) -> Place:
        """The last place that is known."""
        return max(self._marks[-1], self._recent[-1]) if self._recent else self._marks[-1]

    def before(self, position: int) -> Place:
        """The last known place at or before a position."""
        return max(_last(self._marks, position), _last(self._recent, position))

    def at(self, moment: datetime) -> Place:
        """The last known place whose clock is at or before a moment."""
        marks, recent = (
            places[: bisect_right(places, moment, key=lambda p: p.clock)][-1:]
            for places in (self._marks, self._recent)
        )
        return max([START, *marks, *recent])

    def passed(self, place: Place) -> None:
        """Mark a place that a read passes, if the last mark is `MARK_BYTES` or more before it."""
        if place.position >= self._marks[-1].position + MARK_BYTES:
            self._marks.append(place)

    def reached(self, place: Place) -> None:
        """Remember the place where a read ended."""
        if self.before(place.position) != place:
            insort(self._recent, place)
            if len(self._recent) > RECENT_MAX:
                del self._recent[: RECENT_MAX // 2]

    async def load(self, rows: Recorder) -> None:
        """Read the stored marks."""
        first = 0
        while True:
            names = [_row_name(n) for n in range(first, first + CHUNKS_A_READ)]
            found = await rows.read(names, domain_hash=ROW_NAME)
            for name in names:
                kept = found[name].snapshot if name in found else None
                if kept is None:
                    self._saved = len(self._marks)
                    return
                places = [_unpacked(*entry) for entry in _ENTRY.iter_unpack(kept.state)]
                self._marks += [p for p in places if p > self._marks[-1]]
            first += CHUNKS_A_READ

    def due(self) -> Sequence[SnapshotRow]:
        """The rows to store: those with marks made since the last call."""
        if self._saved == len(self._marks):
            return ()
        first, self._saved = (self._saved - 1) // CHUNK, len(self._marks)
        rows = []
        for n in range(first, (len(self._marks) - 2) // CHUNK + 1):
            marks = self._marks[1 + n * CHUNK : 1 + (n + 1) * CHUNK]
            state = b"".join([_packed(place) for place in marks])
            rows.append(SnapshotRow(_row_name(n), len(marks), b"", ROW_NAME, state))
        return rows


def _last(places: list[Place], position: int) -> Place:
    at = bisect_right(places, position, key=lambda p: p.position)
    return places[at - 1] if at else START


def _row_name(n: int) -> str:
    return f"marks-{n}"


def _packed(place: Place) -> bytes:
    return _ENTRY.pack(place.position, (place.clock - EPOCH) // _MICROSECOND)


def _unpacked(position: int, microseconds: int) -> Place:
    return Place(position, EPOCH + microseconds * _MICROSECOND)
