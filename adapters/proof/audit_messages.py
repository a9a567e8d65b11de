"""Checks the idempotency table against the log: each row must match its event's metadata.

If a row was deleted, a repeated command would run again; if it was changed, the repeat would be
refused. The pruner removes rows that need not be kept after a week, the oldest first. So if a row
is missing while an older one is still there, the pruner did not remove it.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from adapters.log.evidence import Bound, Evidence
from adapters.log.recorder import Stored
from domain.shared.envelope import Metadata, category

KEPT_FOR = timedelta(days=7)  # at least; see streams.log.pruner
Found = tuple[Stored | Bound, str]
"""Where a fault is, and its text."""


class MessageAudit:
    """Runs beside one pass over the log: `add` every event in position order, then `finish`.

    Args:
        now: the platform's clock; None if it is not known.
    """

    def __init__(self, evidence: Evidence, now: datetime | None) -> None:
        self._evidence = evidence
        self._rows: AsyncIterator[Bound] = evidence.bound()
        self._row: Bound | None = None
        self._begun = False
        self._held: tuple[Stored, Metadata] | None = None
        ages = [now - KEPT_FOR if now else None, evidence.oldest]
        self._since = min((age for age in ages if age is not None), default=None)

    async def add(self, stored: Stored, meta: Metadata) -> list[Found]:
        held, self._held = self._held, (stored, meta)
        if held is None or _same_write(held, (stored, meta)):
            return []
        return await self._check(*held)

    async def finish(self) -> list[Found]:
        """The faults that show only after the last event."""
        found = await self._check(*self._held) if self._held else []
        while (row := await self._next()) is not None:
            found.append((row, _ORPHAN))
            self._row = None
        stray = "its row in log.messages names a version or a hash that its stream never had"
        return found + [(row, stray) for row in await self._evidence.stray()]

    async def _check(self, stored: Stored, meta: Metadata) -> list[Found]:
        """Compare the last event of a write with the row of its message."""
        if not self._evidence.remembers:
            return []
        found: list[Found] = []
        while (row := await self._next()) is not None and row.position < stored.position:
            found.append((row, _ORPHAN))
            self._row = None
        if row is not None and row.position == stored.position:
            self._row = None
            if (row.stream, row.message_id) == (stored.stream, meta.message_id):
                wrong = _differences(row, stored, meta)
                return [*found, (stored, wrong)] if wrong else found
            found.append((row, _ORPHAN))
        if meta.message_id and (kept_for_ever(meta) or self._young(stored)):
            found.append(
                (stored, "its row in log.messages is missing: the command could run again")
            )
        return found

    def _young(self, stored: Stored) -> bool:
        """Whether the pruner cannot have removed its row yet, by the clock or the oldest row."""
        return self._since is not None and stored.committed_at >= self._since

    async def _next(self) -> Bound | None:
        if self._row is None:
            self._row = await anext(self._rows, None)
        return self._row


_ORPHAN = "its row in log.messages is there, and the event that it names is missing"


def kept_for_ever(meta: Metadata) -> bool:
    """Whether the pruner never removes the message's row.

    It keeps those of sagas, gateways and the timer, and of a client's erasure.
    """
    caused = meta.causation_id or meta.correlation_id
    refused = meta.message_id.endswith("!refused")
    return bool(caused) or refused or meta.name == "client.erased" or _deadline(meta)


def _deadline(meta: Metadata) -> bool:
    return meta.name == "deadline.passed" and category(meta.stream) != "saga_seal"


def _same_write(first: tuple[Stored, Metadata], then: tuple[Stored, Metadata]) -> bool:
    (before, meta), (after, following) = first, then
    return (
        meta.message_id == following.message_id
        and before.stream == after.stream
        and before.version + 1 == after.version
    )


def _differences(row: Bound, stored: Stored, meta: Metadata) -> str:
    """The columns of a row that do not match its event; "" if all do."""
    wanted = Bound(
        stream=stored.stream,
        message_id=meta.message_id,
        request_hash=bytes.fromhex(meta.request_hash),
        version=stored.version,
        position=stored.position,
        hash=stored.hash,
        keep=kept_for_ever(meta),
        bound_at=stored.committed_at,
    )
    if row == wanted:
        return ""
    off = [f for f, a, b in zip(Bound._fields, row, wanted, strict=True) if a != b]
    return f"its row in log.messages was changed: {', '.join(off)}"
