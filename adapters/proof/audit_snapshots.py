"""Checks snapshots against the log: a snapshot must equal the fold of the events up to its version.

A load uses a snapshot only if its seal is valid (`adapters.log.event_log`), so a changed snapshot
moves no money. This audit reports it, and also finds a snapshot that was sealed with a wrong state.
"""

from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from adapters.log.domain_hash import DOMAIN_HASH
from adapters.log.event_log import RecorderLog
from adapters.log.evidence import Evidence
from domain.catalogue import CATEGORIES
from domain.shared.envelope import Envelope, state_category

_canonical = msgspec.msgpack.Encoder(order="deterministic").encode
_MISSING = "a snapshot knows this version of the stream, and the event is missing"


class _Kept(NamedTuple):
    version: int
    hash: bytes
    digest: bytes  # of the state


class SnapshotAudit:
    """Runs beside one pass over the log: `begin`, `add` every event, then `finish`."""

    def __init__(self) -> None:
        self.unsealed: list[tuple[str, int, str]] = []
        self._kept: dict[str, _Kept] = {}
        self._states: dict[str, Any] = {}

    @classmethod
    async def begin(cls, log: RecorderLog, evidence: Evidence) -> "SnapshotAudit":
        """Read every snapshot that this build would use; those without our seal are faults."""
        audit = cls()
        if not log.keyed:  # this process cannot check seals
            return audit
        async for row in evidence.snapshots(DOMAIN_HASH):
            state = log.snapshot_state(row)
            if state is None:
                wrong = "this platform did not seal its snapshot: it was changed, and is not used"
                audit.unsealed.append((row.stream, row.version, wrong))
            else:
                audit._kept[row.stream] = _Kept(row.version, row.hash, _digest(state))
        return audit

    def add(self, arrived: Envelope) -> str | None:
        """The fault of the stream's snapshot at this event; None for most events."""
        kept = self._kept.get(arrived.stream)
        if kept is None:
            return None
        decider = CATEGORIES[state_category(arrived.stream)]
        state = self._states.get(arrived.stream, decider.INITIAL)
        fold = partial(decider.evolve, state, arrived.event)
        try:
            self._states[arrived.stream] = state = fold()
        except Exception as e:  # no writer appends an event that cannot be folded
            del self._kept[arrived.stream]
            return f"its stream cannot be folded: {type(e).__name__}: {e}"
        if arrived.version != kept.version:
            return None
        del self._kept[arrived.stream], self._states[arrived.stream]
        if arrived.hash != kept.hash.hex():
            return "the snapshot at this version is of another event"
        return (
            None
            if _digest(state) == kept.digest
            else "its snapshot differs from the fold of its events"
        )

    def finish(self) -> list[tuple[str, int, str]]:
        """Streams that end before their snapshot: (stream, version, fault)."""
        return [(stream, kept.version, _MISSING) for stream, kept in self._kept.items()]


def _digest(state: Any) -> bytes:
    return sha256(_canonical(state)).digest()
