"""Folds of single streams at a moment; the result is cached if the stream is long.

    stream's head --key--> cached rows, or: read events --cut, order, fold--> rows

The key of cached rows has the hash of the stream's head (which depends on every byte before it),
the effective time asked for, and the position of the cut, if `knownAt` asked for one. The position
of the last event is stored with them: rows that go beyond the moment are not used.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, NamedTuple

from msgspec import msgpack, structs
from strawberry.dataloader import DataLoader

from api.graphql.engine.faults import BAD_ARGUMENT, fault
from api.graphql.engine.folding import READ, SLICE, Purse
from api.ports import Cache, EventLog
from commands.ports import Head
from domain.shared.envelope import Envelope
from projections.ports import Key, Row, View

CHUNK = 250  # events a read: decoding them blocks the loop for some milliseconds
SORTED_MAX = 5_000  # events sorted on the loop; more are sorted on a thread
KEEP_MIN = 32  # events; folding a shorter stream is faster than the cache
FORM = "1"  # of cached rows; raise it if their encoding or the cut below changes

_encode = msgpack.Encoder().encode
Rows = Mapping[Key, Row]


class Moment(NamedTuple):
    """Events up to a position, effective up to a time (None: any); and the day of the figures."""

    position: int
    effective_at: datetime | None
    today: date
    cut: bool = False  # the position is one of the past (knownAt), not the log's end


class Folds:
    """Rows of views over single streams, all at one moment; a stream is read once for all views."""

    def __init__(self, log: EventLog, cache: Cache, moment: Moment, purse: Purse) -> None:
        self._log, self._cache, self._moment, self._purse = log, cache, moment, purse
        self._heads: DataLoader[str, Head | None] = DataLoader(load_fn=self._load_heads)
        self._paid: set[str] = set()
        self._reading: dict[str, asyncio.Task[_Read]] = {}

    async def rows(self, view: View, stream: str) -> Rows:
        """The view's rows from the stream's events at the moment.

        Raises:
            GraphQLError: the name has a character that no stored name has; the cost is too high
                (`Purse.pay`).
        """
        if "\0" in stream:  # no store accepts it, and each fails in its own way
            raise fault(BAD_ARGUMENT, "an id holds no NUL character")
        head = await self._heads.load(stream)
        if head is None:
            return {}
        steps = head.version * (1 if stream in self._paid else 1 + READ)
        self._paid.add(stream)
        await self._purse.pay(steps)
        if head.version < KEEP_MIN:
            return (await self._fold(view, stream))[1]

        async def make() -> tuple[bytes, bool]:
            last, rows = await self._fold(view, stream)
            whole = last is not None and last.hash == head.hash
            position = last.position if last else 0
            return _encode((position, list(rows.values()))), whole or self._moment.cut

        kept = await self._cache.fetch(self._name(view, stream, head), make)
        position, rows = _decoder(view.ROW).decode(kept)
        if position > self._moment.position:  # the stream grew since the moment was taken
            return (await self._fold(view, stream))[1]
        return {tuple(getattr(row, k) for k in view.ROW.KEY): row for row in rows}

    def _name(self, view: View, stream: str, head: Head) -> list[str]:
        at, cut = self._moment.effective_at, self._moment.cut
        until = at.astimezone(UTC).isoformat() if at else ""
        cut_at = str(self._moment.position) if cut else ""
        return [FORM, view.NAME, str(view.VERSION), stream, head.hash, until, cut_at]

    async def _load_heads(self, streams: list[str]) -> list[Head | None]:
        found = await self._log.heads(streams)
        return [found.get(stream) for stream in streams]

    async def _fold(self, view: View, stream: str) -> tuple[Envelope | None, Rows]:
        """(the last event known at the moment, the rows)."""
        if stream not in self._reading:
            self._reading[stream] = asyncio.create_task(self._read(stream))
        last, events = await asyncio.shield(self._reading[stream])
        return last, await fold_events(view, events, self._purse)

    async def _read(self, stream: str) -> "_Read":
        """The last event known at the moment, and those in effect, in effective order."""
        found: list[Envelope] = []
        version, more = 0, True
        while more:
            async with self._purse.turn():
                chunk = await self._log.select(stream, after_version=version, limit=CHUNK)
            known = [e for e in chunk if e.position <= self._moment.position]
            found += known
            version += len(chunk)
            more = len(known) == CHUNK
        last, until = (found[-1] if found else None), self._moment.effective_at
        if len(found) <= SORTED_MAX:
            return last, in_effective_order(found, until)
        return last, await asyncio.to_thread(in_effective_order, found, until)


_Read = tuple[Envelope | None, list[Envelope]]
"""(the last event known at the moment, those in effect by then)"""


@cache
def _decoder(row: type[Row]) -> msgpack.Decoder[tuple[int, list[Any]]]:
    kept: Any = tuple[int, list[row]]  # type: ignore[valid-type]
    return msgpack.Decoder(kept)


def in_effective_order(events: Sequence[Envelope], until: datetime | None) -> list[Envelope]:
    """A stream's events effective by a time, by (effective_at, position).

    A stream has no effects before its first event: an event with an earlier effective time counts
    from the first one's.
    """
    if not events:
        return []
    start = events[0].effective_at
    timed = [(max(e.effective_at, start), e.position, e) for e in events]
    return [e for at, _, e in sorted(timed, key=lambda t: t[:2]) if until is None or at <= until]


async def fold_events(view: View, events: Sequence[Envelope], purse: Purse) -> Rows:
    """Fold these events into the view's rows."""
    rows: dict[Key, Row | None] = {}
    last: dict[Key, int] = {}
    for start in range(0, len(events), SLICE):
        async with purse.turn():  # a long fold must not block other requests
            for arrived in events[start : start + SLICE]:
                for key, fact in view.facts(arrived):
                    rows[key] = view.fold(rows.get(key), key, fact)
                    last[key] = arrived.position
    left = {key: row for key, row in rows.items() if row is not None}
    return {key: structs.replace(row, position=last[key]) for key, row in left.items()}
