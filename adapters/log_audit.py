"""Auditing the log: counts and root, every hash and checkpoint, the causes of an event.

root = SHA-256 over (stream, version, head hash) sorted by stream, without the streams that carry
no business fact of their own (`checkpoint`, `fix`, `saga_*`).
"""

import hashlib
from collections import Counter
from contextlib import suppress
from typing import Any

from adapters.checkpoints import Audit, Fault, Placed, Verifier
from adapters.event_log import RecorderLog, chain
from adapters.frame import unframe
from adapters.recorder import Recorder, Stored
from commands.ports import Unreadable
from domain import checkpoint
from domain.checkpoint import CheckpointSigned
from domain.envelope import Envelope, category

PAGE = 5_000
FAULTS_MAX = 100
TRACE_MAX = 500


def counts_for_root(stream: str) -> bool:
    name = category(stream)
    return name not in ("checkpoint", "fix") and not name.startswith("saga_")


def root(heads: dict[str, tuple[int, bytes]]) -> str:
    digest = hashlib.sha256()
    for stream in sorted(heads):
        if counts_for_root(stream):
            version, tip = heads[stream]
            digest.update(f"{stream}\n{version}\n{tip.hex()}\n".encode())
    return digest.hexdigest()


async def stats(recorder: Recorder) -> dict[str, Any]:
    """Events, position, root, and how many of each event there are."""
    heads: dict[str, tuple[int, bytes]] = {}
    names: Counter[str] = Counter()
    position = 0
    while page := await recorder.after(position, limit=PAGE):
        for stored in page:
            heads[stored.stream] = (stored.version, stored.hash)
            names[stored.name] += 1
        position = page[-1].position
    return {
        "events": names.total(),
        "position": position,
        "root": root(heads),
        "streams": len(heads),
        "names": dict(sorted(names.items())),
    }


async def verify(
    log: RecorderLog, verifier: Verifier | None = None, *, reaches: int = 0
) -> dict[str, Any]:
    """Every event: readable, next in its stream, and its hash the chain's.

    Every checkpoint: signed by `verifier`'s key, next to the one before it, and its Merkle root
    that of the events in its range. Without a verifier a log that has checkpoints is not ok.
    `sealed_to` is the last position that a checkpoint speaks for: behind it, and behind it alone,
    whoever can write to the store can still make the log end earlier or otherwise. It has to go
    as far as `reaches`, a position that it is known to have had.
    """
    placed = await _checkpoints(log)
    audit = Audit(placed, verifier)
    heads: dict[str, tuple[int, bytes]] = {}
    faults: list[dict[str, Any]] = []
    events, position, committed = 0, 0, None
    while page := await log.stored(position, limit=PAGE):
        for stored in page:
            events += 1
            audit.add(stored.position, stored.hash)
            fault = _fault(log, stored, heads.get(stored.stream, (0, b"")))
            if fault is None and committed is not None and stored.committed_at < committed:
                fault = "committed_at goes backwards"
            if fault is not None and len(faults) < FAULTS_MAX:
                faults.append(_named(stored, fault))
            heads[stored.stream] = (stored.version, stored.hash)
            committed = stored.committed_at
        position = page[-1].position
    faults += await _end_missing(log, position, reaches)
    faults += [_checkpoint_fault(f) for f in audit.finish()[: FAULTS_MAX - len(faults)]]
    return {
        "events": events,
        "position": position,
        "streams": len(heads),
        "checkpoints": len(placed),
        "sealed_to": placed[-1].signed.last_position if placed else 0,
        "root": root(heads),
        "ok": not faults,
        "faults": faults,
    }


async def _end_missing(log: RecorderLog, position: int, reaches: int) -> list[dict[str, Any]]:
    """Whether there were events behind the last one: by what is known, and by the store's count.

    Nobody may be appending just now for the second to count.
    """
    if position < reaches:
        fault = f"it ends at {position}, before position {reaches}: it was cut, or is older"
        return [{"stream": "log", "version": position, "position": position, "fault": fault}]
    head, _ = await log.recorder.last()
    if head <= position or await log.recorder.after(position, limit=1):
        return []
    fault = f"its last event is at {position}: what followed is missing"
    return [{"stream": "log", "version": head, "position": head, "fault": fault}]


async def _checkpoints(log: RecorderLog) -> list[Placed]:
    """Those that can be read; what cannot is named where the log is read in order."""
    out: list[Placed] = []
    version = 0
    while page := await log.recorder.select(checkpoint.STREAM, after_version=version, limit=PAGE):
        for stored in page:
            with suppress(Unreadable):
                event = log.open(stored).event
                if isinstance(event, CheckpointSigned):
                    out.append(Placed(stored.version, stored.position, event))
        version = page[-1].version
    return out


def _checkpoint_fault(found: Fault) -> dict[str, Any]:
    where = {"stream": checkpoint.STREAM, "version": found.version, "position": found.position}
    return where | {"fault": found.fault}


def _named(stored: Stored, fault: str) -> dict[str, Any]:
    return {
        "stream": stored.stream,
        "version": stored.version,
        "position": stored.position,
        "fault": fault,
    }


def _fault(log: RecorderLog, stored: Stored, before: tuple[int, bytes]) -> str | None:
    version, tip = before
    if stored.version != version + 1:
        return f"version {version + 1} is missing"
    try:
        meta = log.open(stored).meta
    except Unreadable as e:
        return str(e)
    metadata, payload = unframe(stored.state)
    if (meta.stream, meta.version, meta.name) != (stored.stream, stored.version, stored.name):
        return "its metadata names another event"
    if bytes.fromhex(meta.previous) != tip:
        return "its previous hash is not that of its predecessor"
    if chain(tip, payload, metadata) != stored.hash:
        return "its bytes do not give its hash"
    return None


async def position_before(recorder: Recorder, count: int) -> int:
    """The position with the last `count` events behind it; positions may have gaps."""
    last, _ = await recorder.last()
    span = count
    while True:
        start = max(last - span, 0)
        found = await _positions(recorder, start, last)
        if len(found) > count:
            return found[-count - 1]
        if len(found) == count or start == 0:
            return start
        span *= 8


async def _positions(recorder: Recorder, start: int, last: int) -> list[int]:
    found: list[int] = []
    while page := await recorder.after(start, limit=PAGE, until=last):
        found += [stored.position for stored in page]
        start = found[-1]
    return found


async def trace(log: RecorderLog, asked: str) -> dict[str, Any] | None:
    """The first cause of an event and everything that came of it, in log order.

    What a counterparty reported has no cause of ours: it is found by the conversation, and stands
    one step below its beginning. `asked` is stream@version, an event id or a position. None:
    there is no such event.
    """
    wanted = await _find(log, asked)
    if wanted is None:
        return None
    top = wanted
    while cause := await _at_source(log, top.meta.causation_id):
        top = cause
    if top.meta.correlation_id:  # a report: what it reports on began the conversation
        top = await _beginning(log, top)
    conversation = top.meta.correlation_id or top.meta.message_id
    depth, family, position = {top.source: 0}, [top], top.position
    while (page := await log.after(position, limit=PAGE)) and len(family) < TRACE_MAX:
        for e in page:  # an effect always stands behind its cause
            above = depth.get(e.meta.causation_id)
            if above is not None or e.meta.correlation_id == conversation:
                depth[e.source] = (above or 0) + 1
                family.append(e)
        position = page[-1].position
    return {"asked": wanted.source, "events": [_step(e, depth[e.source]) for e in family]}


async def _beginning(log: RecorderLog, later: Envelope) -> Envelope:
    """The first event of a conversation, which goes by the message id that began it."""
    position = 0
    while page := await log.after(position, limit=PAGE, until=later.position):
        for e in page:
            if (e.meta.correlation_id or e.meta.message_id) == later.meta.correlation_id:
                return e
        position = page[-1].position
    return later


async def _find(log: RecorderLog, asked: str) -> Envelope | None:
    if asked.isdecimal():
        page = await log.after(int(asked) - 1, limit=1)
        return page[0] if page and page[0].position == int(asked) else None
    if "@" in asked:
        return await _at_source(log, asked)
    position = 0
    while page := await log.after(position, limit=PAGE):
        for e in page:
            if e.meta.event_id == asked:
                return e
        position = page[-1].position
    return None


async def _at_source(log: RecorderLog, source: str) -> Envelope | None:
    stream, _, version = source.partition("@")
    if not version.isdecimal() or int(version) < 1:
        return None
    found = await log.select(stream, after_version=int(version) - 1, limit=1)
    return found[0] if found else None


def _step(e: Envelope, depth: int) -> dict[str, Any]:
    return {
        "source": e.source,
        "name": e.meta.name,
        "position": e.position,
        "depth": depth,
        "recorded_at": e.meta.recorded_at.isoformat(),
        "actor": e.meta.actor,
        "event_id": e.meta.event_id,
        "hash": e.hash,
    }
