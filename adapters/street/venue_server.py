"""The simulated venue behind a FIX acceptor: a counterparty in a process of its own.

    the wire -> engine -> KeptVenue.take (kept before the engine counts the message)
    every TICK_S, or when it is told the time: KeptVenue.step -> outbox -> engine -> the wire

The engine's store holds its numbers and messages, the venue's file the orders. A report that the
store has is not sent again after a restart. `misbehave` breaks the protocol on demand.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from adapters.fix import store_files
from adapters.fix.engine import BEGIN_STRING, Ends, Engine
from adapters.fix.orders import from_fields, to_fields
from adapters.fix.rejects import business_reject
from adapters.fix.text import ADMIN, BadMessage, Fields, text_of
from adapters.street.venue_state import KeptVenue, OrderLine

TICK_S = 0.05
_EXEC_ID = re.compile(rb"\x01(?:17|11)=([^\x01]+)")
_log = logging.getLogger(__name__)


class VenueStatus(Struct, frozen=True, kw_only=True):
    """What the status page shows."""

    sender_comp_id: str
    target_comp_id: str
    port: int
    logged_on: bool
    received: int  # application messages since the start
    sent: int
    time: datetime
    disputed: int  # DontKnowTrade messages
    orders: list[OrderLine]  # the open ones


class VenueServer:
    """One venue with one counterparty.

    Args:
        venue: the market's side.
        ends: the port, and both CompIDs.
        folder: for the engine's store.
        clock: the venue's time; None: it is told the time by `advance_to`.
    """

    def __init__(
        self,
        venue: KeptVenue,
        ends: Ends,
        folder: Path,
        clock: Callable[[], datetime] | None = lambda: datetime.now(UTC),
    ) -> None:
        self._venue, self._ends, self._folder, self._clock = venue, ends, folder, clock
        self._engine: Engine | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._time = datetime.fromtimestamp(0, UTC)
        self._step = asyncio.Lock()
        self._silent_until = 0.0
        self._counts = {"received": 0, "sent": 0}

    async def run(self, stop: asyncio.Event) -> None:
        """Listen, and trade, until `stop`.

        Raises:
            ConnectionError: the port cannot be had, or a certificate cannot be read.
        """
        self._loop = asyncio.get_running_loop()
        self._forget_sent()
        engine = Engine(self._ends, self._folder, self)
        await asyncio.to_thread(engine.start)
        self._engine = engine
        try:
            while not stop.is_set():
                if self._clock is not None:
                    await self.advance_to(self._clock())
                await asyncio.sleep(TICK_S)
        finally:
            self._engine = None
            await asyncio.shield(asyncio.to_thread(engine.stop))

    async def advance_to(self, to: datetime) -> None:
        """Trade up to `to`, and send all reports due by then."""
        async with self._step:
            self._time = max(self._time, to)
            await self._venue.step(self._time)
            await self._send_owed()

    async def misbehave(self, what: str, amount: int = 1) -> None:
        """`disconnect`; `gap`: skip numbers; `silence`: answer nothing for `amount` seconds.

        Raises:
            ValueError: there is no such misbehaviour.
        """
        engine = self._engine
        if what == "silence":
            self._silent_until = asyncio.get_running_loop().time() + amount
        elif what in ("disconnect", "gap") and engine is not None:
            await asyncio.to_thread(engine.disturb, what, amount)
        elif what not in ("disconnect", "gap"):
            raise ValueError(f"misbehaviour {what!r} is none of disconnect, gap, silence")

    def status(self) -> VenueStatus:
        engine = self._engine
        return VenueStatus(
            sender_comp_id=self._ends.sender_comp_id,
            target_comp_id=self._ends.target_comp_id,
            port=self._ends.port,
            logged_on=engine is not None and engine.logged_on(),
            received=self._counts["received"],
            sent=self._counts["sent"],
            time=self._time,
            disputed=len(self._venue.disputed),
            orders=self._venue.open_orders(),
        )

    def sent(self, raw: bytes, /) -> bool:
        return True

    def resent(self, raw: bytes, /) -> None:
        return

    def received(self, raw: bytes, /) -> None:
        """On an engine thread, before the engine counts the message: keep it first.

        A message that is killed in between comes again, and is known by its ClOrdID.
        """
        if Fields.parse(text_of(raw)).msg_type in ADMIN or self._loop is None:
            return
        self._counts["received"] += 1
        taken = asyncio.run_coroutine_threadsafe(self._kept(raw), self._loop)
        taken.result()

    def up(self) -> None:
        return

    def down(self) -> None:
        return

    async def _kept(self, raw: bytes) -> None:
        async with self._step:
            await self._handle(raw)

    async def _handle(self, raw: bytes) -> None:
        fields = Fields.parse(text_of(raw))
        try:
            message = from_fields(fields)
        except BadMessage as wrong:
            await self._send("j", business_reject(fields, str(wrong)))
            return
        if message is not None:
            await self._venue.take(message)

    async def _send_owed(self) -> None:
        if self._silent_until > asyncio.get_running_loop().time():
            return
        left = []
        for number, _, report in self._venue.owed():
            if not await self._send(*to_fields(report)):
                break
            left.append(number)
        self._venue.sent(left)

    async def _send(self, msg_type: str, pairs: list[tuple[int, str]]) -> bool:
        engine = self._engine
        if engine is None or not engine.logged_on():
            return False
        await asyncio.to_thread(engine.send, msg_type, pairs)
        self._counts["sent"] += 1
        return True

    def _forget_sent(self) -> None:
        """Drop from the outbox what the engine's store shows to have left before a kill."""
        ends = self._ends
        name = store_files.prefix(BEGIN_STRING, ends.sender_comp_id, ends.target_comp_id)
        body = self._folder / f"{name}.body"
        known = set(_EXEC_ID.findall(body.read_bytes())) if body.exists() else set()
        gone = [owed.number for owed in self._venue.owed() if owed.key.encode() in known]
        self._venue.sent(gone)
