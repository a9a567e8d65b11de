"""The event log over any recorder: seals events into hash-chained bytes, opens them again.

    stored state = {"metadata": ..., "payload": ...}          exact bytes, never re-serialised
    hash         = SHA-256(previous hash | length of payload | payload | metadata)

The metadata holds stream, version, name, message id and the previous hash, but no position, so a
stream's chain stays valid in every copy of its bytes.
"""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from adapters.log.codec import Codec, UnknownEvent, plain_json
from adapters.log.domain_hash import DOMAIN_HASH
from adapters.log.evidence import SnapshotRow
from adapters.log.frame import frame, unframe
from adapters.log.recent import LogTail
from adapters.log.recorder import Known, Recorder, Sealed, Stored, StreamRead, Write, Written
from adapters.log.unpacking import unpack
from commands.ports import (
    EMPTY,
    Appended,
    Conflict,
    Head,
    KeyReused,
    Loaded,
    Proposal,
    Request,
    Unreadable,
)
from domain.catalogue import CATEGORIES
from domain.shared.envelope import Envelope, Metadata, state_category
from domain.shared.message import Event

SEAL_BYTES = 32  # before the state of a stored snapshot
MESSAGE_EVENTS = 8  # that one command may append, as far as they are looked for
_log = logging.getLogger(__name__)
_NAMESPACE = UUID("7a1c3d0e-52b1-5d0a-9a53-74696465006d").bytes
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_encode = msgspec.json.Encoder(order="deterministic").encode


class _Opened(msgspec.Struct, gc=False):
    metadata: Metadata
    payload: msgspec.Raw


_opener = msgspec.json.Decoder(_Opened)
_states = {name: msgspec.msgpack.Decoder(type(d.INITIAL)) for name, d in CATEGORIES.items()}
_encode_state = msgspec.msgpack.Encoder().encode
_NOTHING = Loaded(EMPTY, None, ())


def chain(previous: bytes, payload: bytes, metadata: bytes) -> bytes:
    """The hash of an event, given that of its predecessor in the stream (b"" for the first)."""
    return hashlib.sha256(previous + len(payload).to_bytes(4, "big") + payload + metadata).digest()


class RecorderLog:
    """Implements `commands.ports.EventLog` and `projections.ports.Log`.

    Args:
        sole_writer: no other process appends to this log while this one lives.
    """

    def __init__(
        self, recorder: Recorder, codec: Codec, *, request_key: bytes, sole_writer: bool = False
    ) -> None:
        self.recorder = recorder
        self._sole_writer = sole_writer
        self._tip: int | None = None  # for a sole writer: the log's last position, once read
        self._appends = 0
        self._flying = 0  # appends not answered yet
        self._tail = LogTail()
        self._turn = asyncio.Lock()  # held by the one follower that reads the next page
        self._codec = codec
        self._hmac = hmac.new(request_key, digestmod="sha256")  # keyed once, copied per request
        snapshot_key = hmac.digest(request_key, b"snapshots", "sha256")
        self._seals = hmac.new(snapshot_key, digestmod="sha256")
        self.keyed = bool(request_key)  # without a key, snapshots are neither trusted nor written

    async def load(self, streams: Sequence[str], /) -> Mapping[str, Loaded]:
        found = await self.recorder.read(streams, domain_hash=DOMAIN_HASH)
        out = dict.fromkeys(streams, _NOTHING)
        for stream, read in found.items():
            try:
                events = unpack(state_category(stream), read.events, self._codec)
            except (UnknownEvent, msgspec.MsgspecError, KeyError, ValueError):
                events = await self._one_by_one(stream, read)
            snapshot = None
            if read.snapshot is not None:
                snapshot = self.snapshot_state(read.snapshot)
                if snapshot is None:
                    out[stream] = await self._without_snapshot(read.snapshot)
                    continue
            out[stream] = Loaded(Head(read.version, read.hash.hex()), snapshot, events)
        return out

    async def _without_snapshot(self, refused: SnapshotRow) -> Loaded:
        """Load a stream from its first event: its snapshot does not carry our key's MAC."""
        if self.keyed:
            line = "ignored the snapshot of %s at version %s: this platform did not seal it"
            _log.warning(line + " (log verify)", refused.stream, refused.version)
        found = await self.select(refused.stream)
        head = Head(found[-1].version, found[-1].hash) if found else EMPTY
        return Loaded(head, None, [envelope.event for envelope in found])

    async def _one_by_one(self, stream: str, read: StreamRead) -> list[Event]:
        """Read a stream event by event, so that an error names the event that cannot be read."""
        after = read.snapshot.version if read.snapshot else 0
        found = await self.select(stream, after_version=after, limit=read.version - after)
        return [envelope.event for envelope in found]

    async def append(
        self, batch: Sequence[Proposal], /, *, now: datetime
    ) -> Sequence[Appended | Conflict | KeyReused]:
        tips: dict[str, str] = {}
        writes = [self._seal(p, now, tips) for p in batch]
        self._appends += 1
        self._flying += 1
        try:
            results = await self.recorder.append(writes, clock=now)
        except BaseException:
            self._sole_writer = False  # it may still be committed: always query the end from now on
            raise
        finally:
            self._flying -= 1
        if self._tip is not None:
            written = (r.position for r in results if isinstance(r, Written))
            self._tip = max(self._tip, *written, 0)
        return [_outcome(w, r) for w, r in zip(writes, results, strict=True)]

    async def remembered(
        self, asked: Sequence[tuple[str, Request]], /
    ) -> Sequence[Appended | KeyReused | None]:
        found = await self.recorder.messages([(s, r.message_id) for s, r in asked])
        return [self._recalled(found.get((s, r.message_id)), r) for s, r in asked]

    def _recalled(self, message: Any, request: Request) -> Appended | KeyReused | None:
        if message is None:
            return None
        same = message.request_hash == self._request_hash(request)
        return _replayed(message) if same else KeyReused()

    async def heads(self, streams: Sequence[str], /) -> Mapping[str, Head]:
        found = await self.recorder.heads(streams)
        return {s: Head(v, h.hex()) for s, (v, h) in found.items()}

    async def snapshot(self, states: Mapping[str, tuple[Head, Any]], /) -> None:
        if not self.keyed:
            return
        rows = [
            SnapshotRow(s, head.version, bytes.fromhex(head.hash), DOMAIN_HASH, _encode_state(st))
            for s, (head, st) in states.items()
        ]
        sealed = [row._replace(state=self._snapshot_seal(row) + row.state) for row in rows]
        await self.recorder.save_snapshots(sealed)

    def snapshot_state(self, row: SnapshotRow) -> Any | None:
        """The state in a stored snapshot; None when it was not sealed with this log's key."""
        seal, state = row.state[:SEAL_BYTES], row.state[SEAL_BYTES:]
        row = row._replace(state=state)
        if not self.keyed or not hmac.compare_digest(seal, self._snapshot_seal(row)):
            return None
        return _states[state_category(row.stream)].decode(state)

    def _snapshot_seal(self, row: SnapshotRow) -> bytes:
        """HMAC over a whole snapshot; its key derives from the master key, outside the database."""
        where = f"{row.stream}\n{row.domain_hash}\n{row.version}\n{row.hash.hex()}\n"
        mac = self._seals.copy()
        mac.update(where.encode() + row.state)
        return mac.digest()

    async def after(
        self, position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Envelope]:
        """The next events, opened; events opened recently come from memory.

        Followers that wait at the end of the tail share one read: the first of them reads the
        page, and the others take it from the tail.
        """
        if self._tail.holds(position):
            return self._tail.after(position, limit=limit, until=until)
        if position != self._tail.end:
            return await self._read(position, limit=limit, until=until)
        async with self._turn:
            if self._tail.holds(position):
                return self._tail.after(position, limit=limit, until=until)
            return await self._read(position, limit=limit, until=until)

    async def _read(self, position: int, *, limit: int, until: int | None) -> Sequence[Envelope]:
        page = [self.open(s) for s in await self.stored(position, limit=limit, until=until)]
        self._tail.extend(position, page)
        return page

    def forget(self) -> None:
        """Drop the events held in memory, for example after a client's key was erased."""
        self._tail.clear()

    async def stored(
        self, position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Stored]:
        """The same as `after`, as stored bytes (for verification and the warehouse).

        A sole writer knows where the log ends, so at the end it does not query the recorder.
        """
        if self._sole_writer and not self._flying:
            tip = self._tip if self._tip is not None else await self._learn_tip()
            if position >= tip:
                return ()
        return await self.recorder.after(position, limit=limit, until=until)

    async def _learn_tip(self) -> int:
        """Read the log's last position; keep it only if nothing was appended meanwhile."""
        appends = self._appends
        tip = await self.last()
        if appends == self._appends:
            self._tip = tip
        return tip

    async def select(
        self, stream: str, /, *, after_version: int = 0, limit: int | None = None
    ) -> Sequence[Envelope]:
        """One stream's events in version order."""
        found = await self.recorder.select(stream, after_version=after_version, limit=limit)
        return [self.open(s) for s in found]

    async def named(self, asked: Sequence[tuple[str, str]], /) -> Sequence[Envelope]:
        """The events that each message appended, by (stream, message id), up to MESSAGE_EVENTS."""
        known = await self.recorder.messages(asked)
        out: list[Envelope] = []
        for (stream, message_id), message in known.items():
            if message.position:
                since = max(message.version - MESSAGE_EVENTS, 0)
                found = await self.select(stream, after_version=since, limit=MESSAGE_EVENTS)
                out += [e for e in found if e.meta.message_id == message_id]
        return out

    async def last(self) -> int:
        return (await self.recorder.last())[0]

    async def began(self) -> datetime | None:
        """When the first event was committed; None if there is none."""
        first = await self.recorder.after(0, limit=1)
        return first[0].committed_at if first else None

    async def position_at(self, known_at: datetime, /) -> int:
        return await self.recorder.position_at(known_at)

    async def wait(self, position: int, /, *, timeout_s: float) -> bool:
        grown = await self.recorder.wait(position, timeout_s=timeout_s)
        if grown and not self._flying and self._tip is not None and self._tip <= position:
            self._sole_writer = False  # another process appends after all: query from now on
        return grown

    def open(self, stored: Stored) -> Envelope:
        """One stored event as an envelope.

        Raises:
            Unreadable: the event is corrupt or unknown; the text names its stream and version.
        """
        try:
            found = _opener.decode(stored.state)
            meta = found.metadata
            event = self._codec.decode(meta.name, meta.schema, found.payload)
        except (UnknownEvent, msgspec.MsgspecError, KeyError, ValueError) as e:
            where = f"{stored.stream}@{stored.version} (position {stored.position})"
            raise Unreadable(f"{where}: {stored.name}: {e}") from e
        return Envelope(
            position=stored.position,
            committed_at=stored.committed_at,
            meta=meta,
            event=event,
            hash=stored.hash.hex(),
        )

    def opened(self, stored: Stored) -> tuple[Envelope, bytes, bytes]:
        """As `open`, with the exact bytes of the metadata and of the payload."""
        lately = self._tail.at(stored.position)
        same = lately is not None and lately.hash == stored.hash.hex()
        return lately if lately and same else self.open(stored), *unframe(stored.state)

    def _request_hash(self, request: Request) -> bytes:
        at = request.effective_at.isoformat() if request.effective_at else ""
        name = type(request.command).__name__
        mac = self._hmac.copy()
        mac.update(plain_json(request.command) + at.encode() + name.encode())
        return mac.digest()

    def _seal(self, proposal: Proposal, now: datetime, tips: dict[str, str]) -> Write:
        """`tips` holds the running head hash of each stream that this batch extends."""
        request, stream = proposal.request, proposal.stream
        digest = self._request_hash(request)
        tip = tips.get(stream, proposal.expected.hash)
        about = digest.hex(), dict(proposal.read)
        events: list[Sealed] = []
        for i, event in enumerate(proposal.events):
            sealed = self._sealed(proposal, i, event, now=now, previous=tip, about=about)
            events.append(sealed)
            tip = sealed.hash.hex()
        tips[stream] = tip
        return Write(
            stream=stream,
            expected=proposal.expected.version,
            events=events,
            message_id=request.message_id,
            request_hash=digest,
            keep=request.keep,
        )

    def _sealed(
        self,
        proposal: Proposal,
        index: int,
        event: Event,
        *,
        now: datetime,
        previous: str,
        about: tuple[str, dict[str, int]],
    ) -> Sealed:
        """One event as it is stored; `about` is (request hash in hex, versions read)."""
        request, stream = proposal.request, proposal.stream
        version, message_id = proposal.expected.version + 1 + index, request.message_id
        name, schema, payload = self._codec.encode(event, label=f"{stream}@{version}:{message_id}")
        metadata = _encode(
            Metadata(
                stream=stream,
                version=version,
                name=name,
                schema=schema,
                event_id=event_id(stream, message_id, index),
                recorded_at=now,
                actor=request.actor,
                message_id=message_id,
                request_hash=about[0],
                home=proposal.home,
                previous=previous,
                effective_at=proposal.effective_at,
                causation_id=request.causation_id,
                correlation_id=request.correlation_id,
                read=about[1],
            )
        )
        state, payload_at = frame(metadata, payload)
        chained = chain(bytes.fromhex(previous), payload, metadata)
        return Sealed(name, state, chained, schema, payload_at)


def event_id(stream: str, message_id: str, index: int) -> str:
    """UUIDv5 of stream, message id and index; same text as `uuid.uuid5`, in a third of its time."""
    name = f"{stream}\n{message_id}\n{index}".encode()
    h = hashlib.sha1(_NAMESPACE + name, usedforsecurity=False).hexdigest()
    return f"{h[:8]}-{h[8:12]}-5{h[13:16]}-{_VARIANT[h[16]]}{h[17:20]}-{h[20:32]}"


def _outcome(write: Write, result: Any) -> Appended | Conflict | KeyReused:
    match result:
        case Written(position=position):
            tip = write.events[-1].hash.hex() if write.events else ""
            return Appended(Head(write.expected + len(write.events), tip), position)
        case Known(message=message):
            same = message.request_hash == write.request_hash
            return _replayed(message) if same else KeyReused()
        case _:
            return Conflict()


def _replayed(message: Any) -> Appended:
    head = Head(message.version, message.hash.hex())
    return Appended(head, message.position, replayed=True, changed=message.position > 0)
