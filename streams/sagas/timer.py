"""The timer makes time an event: when a saga is due it records `deadline.passed` on its stream.

The saga's stream, the deadline's name and its moment identify the message, so firing twice, or by
two timers, records one fact. A deadline that an event in the log has overtaken still fires; its
saga reads the log in order and ignores it.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from commands.handler import Done
from commands.ports import Request
from domain.saga import PassDeadline
from sagas.catalogue import SAGAS
from sagas.engine.ports import Deadline, Due, Saga, SagaStore
from sagas.engine.runner import restore
from streams import waits
from streams.sagas.runner import Send

PAGE_MAX = 1_000
EVERY_S = 1.0
FAR = datetime.max.replace(tzinfo=UTC)
_log = logging.getLogger(__name__)


class Timer:
    def __init__(self, store: SagaStore, send: Send, *, sagas: Sequence[Saga] = SAGAS) -> None:
        self._store, self._send = store, send
        self._sagas = {saga.NAME: saga for saga in sagas}
        self.fault = ""  # why no deadline passes, as `run` last saw it

    async def fire(self, now: datetime) -> int:
        """Pass every deadline at or before `now`, the oldest first.

        Returns:
            How many deadlines became facts by this call.
        """
        fired, after = 0, None
        while page := await self._store.due(self._sagas, now, limit=PAGE_MAX, after=after):
            after = page[-1]
            fired += await self._pass(page)
        return fired

    async def next(self) -> datetime | None:
        """When the next deadline is; for a simulated clock that may jump."""
        found = await self._store.due(self._sagas, FAR, limit=1)
        return found[0].at if found else None

    async def run(self, stop: asyncio.Event, clock: Callable[[], datetime]) -> None:
        while not stop.is_set():
            try:
                await self.fire(clock())
                self.fault = ""
            except Exception as e:
                self.fault = f"{type(e).__name__}: {e}"
                _log.warning("timer: %s: %s", type(e).__name__, e)
            await waits.pause(stop, EVERY_S)

    async def _pass(self, page: Sequence[Due]) -> int:
        rows = await self._store.load([(due.saga, due.saga_id) for due in page])
        requests = []
        for due in page:
            saga = self._sagas[due.saga]
            row = rows.get((due.saga, due.saga_id))
            deadline = saga.due(restore(saga, row)) if row is not None else None
            if deadline is not None and deadline.at == due.at:
                requests.append(passing(due, deadline))
        if not requests:
            return 0
        outcomes = await self._send(requests)
        return sum(isinstance(o, Done) and o.changed and not o.replayed for o in outcomes)


def passing(due: Due, deadline: Deadline) -> Request:
    """The request that makes a passed deadline a fact, under a message id of its own."""
    command = PassDeadline(
        saga=due.saga, saga_id=due.saga_id, name=deadline.name, due_at=deadline.at
    )
    return Request(
        command=command,
        message_id=f"deadline|{deadline.name}|{deadline.at.isoformat()}",
        actor="timer",
        effective_at=deadline.at,
        keep=True,
    )
