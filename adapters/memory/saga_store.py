"""The sagas' store in dictionaries: for tests, and as the model of the Postgres store."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sagas.engine.ports import Due, Expelled, Kept, Owed, SagaKey, Saved


class MemorySagaStore:
    """Implements `sagas.engine.ports.SagaStore`."""

    def __init__(self) -> None:
        self._states: dict[SagaKey, Kept] = {}
        self._outbox: dict[str, Owed] = {}
        self._positions: dict[str, int] = {}
        self._versions: dict[str, int] = {}

    async def positions(self, sagas: Mapping[str, int], /) -> Mapping[str, int]:
        for saga, version in sagas.items():
            if self._versions.get(saga) != version:
                await self.reset(saga)
                self._versions[saga] = version
        return {saga: self._positions[saga] for saga in sagas}

    async def load(self, keys: Collection[SagaKey], /) -> Mapping[SagaKey, Kept]:
        return {key: self._states[key] for key in keys if key in self._states}

    async def save(self, page: Saved, /) -> None:
        for saga, (before, _) in page.checkpoints.items():
            if self._positions.get(saga) != before:
                raise Expelled(saga)
        self._positions |= {saga: after for saga, (_, after) in page.checkpoints.items()}
        self._states |= page.states
        self._cross_off(page.answered)
        for owed in page.owed:
            self._outbox.setdefault(owed.message_id, owed)

    async def owed(self, *, limit: int) -> Sequence[Owed]:
        rows = sorted(self._outbox.values(), key=lambda o: (o.position, o.saga, o.index))
        return rows[:limit]

    async def acknowledge(self, message_ids: Collection[str], /) -> None:
        self._cross_off(message_ids)

    async def due(
        self, sagas: Collection[str], now: datetime, *, limit: int, after: Due | None = None
    ) -> Sequence[Due]:
        rows = sorted(
            Due(row.due_at, saga, saga_id)
            for (saga, saga_id), row in self._states.items()
            if saga in sagas and row.due_at is not None and row.due_at <= now
        )
        return [row for row in rows if after is None or row > after][:limit]

    async def unfinished(self, saga: str, since: datetime, /) -> Mapping[str, Kept]:
        return {
            saga_id: row
            for (name, saga_id), row in sorted(self._states.items())
            if name == saga and (not row.ended or (row.due_at is not None and row.due_at >= since))
        }

    async def every(self, saga: str) -> Mapping[str, Kept]:
        """All rows of one saga by id, in the order of the ids."""
        return {i: row for (name, i), row in sorted(self._states.items()) if name == saga}

    async def reset(self, saga: str, /) -> None:
        self._states = {key: row for key, row in self._states.items() if key[0] != saga}
        self._outbox = {k: owed for k, owed in self._outbox.items() if owed.saga != saga}
        self._positions[saga] = 0

    async def close(self) -> None:
        """There is nothing to close."""

    def _cross_off(self, message_ids: Collection[str]) -> None:
        for message_id in message_ids:
            self._outbox.pop(message_id, None)
