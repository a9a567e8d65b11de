"""A real venue: the port `adapters.counterparties.fix.Venue` on a FIX session.

    submit -> fields -> engine -> (recorded) -> the wire
    the wire -> engine -> recorded -> advance -> gateway

After a break, what the session level has not healed is asked for: an OrderStatusRequest (H) for
each open order that had left. The venue's answer "unknown" has the order sent again (PossResend).
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from adapters.counterparties.fix import (
    DontKnowTrade,
    ExecType,
    ExecutionReport,
    NewOrderSingle,
    OrderStatusRequest,
    ToVenue,
)
from adapters.fix import store_files
from adapters.fix.engine import BEGIN_STRING, CONNECTION_MAX_S, Ends, Engine
from adapters.fix.handshake import reached
from adapters.fix.journal import Came, Journal
from adapters.fix.line import Line
from adapters.fix.orders import from_fields, to_fields
from adapters.fix.rejects import business_reject, rejected
from adapters.fix.text import BadMessage
from adapters.fix.url import VenueUrl
from domain.shared.fix import OrdStatus

LOGON_S = 10
_log = logging.getLogger(__name__)


class NotLoggedOn(ConnectionError):
    """The session is down: the gateway sends again once it is up."""


class FixVenue:
    """Implements `Venue`, and `streams.gateways.gateway.OverWire`.

    Args:
        url: where and as whom.
        journal: the session's record in the log.
        folder: for the engine's files, which are made from the log; anything there is replaced.
        clock: tells the session's hours.
    """

    def __init__(
        self, url: VenueUrl, journal: Journal, folder: Path, clock: Callable[[], datetime]
    ) -> None:
        self._url, self._journal, self._folder, self._clock = url, journal, folder, clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="fix")
        self._engine: Engine | None = None
        self._inbox: deque[Any] = deque()
        self._asked: dict[str, NewOrderSingle] = {}  # by ClOrdID: its status was asked for
        self.notify: Callable[[], object] = _nobody

    @property
    def up(self) -> bool:
        return self._engine is not None

    @property
    def waiting(self) -> int:
        """Reports that are recorded, and that the gateway has not asked for."""
        return len(self._inbox)

    async def submit(self, message: ToVenue, /) -> None:
        """Send, once the record of it is in the log.

        Raises:
            NotLoggedOn: the session is down, or ended before the message could leave.
        """
        if self._engine is None:
            raise NotLoggedOn(f"{self._url.where}: not logged on")
        await self._out(message)

    async def advance(self, to: datetime, /) -> Sequence[Any]:
        """What has come in since the last call, each message once per start of the process."""
        out, self._inbox = list(self._inbox), deque()
        for report in out:
            if _unknown_there(report) and (order := self._asked.pop(report.cl_ord_id, None)):
                await self._send_again(order)
        return out

    async def _send_again(self, order: NewOrderSingle) -> None:
        """Send an order that the venue does not know; after the next logon if the session ended."""
        try:
            await self._leave(replace(order, poss_resend=True))
        except NotLoggedOn:
            self._asked[order.cl_ord_id] = order

    async def listen(self, stop: asyncio.Event, /) -> None:
        """Keep one connection, until it ends, its hours end, or `stop`.

        Raises:
            ConnectionError: it could not be made, or ended unasked; says why.
        """
        now, hours = self._clock(), self._url.schedule
        if not hours.is_open(now):
            await _pause(stop, (hours.next_change(now) - now).total_seconds())
            return
        await self._reach()
        self._journal.closing = False
        await self._take(await self._journal.open())
        if hours.resets(self._journal.last_logon, now):
            await self._journal.begin_day("schedule")
        ends = self._ends()
        name = store_files.prefix(BEGIN_STRING, ends.sender_comp_id, ends.target_comp_id)
        store_files.write(self._folder, name, self._journal.numbers, self._journal.messages)
        line = Line(self._journal, asyncio.get_running_loop())
        engine = Engine(ends, self._folder, line)
        recording = asyncio.create_task(line.record(self._take))
        try:
            await self._connected(engine, line, stop)
            self._journal.last_logon = now
            left_s = (hours.next_change(now) - now).total_seconds() if hours.opens else 1e9
            await line.ended(stop, recording, min(left_s, CONNECTION_MAX_S))
        finally:
            self._engine = None
            await self._disconnect(engine, line, recording, stopped=stop.is_set())

    async def _reach(self) -> None:
        """Raise ConnectionError if nobody listens, or TLS is refused: no number is used then."""
        try:
            await reached(self._url, LOGON_S)
        except (OSError, TimeoutError) as e:
            raise NotLoggedOn(f"{self._url.where}: {e.strerror or e or 'no answer'}") from None

    async def _connected(self, engine: Engine, line: Line, stop: asyncio.Event) -> None:
        await asyncio.to_thread(engine.start)
        try:
            async with asyncio.timeout(LOGON_S):
                while not line.is_up.is_set() and not line.is_down.is_set() and not stop.is_set():
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise NotLoggedOn(f"{self._url.where}: no logon within {LOGON_S} s") from None
        if line.is_down.is_set():
            raise NotLoggedOn(f"{self._url.where}: {line.why or 'the venue refused the logon'}")
        self._engine = engine

    async def _disconnect(
        self, engine: Engine, line: Line, recording: "asyncio.Task[None]", *, stopped: bool
    ) -> None:
        """End the engine, record what it had still received, and let the session go."""
        line.close()
        await asyncio.shield(asyncio.to_thread(engine.stop))
        line.no_more()
        with contextlib.suppress(ConnectionError):
            await recording
            await self._journal.close("stopped" if stopped else "broken")

    async def _out(self, message: Any) -> None:
        known = getattr(message, "cl_ord_id", "") in self._journal.known
        if isinstance(message, DontKnowTrade):
            if message.exec_id in self._journal.disputed:
                return
        elif known and getattr(message, "poss_resend", False):
            if not isinstance(message, NewOrderSingle):
                return  # it has left, and the session level delivers it
            self._asked[message.cl_ord_id] = message
            message = OrderStatusRequest(
                cl_ord_id=message.cl_ord_id,
                secondary_cl_ord_id=message.secondary_cl_ord_id,
                symbol=message.symbol,
                side=message.side,
            )
        await self._leave(message)

    async def _leave(self, message: Any) -> None:
        await self._send(*to_fields(message))

    async def _send(self, msg_type: str, pairs: list[tuple[int, str]]) -> None:
        engine = self._engine
        loop = asyncio.get_running_loop()
        if engine is None or not await loop.run_in_executor(
            self._thread, engine.send, msg_type, pairs
        ):
            raise NotLoggedOn(f"{self._url.where}: the session ended")

    async def _take(self, came: Sequence[Came]) -> None:
        """Read recorded messages; what cannot be read is answered with a BusinessMessageReject."""
        for source, fields in came:
            try:
                report = rejected(fields, self._journal) or from_fields(fields)
            except BadMessage as wrong:
                _log.error("fix %s: %s: %s", self._url.name or "venue", source, wrong)
                if self._engine is not None:
                    await self._send("j", business_reject(fields, str(wrong)))
                continue
            if report is None and fields.msg_type in ("3", "j"):
                why = fields.get(58) or "no reason given"
                _log.error("fix %s: %s: rejected: %s", self._url.name or "venue", source, why)
            if report is not None and "source" in report.__struct_fields__:
                self._inbox.append(replace(report, source=source))
        if self._inbox:
            self.notify()

    def _ends(self) -> Ends:
        url = self._url
        password = Path(url.password_file).read_text().strip() if url.password_file else ""
        return Ends(
            sender_comp_id=url.sender_comp_id,
            target_comp_id=url.target_comp_id,
            host=url.host,
            port=url.port,
            heartbeat_s=url.heartbeat_s,
            tls=url.tls,
            ca=url.ca,
            cert=url.cert,
            key=url.key,
            username=url.username,
            password=password,
        )


def _nobody() -> None:
    return


def _unknown_there(report: Any) -> bool:
    if not isinstance(report, ExecutionReport):
        return False
    return report.exec_type is ExecType.ORDER_STATUS and report.ord_status is OrdStatus.REJECTED


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
