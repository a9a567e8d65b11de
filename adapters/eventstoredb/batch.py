"""A batch of writes on EventStoreDB: which to send, which to send together, the result of each.

    batch --cover--> every message up to the expected versions --plan--> send | rejected
                                                                          |
            adjacent writes of one stream are one append, whole or not at all (each was decided on
            the state that the one before leaves); appends start in the batch's order, many in
            flight at once, but a second append to a stream waits for the first one's answer: so
            equal batches make equal logs

A lost race is final, because streams only grow: the stream is then read to its end, to tell Known
from WrongVersion.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence, Set
from datetime import datetime

from adapters.eventstoredb.append import Appender
from adapters.eventstoredb.event import Arrived, proposed
from adapters.eventstoredb.keys import KeyRing
from adapters.eventstoredb.link import Link
from adapters.log.append_plan import Key, plan
from adapters.log.evidence import SnapshotRow
from adapters.log.recorder import Known, Message, Result, Write, Written, WrongVersion
from adapters.log.turns import Turns

GROUP_EVENTS_MAX = 500  # in one append; a single write may have more
GROUP_BYTES_MAX = 512 << 10  # the server takes 1 MiB by default
NOTHINGS_MAX = 100_000  # messages that changed nothing, kept in memory

ReadStream = Callable[[str, int, int | None], Awaitable[list[Arrived]]]
Restore = Callable[[Sequence[str]], Awaitable[Sequence[SnapshotRow]]]


class Batches:
    """Appends batches; batches that share a stream run in call order.

    Args:
        read: returns a stream's events after a version, at most so many.
        restore: returns the snapshots of streams' message ids, if there are any.
    """

    def __init__(self, link: Link, read: ReadStream, restore: Restore) -> None:
        self.keys = KeyRing()
        self._appender = Appender(link)
        self._read, self._restore = read, restore
        self._nothings: dict[Key, tuple[Message, bool, datetime]] = {}
        self._turns = Turns()

    async def append(self, part: Sequence[Write], now: datetime, broken: Set[str]) -> list[Result]:
        async with self._turns.of({write.stream for write in part}):
            first = {w.stream: w for w in reversed(part)}
            short = [w for w in first.values() if self._lacks(w.stream, w.expected, not w.events)]
            if short:
                await asyncio.gather(*[self._cover(w.stream) for w in short])
            known = await self.messages([(w.stream, w.message_id) for w in part])
            heads = {stream: self.keys[stream].version for stream in first}
            made = plan(part, heads, broken, known=known)
            results: dict[int, Result] = {}
            await self._append_all(part, made.send, now, results=results)
            await self._explain(part, results)
            self.keys.trim(self._turns.streams)
            return [results[i] for i in range(len(part))]

    async def messages(self, asked: Sequence[Key]) -> dict[Key, Message]:
        """The messages that are bound, as far as the streams were read."""
        at = {key: self.keys[key[0]].find(key[1]) for key in asked}
        found = {key: self._nothings[key][0] for key in asked if key in self._nothings}
        hits = [(key, version) for key, version in at.items() if version is not None]
        if not hits:
            return found
        events = await asyncio.gather(*[self._read(k[0], v - 1, 1) for k, v in hits])
        for (key, _), read in zip(hits, events, strict=True):
            for event in read:
                if event.bound is not None and event.bound.message_id == key[1]:
                    request_hash = bytes.fromhex(event.bound.request_hash)
                    found[key] = Message(request_hash, event.version, event.position, event.hash)
        return found

    async def refresh(self, streams: Sequence[str]) -> None:
        """Read streams on to their ends."""
        await asyncio.gather(*[self._cover(stream) for stream in streams])

    def prune(self, before: datetime) -> int:
        old = [k for k, (_, keep, at) in self._nothings.items() if not keep and at < before]
        for key in old:
            del self._nothings[key]
        return len(old)

    async def close(self) -> None:
        await self._appender.close()

    def _lacks(self, stream: str, version: int, to_the_end: bool) -> bool:
        return to_the_end or self.keys[stream].version < version

    async def _cover(self, stream: str) -> None:
        """Learn a stream's message ids up to its end."""
        if not self.keys[stream].version:
            self.keys.restore(await self._restore([stream]))
        self.keys.learn(stream, await self._read(stream, self.keys[stream].version, None))

    async def _append_all(
        self,
        part: Sequence[Write],
        send: Sequence[int],
        now: datetime,
        *,
        results: dict[int, Result],
    ) -> None:
        """Append the writes in `send`; a failed one and later ones of its stream have no result."""
        groups = _groups(part, send)
        if len(groups) == 1:
            await self._append_group(part, groups[0], now, results=results)
            return
        flying: dict[str, asyncio.Task[bool]] = {}
        try:
            for group in groups:
                stream = part[group[0]].stream
                if stream in flying and not await flying[stream]:
                    continue
                sending = self._append_group(part, group, now, results=results)
                flying[stream] = asyncio.create_task(sending, name="esdb-append")
        finally:
            ended = await asyncio.gather(*flying.values(), return_exceptions=True)
        for error in ended:
            if isinstance(error, BaseException):
                raise error

    async def _append_group(
        self,
        part: Sequence[Write],
        group: Sequence[int],
        now: datetime,
        *,
        results: dict[int, Result],
    ) -> bool:
        """Do one append and add its message ids to the keys; returns whether it was written."""
        eventful = [part[i] for i in group if part[i].events]
        positions: list[int] = []
        if eventful:
            position = await self._send(eventful, now)
            if position is None:
                return False
            positions = await self._positions(eventful, position)
        for i in group:
            write = part[i]
            if not write.events:
                results[i] = self._bind_nothing(write, now)
                continue
            for version, event in enumerate(write.events, write.expected + 1):
                last = version == write.expected + len(write.events)
                bound = write.message_id if last else ""
                self.keys[write.stream].add(version, event.hash, bound)
            results[i] = Written(positions.pop(0))
        return True

    async def _send(self, writes: Sequence[Write], now: datetime) -> int | None:
        messages = []
        for write in writes:
            end = write.expected + len(write.events)
            for version, event in enumerate(write.events, write.expected + 1):
                binds = write if version == end else None
                messages.append(proposed(event, version, now, write=binds))
        return await self._appender.append(writes[0].stream, writes[0].expected, messages)

    async def _positions(self, writes: Sequence[Write], last: int) -> list[int]:
        """Each write's last position: the server returns only the final one, the rest are read."""
        if len(writes) == 1:
            return [last]
        first, end = writes[0].expected, writes[-1].expected
        events = await self._read(writes[0].stream, first, end - first)
        return [
            *[events[w.expected + len(w.events) - 1 - first].position for w in writes[:-1]],
            last,
        ]

    def _bind_nothing(self, write: Write, now: datetime) -> Written:
        """Remember a message that changed nothing, for as long as this process lives."""
        if write.message_id:
            head = self.keys[write.stream].hash if write.expected else b""
            message = Message(write.request_hash, write.expected, 0, head)
            self._nothings[write.stream, write.message_id] = (message, write.keep, now)
            while len(self._nothings) > NOTHINGS_MAX:
                del self._nothings[next(iter(self._nothings))]
        return Written(0)

    async def _explain(self, part: Sequence[Write], results: dict[int, Result]) -> None:
        """Give each write that failed its result: Known if its message is bound."""
        failed = [i for i in range(len(part)) if i not in results]
        if not failed:
            return
        await self.refresh(list({part[i].stream for i in failed}))
        known = await self.messages([(part[i].stream, part[i].message_id) for i in failed])
        for i in failed:
            message = known.get((part[i].stream, part[i].message_id))
            results[i] = Known(message) if message is not None else WrongVersion()


def _groups(part: Sequence[Write], send: Sequence[int]) -> list[list[int]]:
    """Group adjacent writes of one stream, as many as fit into one append."""
    groups: list[list[int]] = []
    events = size = 0
    for i in send:
        more = len(part[i].events)
        bytes_more = sum(len(event.state) for event in part[i].events)
        full = events + more > GROUP_EVENTS_MAX or size + bytes_more > GROUP_BYTES_MAX
        if not groups or part[groups[-1][-1]].stream != part[i].stream or (full and events):
            groups.append([])
            events = size = 0
        groups[-1].append(i)
        events += more
        size += bytes_more
    return groups
