"""Decrypts personal texts when a query asks for them, as views do not store them.

The event's stream is read, and its text decrypted with the client's key; an erased text is None.
"""

import asyncio

from adapters.log.lifelines import lifeline
from api.graphql.engine.folds import Moment
from api.ports import EventLog
from domain.fix_session.sealing import opened
from domain.order.events import CancelRequested, OrderCanceled
from domain.shared.envelope import Envelope
from domain.shared.message import Erased

READS_MAX = 8  # at a time, for one operation
EVENTS_MAX = 1_000  # of one stream


class Opened:
    """The personal texts of one operation; reads at most `READS_MAX` streams at a time."""

    def __init__(self, log: EventLog, moment: Moment | None = None) -> None:
        self._log, self._moment = log, moment
        self._turn = asyncio.Semaphore(READS_MAX)

    async def fix_message(self, source: str) -> str | None:
        """The text of a recorded FIX message, `|` for SOH; None if it is erased."""
        stream, _, version = source.rpartition("@")
        async with self._turn:
            found = await self._log.select(stream, after_version=int(version) - 1, limit=1)
        text = getattr(found[0].event, "message", "") if found else ""
        if isinstance(text, Erased):
            return None
        return opened(text)[0].decode("iso-8859-1").replace("\x01", "|")

    async def lifeline(self, order_id: str) -> list[Envelope]:
        """Every event of an order's life, over all streams, as known at the answer's moment."""
        until = None if self._moment is None else self._moment.position
        async with self._turn:
            return await lifeline(self._log, order_id, until=until)

    async def cancel_reason(self, order_id: str) -> str | None:
        """The reason given for canceling the order; "" if none was given, None if it is erased."""
        async with self._turn:
            events = await self._log.select(f"order-{order_id}", limit=EVENTS_MAX)
        until = None if self._moment is None else self._moment.position
        reason: str | Erased = ""
        for arrived in events:
            if until is not None and arrived.position > until:
                break
            if isinstance(arrived.event, CancelRequested | OrderCanceled):
                reason = arrived.event.reason or reason
        return None if isinstance(reason, Erased) else reason
