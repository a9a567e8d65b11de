"""The seal: a deadline that passes while the log holds events that no checkpoint covers.

    an event is committed --by the next multiple of `every_s`--> deadline.passed on saga_seal-log

The signer cuts the log at that event, so events stay unsealed for a bounded time. The deadline is
an event like any other: its moment follows from the first unsealed event's committed_at, two
timers record it once, and every signer cuts at the same place.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from commands.handler import Done
from commands.ports import Request
from domain.saga import DeadlinePassed, PassDeadline
from domain.saga import stream as stream_of
from domain.shared.limits import EPOCH
from domain.shared.message import Event
from streams.sagas.runner import Send

SAGA, SAGA_ID, NAME = "seal", "log", "seal"
STREAM = stream_of(PassDeadline(saga=SAGA, saga_id=SAGA_ID, name=NAME, due_at=datetime.max))


def is_seal(event: Event) -> bool:
    """Whether the log is to be cut at this event."""
    return isinstance(event, DeadlinePassed) and event.saga == SAGA


class Seal:
    """Args: `every_s`, the longest that an event waits for its checkpoint, in seconds."""

    def __init__(self, send: Send, clock: Callable[[], datetime], *, every_s: float) -> None:
        self._send, self._clock, self._every_s = send, clock, every_s

    async def due(self, since: datetime | None) -> bool:
        """Pass the deadline if its moment has come; whether this recorded it.

        Args:
            since: committed_at of the first unsealed event; None: there is none.
        """
        if since is None:
            return False
        moment = self._moment(since)
        return self._clock() >= moment and await self._pass(moment)

    async def now(self, since: datetime | None) -> bool:
        """Pass the deadline early, for example at a shutdown; whether this recorded it."""
        return since is not None and await self._pass(self._clock())

    def _moment(self, since: datetime) -> datetime:
        """The first multiple of `every_s` strictly after `since`."""
        every = timedelta(seconds=self._every_s)
        return EPOCH + ((since - EPOCH) // every + 1) * every

    async def _pass(self, moment: datetime) -> bool:
        command = PassDeadline(saga=SAGA, saga_id=SAGA_ID, name=NAME, due_at=moment)
        request = Request(
            command=command,
            message_id=f"deadline|{NAME}|{moment.isoformat()}",
            actor="timer",
            effective_at=moment,
        )
        [outcome] = await self._send([request])
        return isinstance(outcome, Done) and outcome.changed
