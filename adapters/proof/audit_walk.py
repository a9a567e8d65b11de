"""One pass over the log that checks everything a reader or a writer will use.

    page of events -> bytes, columns, clock, causes, keys | messages | snapshots | checkpoints

Each fault names its stream and version if the log, or a table beside it, still has them; otherwise
it names the missing positions.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from adapters.log.event_log import RecorderLog
from adapters.log.evidence import Bound, Columns, Evidence
from adapters.log.recorder import Stored
from adapters.proof.audit_event import bytes_fault, causes, clock_fault
from adapters.proof.audit_keys import KeyAudit
from adapters.proof.audit_messages import MessageAudit
from adapters.proof.audit_snapshots import SnapshotAudit
from adapters.proof.signing import Audit
from adapters.proof.witness import Tip
from commands.ports import Unreadable
from domain import checkpoint
from domain.house import DayClosed
from domain.shared.envelope import Envelope

FAULTS_MAX = 100


class Close(NamedTuple):
    """A close of day, which a checkpoint has to cover."""

    stored: Stored
    day: object


class Parts(NamedTuple):
    """The records and audits that the walk compares the events with."""

    evidence: Evidence
    checkpoints: Audit
    messages: MessageAudit
    snapshots: SnapshotAudit
    keys: KeyAudit
    tips: Sequence[tuple[str, Tip]]  # the source of each tip, and the tip


class Walk:
    """Takes the log's pages in order, then `finish`; its counts cover the events taken so far."""

    def __init__(self, log: RecorderLog, parts: Parts, *, sealed_to: int) -> None:
        self._log, self._parts, self._sealed_to = log, parts, sealed_to
        self.faults: list[dict[str, Any]] = []
        self.heads: dict[str, tuple[int, bytes]] = {}
        self.events = self.position = self.unsealed = 0
        self.committed: datetime | None = None
        self.closes: list[Close] = []
        self.tip: Tip | None = None
        self._gaps: list[tuple[int, int]] = []  # positions, first and last
        self._missing: dict[str, tuple[int, str, int]] = {}
        self._tips: dict[int, list[tuple[str, str]]] = {}
        for who, tip in parts.tips:
            self._tips.setdefault(tip.position, []).append((who, tip.hash))

    async def take(self, page: Sequence[Stored]) -> None:
        columns = await self._parts.evidence.columns(page[0].position, page[-1].position)
        by_position = {found.position: found for found in columns}
        for stored in page:
            await self._event(stored, by_position.get(stored.position))

    async def finish(self) -> None:
        """Add the faults that show only at the end of the log."""
        for stream, version, position in await self._parts.evidence.unreachable():
            wrong = "its stream holds it at a position that no reader of the log reaches"
            self._fault(stream, version, position, wrong)
        for stream, (version, by, position) in self._missing.items():
            self._fault(stream, version, position, f"it is missing: {by} followed from it")
        for where, wrong in await self._parts.messages.finish():
            self._at(where, wrong)
        for first, last in self._gaps:
            many = last - first + 1
            text = f"positions {first} to {last} are missing: {many} events were taken out"
            self._fault("log", first, first, text)
        for stream, version, wrong in self._parts.snapshots.finish():
            self._fault(stream, version, self.position, wrong)
        for stream, wrong in self._parts.keys.finish():
            self._fault(stream, self.heads.get(stream, (0, b""))[0], self.position, wrong)
        for position, tips in self._tips.items():
            for who, _ in tips:
                self._fault("log", position, position, f"{who} names an event here: it is missing")
        for found in self._parts.checkpoints.finish():
            self._fault(checkpoint.STREAM, found.version, found.position, found.fault)

    def keys(self) -> dict[str, list[str]]:
        """The findings of `audit_keys` that are not faults; at most `FAULTS_MAX` of each."""
        keys = self._parts.keys
        odd = {"unused_keys": keys.unused, "unrecorded_erasures": keys.unrecorded}
        return {name: clients[:FAULTS_MAX] for name, clients in odd.items()}

    def add(self, stream: str, version: int, fault: str) -> None:
        """Add a fault that another check has found."""
        self._fault(stream, version, version if stream == "log" else self.position, fault)

    async def _event(self, stored: Stored, columns: Columns | None) -> None:
        parts = self._parts
        self.events += 1
        if parts.evidence.exact and stored.position != self.position + 1:
            self._gap(stored.position)
        parts.checkpoints.add(stored.position, stored.hash, stored.committed_at)
        version, tip = self.heads.get(stored.stream, (0, b""))
        arrived, wrong = self._opened(stored, version)
        if arrived is not None:
            wrong = wrong or bytes_fault(stored, arrived.meta, (version, tip), columns)
        meta = arrived.meta if arrived is not None else None
        wrong = wrong or clock_fault(stored, meta, self.committed, exact=parts.evidence.exact)
        if wrong is not None:
            self._at(stored, wrong)
        if arrived is not None:
            await self._meaning(stored, arrived)
        self._pass(stored)

    def _opened(self, stored: Stored, version: int) -> tuple[Envelope | None, str | None]:
        wrong = None if stored.version == version + 1 else f"version {version + 1} is missing"
        try:
            return self._log.open(stored), wrong
        except Unreadable as e:
            return None, wrong or str(e)

    async def _meaning(self, stored: Stored, arrived: Envelope) -> None:
        """Check an event against its causes, its message's row, its snapshot and its keys."""
        meta = arrived.meta
        for stream, version in causes(meta).items():
            if self.heads.get(stream, (0, b""))[0] < version:
                self._missing.setdefault(stream, (version, arrived.source, stored.position))
        for where, wrong in await self._parts.messages.add(stored, meta):
            self._at(where, wrong)
        if (wrong_state := self._parts.snapshots.add(arrived)) is not None:
            self._at(stored, wrong_state)
        for wrong in self._parts.keys.add(stored, meta):
            self._at(stored, wrong)
        if isinstance(arrived.event, DayClosed):
            self.closes.append(Close(stored, arrived.event.day))

    def _pass(self, stored: Stored) -> None:
        for who, chained in self._tips.pop(stored.position, ()):
            if stored.hash.hex() != chained:
                self._at(stored, f"{who} names another event here")
        self.heads[stored.stream] = (stored.version, stored.hash)
        self.position, self.committed = stored.position, stored.committed_at
        self.tip = Tip(position=stored.position, hash=stored.hash.hex())
        if stored.position > self._sealed_to and stored.stream != checkpoint.STREAM:
            self.unsealed += 1

    def _gap(self, until: int) -> None:
        """Remember missing positions; `finish` reports them after the streams known to lack any."""
        if len(self._gaps) < FAULTS_MAX:
            self._gaps.append((self.position + 1, until - 1))

    def _at(self, where: Stored | Bound, wrong: str) -> None:
        self._fault(where.stream, where.version, where.position, wrong)

    def _fault(self, stream: str, version: int, position: int, fault: str) -> None:
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(
                {"stream": stream, "version": version, "position": position, "fault": fault}
            )
