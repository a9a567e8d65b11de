"""The auditor: answers each request to close a day with controls that it has computed itself.

    house.close_requested -> cut: the position up to which the bank has seen our log
      fold of the log at the cut  =  read models less what they have beyond it  =  ClickHouse
      every control of `projections.ledger.controls` over it, against the street's statements
    -> RecordClose -> house.day_closed, or house.close_failed with the figures

Commands may come in meanwhile: a cut is a position, and all sides are compared at it. A report
may be on its way between a counterparty's books and ours. So a control that fails is computed
again at a later cut, `TRIES` times in all, before it is recorded. A request stays open in the log
until it is answered, so a restart finds it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import NamedTuple

from adapters.operations.balances import from_warehouse
from adapters.simulators.statement import Closing
from commands.handler import Declined, Done
from commands.message_ids import own
from commands.ports import Request
from domain import house
from domain.house import CloseFailed, Control, DayClosed, House, HouseRefusal, RecordClose
from domain.shared.money import ZERO
from projections.ledger.controls import Balances, Line, check
from streams import waits
from streams.gateways.street import Street
from streams.platform import Platform
from streams.sagas.runner import Send
from streams.views.ledger_fold import LedgerFold

TRIES, PAUSE_S, LOOK_S = 30, 2.0, 1.0
LATE = (HouseRefusal.CLOSE_NOT_REQUESTED,)  # another auditor has answered

Answer = DayClosed | CloseFailed
_log = logging.getLogger(__name__)


class NotRecorded(Exception):
    """The controls were computed and could not be recorded; the request is still open."""


class Sides(NamedTuple):
    """What the auditor compares."""

    street: Street
    views_to: Callable[[int], Awaitable[None]]  # waits until the views have passed a position
    facts_to: Callable[[int], Awaitable[None]] | None  # the same for ClickHouse; None: leave it out


class Auditor:
    """Answers open requests; one at a time.

    Args:
        fold: that of another reader of the log, to share; None: one of its own.
        tries: how often controls are computed before a failure is recorded.
    """

    def __init__(
        self,
        platform: Platform,
        sides: Sides,
        send: Send,
        *,
        fold: LedgerFold | None = None,
        tries: int = TRIES,
    ) -> None:
        self._platform, self._sides, self._send = platform, sides, send
        self._fold = fold or LedgerFold(platform.log)
        self._tries = tries
        self._answering = asyncio.Lock()

    async def run(self, stop: asyncio.Event) -> None:
        """Answer requests until `stop`; raises as `answer` does."""
        while not stop.is_set():
            await self.answer(stop)
            await waits.pause(stop, LOOK_S)

    async def answer(self, stop: asyncio.Event | None = None) -> Answer | None:
        """Answer the open request, if there is one.

        Returns:
            What was recorded; None: no open request, `stop`, or another auditor was first.

        Raises:
            NotRecorded: see there.
            Unavailable, WarehouseUnavailable, ViewsStalled: the figures are not available now.
        """
        async with self._answering:
            return await self._answer(stop)

    async def _answer(self, stop: asyncio.Event | None) -> Answer | None:
        for tries_left in reversed(range(self._tries)):
            state = await self._house()
            if state.requested is None:
                return None
            controls = await self._controls()
            failed = [c for c in controls if not c.ok]
            if not failed or not tries_left:
                return await self._record(state, controls)
            if await waits.pause(stop, PAUSE_S):
                return None
        return None

    async def _house(self) -> House:
        """The house as the log has it now, with what other processes wrote."""
        handler = self._platform.handler
        state, version = await handler.state(house.STREAM)
        head = (await self._platform.log.heads([house.STREAM])).get(house.STREAM)
        if head is not None and head.version != version:
            handler.cache.drop(house.STREAM)
            state, _ = await handler.state(house.STREAM)
        found: House = state
        return found

    async def _controls(self) -> tuple[Control, ...]:
        """Compute every control over the log, up to where the bank has read it."""
        closing = await self._sides.street.closing()
        await self._fold.to(closing.position)
        agreement = [
            await self._read_models_agree(),
            *([await self._warehouse_agrees()] if self._sides.facts_to is not None else []),
        ]
        checks = await asyncio.to_thread(self._checks, closing)
        return (*agreement, *checks)

    def _checks(self, closing: Closing) -> tuple[Control, ...]:
        return check(
            self._fold.balances,
            bank=closing.cash,
            custody=closing.stock,
            open_refs=self._fold.open_refs(),
        )

    async def _read_models_agree(self) -> Control:
        await self._sides.views_to(self._fold.position)
        served = await self._platform.served_balances()
        return _same("read models", await self._fold.ahead(served.positions), served.balances)

    async def _warehouse_agrees(self) -> Control:
        assert self._sides.facts_to is not None
        await self._sides.facts_to(self._fold.position)
        facts = await from_warehouse(self._platform.warehouse, self._fold.position)
        return _same("ClickHouse", self._fold.balances, facts)

    async def _record(self, state: House, controls: tuple[Control, ...]) -> Answer | None:
        assert state.requested is not None
        day = state.requested
        command = RecordClose(day=day, position=self._fold.events, controls=controls)
        message_id = own("auditor", f"close.{day:%Y%m%d}.{state.requests}")
        request = Request(command=command, message_id=message_id, actor="auditor")
        [outcome] = await self._send([request])
        match outcome:
            case Done(events=(DayClosed() | CloseFailed() as answer,)):
                if isinstance(answer, CloseFailed):
                    _log.error("%s is not closed: %s", day, summary(answer.controls))
                return answer
            case Declined(refused=why) if why.refusal not in LATE:
                raise NotRecorded(f"{day}: {why.refusal}: {why.state}")
            case _:
                return None


def summary(controls: tuple[Control, ...]) -> str:
    """Failed controls with their figures, in a line."""
    return "; ".join(
        f"{' '.join((c.name, c.unit)).strip()}: expected {c.expected}, is {c.actual}"
        for c in controls
    )


def _same(name: str, ours: Balances, theirs: Balances) -> Control:
    """The control that an engine has our balances; if not, it has the first line that differs."""
    off = _differences(ours, theirs)
    line = off[0] if off else None
    return Control(
        name=f"{name} balances = fold of the log",
        ok=not off,
        expected=ours.get(line, ZERO) if line else Decimal(len(ours)),
        actual=theirs.get(line, ZERO) if line else Decimal(len(theirs)),
        unit=" ".join(line) if line else "lines",
    )


def _differences(ours: Balances, theirs: Balances) -> list[Line]:
    if ours == theirs:
        return []
    return sorted(k for k in {*ours, *theirs} if ours.get(k) != theirs.get(k))
