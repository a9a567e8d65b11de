"""Audits the log and the tables beside it; computes the log's counts and root.

root = SHA-256 over (stream, version, head hash) sorted by stream, without the streams that carry
no business fact of their own (`checkpoint`, `fix`, `saga_*`).
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec

from adapters.log.event_log import RecorderLog
from adapters.log.evidence import Evidence
from adapters.log.keys import KeyStore
from adapters.log.recorder import AUDIT_PAGE, Recorder
from adapters.proof.audit_keys import KeyAudit
from adapters.proof.audit_messages import MessageAudit
from adapters.proof.audit_snapshots import SnapshotAudit
from adapters.proof.audit_walk import Parts, Walk
from adapters.proof.signing import Audit, Verifier
from adapters.proof.witness import Placed, Witness, missing
from commands.ports import Unreadable
from domain import checkpoint
from domain.checkpoint import CheckpointSigned
from domain.shared.envelope import category


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
    """The number of events, last position, root, and the number of events of each name."""
    heads: dict[str, tuple[int, bytes]] = {}
    names: Counter[str] = Counter()
    position = 0
    while page := await recorder.after(position, limit=AUDIT_PAGE):
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


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about a log from outside it, which the log must still contain."""

    reaches: int = 0  # a position that was sealed
    kept: Witness | None = None  # kept by the signer beside its key; read it before the log
    witnesses: Sequence[Witness] = ()
    now: datetime | None = None  # the platform's clock

    def statements(self) -> list[tuple[str, Witness]]:
        """Every witness, with its source."""
        own = [("the signer's memory (keys/checkpoint.last)", self.kept)] if self.kept else []
        return own + [("the witness", one) for one in self.witnesses]


NOTHING = Known()


async def verify(
    log: RecorderLog,
    verifier: Verifier | None = None,
    *,
    known: Known = NOTHING,
    keys: KeyStore | None = None,
    schema: Sequence[str] = (),
) -> dict[str, Any]:
    """Recompute everything that a reader or a writer of the log uses, and report the faults.

    Every event: its exact bytes, columns, place, hash, committed_at and causes. Every checkpoint:
    signed by `verifier`'s key, adjacent to its predecessor, with the Merkle root of the events in
    its range; and one for every close of day. Messages, snapshots, head row, and (given `keys`)
    the rows of the clients' keys. The log must contain what is `known`. `schema` has the faults
    of the definitions of tables and functions (`adapters.operations.schema_audit`).

    `sealed_to` is the last position that a checkpoint covers; `unsealed` counts the events after
    it. `unused_keys` lists clients whose key seals nothing, `unrecorded_erasures` clients whose
    erasure was cut off; neither is a fault. `witness` is the line to keep elsewhere; None if the
    log is not ok.
    """
    async with log.recorder.evidence() as evidence:
        placed = await _checkpoints(log)
        sealed_to = placed[-1].signed.last_position if placed else 0
        parts = await _parts(log, evidence, placed, verifier, known=known, keys=keys)
        walk = Walk(log, parts, sealed_to=sealed_to)
        for wrong in schema:
            walk.add("schema", 0, wrong)
        for stream, version, wrong in parts.snapshots.unsealed:
            walk.add(stream, version, wrong)
        while page := await log.stored(walk.position, limit=AUDIT_PAGE, until=evidence.end):
            await walk.take(page)
        await walk.finish()
        await _ends(walk, log, evidence)
    await _closes(walk, log, placed)
    _check_witnesses(walk, known, placed, verifier)
    if known.reaches > sealed_to:
        walk.add("log", known.reaches, _too_short(walk.position, sealed_to, known.reaches))
    return _answer(walk, placed, sealed_to)


async def _parts(
    log: RecorderLog,
    evidence: Evidence,
    placed: Sequence[Placed],
    verifier: Verifier | None,
    *,
    known: Known,
    keys: KeyStore | None,
) -> Parts:
    return Parts(
        evidence=evidence,
        checkpoints=Audit(placed, verifier),
        messages=MessageAudit(evidence, known.now),
        snapshots=await SnapshotAudit.begin(log, evidence),
        keys=KeyAudit(keys.key_states() if keys is not None else None),
        tips=[(who, one.tip) for who, one in known.statements() if one.tip is not None],
    )


def _answer(walk: Walk, placed: Sequence[Placed], sealed_to: int) -> dict[str, Any]:
    whole = bool(placed) and not walk.faults
    return {
        "events": walk.events,
        "position": walk.position,
        "streams": len(walk.heads),
        "checkpoints": len(placed),
        "sealed_to": sealed_to,
        "unsealed": walk.unsealed,
        "root": root(walk.heads),
        **walk.keys(),
        "ok": not walk.faults,
        "faults": walk.faults,
        "witness": msgspec.to_builtins(Witness.of(placed[-1], walk.tip)) if whole else None,
    }


async def _ends(walk: Walk, log: RecorderLog, evidence: Evidence) -> None:
    """Check that the store's head row matches the last event."""
    if evidence.head_rows != 1:
        walk.add("log", walk.position, f"log.head holds {evidence.head_rows} rows, and must hold 1")
        return
    if evidence.head is not None:
        head, committed_at = evidence.head
    else:
        head, committed_at = (await log.recorder.last())[0], walk.committed
        if head > walk.position and await log.recorder.after(walk.position, limit=1):
            return  # a writer has appended since
    if head > walk.position:
        walk.add("log", head, f"its last event is at {walk.position}: later events are missing")
    elif head < walk.position:
        walk.add("log", head, f"its head is at {head}, and events continue to {walk.position}")
    elif walk.events and committed_at != walk.committed:
        walk.add("log", head, f"its head's clock is at {committed_at}, not {walk.committed}")


async def _closes(walk: Walk, log: RecorderLog, placed: Sequence[Placed]) -> None:
    """Check that a checkpoint covers every close of day; it may have been signed meanwhile."""
    sealed_to = placed[-1].signed.last_position if placed else 0
    if not [close for close in walk.closes if close.stored.position > sealed_to]:
        return
    newer = await _checkpoints(log, after_version=placed[-1].version if placed else 0)
    sealed_to = newer[-1].signed.last_position if newer else sealed_to
    for stored, day in walk.closes:
        if stored.position > sealed_to:
            fault = f"{day} was closed here, and no checkpoint covers it: one was taken away, or"
            walk.add(stored.stream, stored.version, f"{fault} the signer has not run since")


def _check_witnesses(
    walk: Walk, known: Known, placed: Sequence[Placed], verifier: Verifier | None
) -> None:
    """Check that the log contains every checkpoint that a witness states, and its signature."""
    for who, one in known.statements():
        claim = (
            f"{who} keeps a statement over positions {one.first_position} to {one.last_position}"
        )
        if verifier is not None and (wrong := verifier.fault(one.signed())):
            walk.add(checkpoint.STREAM, one.version, f"{claim}: {wrong}")
        if missing([one], placed):
            fault = f"{claim} that the log lacks: the log was cut or rewritten, or is an older copy"
            walk.add(checkpoint.STREAM, one.version, fault)


def _too_short(position: int, sealed_to: int, reaches: int) -> str:
    if position < reaches:
        return f"it ends at {position}, before position {reaches}: it was cut, or is older"
    return f"it is sealed up to {sealed_to} only, not to position {reaches}"


async def _checkpoints(log: RecorderLog, *, after_version: int = 0) -> list[Placed]:
    """The readable checkpoints; `Walk` reports the unreadable ones."""
    out: list[Placed] = []
    version = after_version
    while page := await log.recorder.select(
        checkpoint.STREAM, after_version=version, limit=AUDIT_PAGE
    ):
        for stored in page:
            with suppress(Unreadable):
                event = log.open(stored).event
                if isinstance(event, CheckpointSigned):
                    out.append(Placed(stored.version, stored.position, event))
        version = page[-1].version
    return out
