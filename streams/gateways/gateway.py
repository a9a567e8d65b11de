"""Gateways: the log's requests out to a counterparty, its reports back in as commands.

    log --step--> counterparty.submit      counterparty.advance --deliver--> handler --> log
                                                     `-unknown here-> suspense, DontKnowTrade

Outward at least once: messages leave before the checkpoint moves, and a start resends all that is
open, or was lately (the counterparty drops what it knows by its business id).
Inward at least once: a report is kept until it is recorded, under a message id made of its
business id. A report is never dropped: one that matches nothing of ours, or is refused, becomes
`command.refused` on `saga_{counterparty}-{reference}`, for operations to see.
"""

import asyncio
import logging
import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol, runtime_checkable

import msgspec
from msgspec.structs import replace

from adapters.host.retry import Retry
from adapters.log.recorder import BATCH_MAX, PAGE
from commands.handler import Declined, Outcome, Raced
from commands.ports import KeyReused, Request
from domain.saga import RecordRefusal
from domain.shared.envelope import Envelope
from projections.ports import Log
from sagas.engine.ports import Expelled, Kept, SagaKey, SagaStore, Saved
from sagas.engine.runner import keep, keys, restore
from streams import waits
from streams.gateways.channels.channel import Channel, Unknown, request
from streams.reread_timer import RereadTimer
from streams.sagas.runner import Send
from streams.watch import Bell

LINE_RETRY_MAX_S = 10.0
UNSAVED_MAX = 10_000  # irrelevant positions that a restart may have to read again
POLL_S, RETRY_S = 0.05, 1.0
_log = logging.getLogger(__name__)


class Counterparty(Protocol):
    """A `Venue`, `Custodian` or `Bank` of `adapters.counterparties`."""

    async def submit(self, message: Any, /) -> None: ...

    async def advance(self, to: datetime, /) -> Sequence[Any]: ...


@runtime_checkable
class OverWire(Protocol):
    """A counterparty behind a connection of its own, which may break and come again."""

    notify: Callable[[], object]
    """Called, on the loop's thread, when `advance` has something to give."""

    @property
    def up(self) -> bool:
        """Whether messages can leave."""
        ...

    async def listen(self, stop: asyncio.Event, /) -> None:
        """Make and keep one connection; return or raise when it has ended, or at `stop`."""
        ...


class Gateway:
    """The gateway to one counterparty; the checkpoint expels a second one elsewhere.

    Args:
        log: the events in one order.
        store: holds the gateway's states and checkpoint, beside the sagas'.
        send: runs commands.
        channel: makes messages of events, and commands of reports.
        counterparty: takes the messages and gives the reports.
    """

    def __init__(
        self,
        log: Log,
        store: SagaStore,
        send: Send,
        *,
        channel: Channel,
        counterparty: Counterparty,
    ) -> None:
        self._log, self._store, self._send = log, store, send
        self._channel, self._counterparty = channel, counterparty
        self.fault = ""  # why nothing moves, as `run` last saw it
        self._line_fault = ""  # why the connection is down, as `listen` last saw it
        self._position: int | None = None
        self._saved = 0  # the checkpoint; behind the position while there was no state to save
        self._inbox: deque[Any] = deque()
        self._reread = RereadTimer()

    @property
    def name(self) -> str:
        return self._channel.NAME

    @property
    def position(self) -> int:
        """Up to where the log's requests were sent to the counterparty; 0 before `start`."""
        return self._position or 0

    @property
    def unrecorded(self) -> int:
        """Reports that were taken in and are not recorded yet."""
        return len(self._inbox)

    def concerns(self, arrived: Envelope) -> bool:
        """Whether an event is about an item of this counterparty."""
        return bool(self._channel.correlate(arrived))

    async def start(self, now: datetime) -> int:
        """Resend what is open, or was lately (`due` at `now` or later).

        Returns:
            The number of messages sent.
        """
        name = self._channel.NAME
        self._saved = await self._checkpoint()
        self._position = self._saved
        count = 0
        wired = isinstance(self._counterparty, OverWire)  # its session delivers what has left
        for row in (await self._store.unfinished(name, now)).values():
            if wired and row.ended:
                continue
            for message in self._channel.sent(restore(self._channel, row)):
                await self._counterparty.submit(replace(message, poss_resend=True))
                count += 1
        return count

    async def step(self) -> int:
        """Send what the next page of the log asks for.

        Returns:
            The number of events read; 0 at the end of the log.

        Raises:
            Expelled: another gateway moved the checkpoint; `start` again.
            NotStarted: `start` was not called.
        """
        return (await self._step())[0]

    async def _step(self) -> tuple[int, bool]:
        """As `step`; also whether any of the events concerned the counterparty."""
        if self._position is None:
            raise NotStarted(self._channel.NAME)
        page = await self._log.after(self._position, limit=PAGE)
        if not page:
            return 0, False
        states, messages = await self._fold(page, self._position)
        for message in messages:
            await self._counterparty.submit(message)
        last, name = page[-1].position, self._channel.NAME
        if states or last - self._saved > UNSAVED_MAX:
            await self._store.save(Saved(states=states, checkpoints={name: (self._saved, last)}))
            self._saved = last
        self._position = last
        return len(page), bool(states)

    async def deliver(self, now: datetime) -> int:
        """Record what the counterparty has reported by `now`.

        Returns:
            How many reports were recorded, known ones included.
        """
        fresh = await self._counterparty.advance(now)
        self._inbox.extend(fresh)
        taken = 0
        while self._inbox:
            batch = [self._inbox[i] for i in range(min(BATCH_MAX, len(self._inbox)))]
            if not await self._record(batch):
                break
            for _ in batch:
                self._inbox.popleft()
            taken += len(batch)
        return taken

    @property
    def line_fault(self) -> str:
        """Why the counterparty's connection is down; "": it is up, or there is none."""
        party = self._counterparty
        up = not isinstance(party, OverWire) or party.up
        return "" if up else self._line_fault or "connecting"

    async def listen(self, stop: asyncio.Event) -> None:
        """Keep the counterparty's connection until `stop`; nothing to do where it has none."""
        party, retry = self._counterparty, Retry(RETRY_S, LINE_RETRY_MAX_S)
        while isinstance(party, OverWire) and not stop.is_set():
            since = waits.now()
            try:
                await party.listen(stop)
                self._line_fault = ""
                retry.reset()
            except Exception as e:
                if (fault := f"{type(e).__name__}: {e}") != self._line_fault:
                    _log.warning("gateway %s: connection: %s", self.name, fault)
                self._line_fault = fault
                if waits.now() > since + LINE_RETRY_MAX_S:  # it was up for a while
                    retry.reset()
                await waits.pause(stop, retry.next_s())

    async def run(
        self, stop: asyncio.Event, clock: Callable[[], datetime], bell: Bell | None = None
    ) -> None:
        """Step and deliver until `stop`: when `bell` rings for a request, and every `POLL_S`."""
        bell = bell or Bell()
        if isinstance(self._counterparty, OverWire):
            self._counterparty.notify = bell.ring
        while not stop.is_set():
            try:
                if self._position is None or await self._lost_checkpoint():
                    await self.start(clock())
                events, concerned = await self._step()
                reports = await self.deliver(clock())
                self.fault = ""
                if not (concerned or reports or events == PAGE):
                    await bell.wait(timeout_s=POLL_S)
            except Exception as e:
                if (fault := f"{type(e).__name__}: {e}") != self.fault:
                    _log.warning("gateway %s: %s", self._channel.NAME, fault)
                self.fault = fault
                self._position = None
                await asyncio.sleep(RETRY_S)

    async def _lost_checkpoint(self) -> bool:
        """Whether the checkpoint is not where this gateway left it; read every `TRUST_S`."""
        return self._reread.due() and await self._checkpoint() != self._saved

    async def _fold(
        self, page: Sequence[Envelope], position: int
    ) -> tuple[dict[SagaKey, Kept], list[Any]]:
        channel = self._channel
        rows = await self._store.load(keys([channel], {channel.NAME: position}, page))
        states: dict[SagaKey, Any] = {}
        messages: list[Any] = []
        for arrived in page:
            if found := channel.correlate(arrived):
                key = (channel.NAME, found)
                before = states[key] if key in states else restore(channel, rows.get(key))
                after = channel.evolve(before, arrived)
                if after == channel.INITIAL:
                    continue  # an item of another session, of which nothing is kept
                states[key] = after
                messages += channel.sent(after)[len(channel.sent(before)) :]
        return {key: keep(channel, state) for key, state in states.items()}, messages

    async def _record(self, batch: Sequence[Any]) -> bool:
        """Record a batch; whether every report of it is now in the log or in suspense."""
        placed, unknown = await self._meanings(batch)
        if unknown:
            await self._remember()
            placed, unknown = await self._meanings(batch)
        reason = f"{self._channel.NAME}_reference_unknown"
        parked = [(report, self._suspense(report, reason)) for report in unknown]
        outcomes = await self._send([r for _, r in placed])
        for (report, sent), outcome in zip(placed, outcomes, strict=True):
            if refusal := _refusal(outcome):
                parked.append((report, self._suspense(report, refusal, sent)))
        await self._park(parked)
        return not any(isinstance(outcome, Raced) for outcome in outcomes)

    async def _meanings(self, batch: Sequence[Any]) -> tuple[list[tuple[Any, Request]], list[Any]]:
        """(reports with their requests, reports about things unknown here)."""
        name = self._channel.NAME
        wanted = {(name, about) for r in batch if (about := self._channel.about(r))}
        rows = await self._store.load(wanted)
        placed: list[tuple[Any, Request]] = []
        unknown: list[Any] = []
        for report in batch:
            state = restore(self._channel, rows.get((name, self._channel.about(report))))
            try:
                meaning = self._channel.meaning(report, state)
            except Unknown:
                unknown.append(report)
                continue
            if meaning is not None:
                placed.append((report, request(meaning, name)))
        return placed, unknown

    async def _remember(self) -> None:
        """Read the log to its end before parking a report as unknown.

        Raises:
            Expelled: the checkpoint is not where we left it: the store has lost its last commits.
        """
        if await self._checkpoint() != self._saved:
            raise Expelled(self._channel.NAME)
        while await self.step():
            continue

    async def _checkpoint(self) -> int:
        name = self._channel.NAME
        return (await self._store.positions({name: self._channel.VERSION}))[name]

    async def _park(self, parked: Iterable[tuple[Any, Request]]) -> None:
        parked = list(parked)
        if not parked:
            return
        await self._send([request for _, request in parked])
        for report, _ in parked:
            answer = self._channel.answer(report)
            if answer is not None:
                await self._counterparty.submit(answer)

    def _suspense(self, report: Any, refusal: str, sent: Request | None = None) -> Request:
        """Make a report a fact for operations, under the counterparty's reference."""
        facts = {k: str(v) for k, v in msgspec.to_builtins(report).items() if v not in ("", None)}
        about = self._channel.about(report) or facts.get("order_id", "")
        said = {k: v for k, v in msgspec.to_builtins(report).items() if k != "source"}
        digest = sha256(msgspec.json.encode(said, order="sorted")).hexdigest()
        known = sent.message_id if sent else f"{self._channel.NAME}|{digest}"
        return Request(
            command=RecordRefusal(
                saga=self._channel.NAME,
                saga_id=re.sub(r"[^A-Za-z0-9._-]", "_", about)[:64] or "none",
                command=type(sent.command).__name__ if sent else type(report).__name__,
                refusal=refusal,
                target=about,
                state=facts,
                refused_id=sent.message_id if sent else "",
            ),
            message_id=f"{known}!refused",
            actor=self._channel.NAME,
            causation_id=getattr(report, "source", ""),
            keep=True,
        )


class NotStarted(Exception):
    """`start` must come first: it resends what was open when the gateway last stopped."""


def _refusal(outcome: Outcome) -> str:
    match outcome:
        case Declined(refused=why):
            return str(why.refusal)
        case KeyReused():
            return "business_id_reused"  # the same id with other figures
        case _:
            return ""
