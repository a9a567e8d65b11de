"""Drives the sagas from the log: read a page, save what it changes, send what is owed.

    log --step--> states, outbox, checkpoint (one transaction) --flush--> handler --> log

Sending is at least once: an owed command leaves the outbox when its answer is known, and its
target recognises a repeat by the message id. A refusal binds no id, so the runner records it in
the log before the command leaves the outbox. After a crash or a failed write it sends nothing
until it has read the log to its end: stepping over a recorded refusal clears the command.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from adapters.log.recorder import BATCH_MAX, PAGE
from commands.handler import Declined, Outcome, Raced
from commands.ports import KeyReused, Request, Unreadable, naming
from domain.catalogue import DECIDERS
from domain.saga import RecordRefusal
from domain.shared.envelope import Envelope
from domain.shared.message import Command
from projections.ports import Log
from sagas.catalogue import SAGAS
from sagas.engine.ports import Expelled, Owed, Saga, SagaStore
from sagas.engine.runner import advance, command, commands_of, keys
from streams import waits
from streams.reread_timer import RereadTimer

RETRY_S = 1.0
STUCK_RETRY_S = 5.0
_log = logging.getLogger(__name__)

Send = Callable[[Sequence[Request]], Awaitable[Sequence[Outcome]]]
"""Runs requests through the handler: one outcome per request, in order."""


class SagaRunner:
    """One instance per process; the checkpoints expel a second one elsewhere.

    Args:
        log: the events in one order.
        store: holds the sagas' rows, outbox and checkpoints.
        send: runs commands; may raise when the log cannot be reached, nothing is lost then.
        sagas: which to run; all of them by default.
        reach: makes a `log` that lags behind the real one reach its end, so that the runner learns
            the outcome of its last try.
    """

    def __init__(
        self,
        log: Log,
        store: SagaStore,
        send: Send,
        *,
        sagas: Sequence[Saga] = SAGAS,
        reach: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._log, self._store, self._send, self._sagas = log, store, send, sagas
        self._commands, self._reach = commands_of(sagas), reach
        self._positions: dict[str, int] = {}
        self._caught_up = False
        self._owes = True  # whether the outbox may hold anything; only our own steps fill it
        self.fault = ""  # why nothing moves, as `run` last saw it
        self.stuck: dict[str, str] = {}  # message id -> why it could not be sent
        self._held: set[str] = set()  # of `stuck`: not to be tried now
        self._again_at = 0.0
        self._reread = RereadTimer()

    @property
    def position(self) -> int:
        """How far the log has been handled; 0 before the first step."""
        return min(self._positions.values(), default=0)

    def concerns(self, arrived: Envelope) -> bool:
        """Whether an event is of interest to any of the sagas."""
        return any(saga.correlate(arrived) for saga in self._sagas)

    async def step(self) -> int:
        """Handle the next page of the log for all sagas.

        Returns:
            The number of events read; 0 at the end of the log.

        Raises:
            Expelled: another runner handled it; the next step starts from that one's position.
        """
        if not self._positions:
            if self._reach is not None:
                await self._reach()
            self._positions = dict(await self._store.positions(_versions(self._sagas)))
        page = await self._log.after(self.position, limit=PAGE)
        if not page:
            self._caught_up = True
            return 0
        rows = await self._store.load(keys(self._sagas, self._positions, page))
        saved = advance(self._sagas, self._positions, page, rows)
        try:
            await self._store.save(saved)
        except BaseException:
            self._forget_positions()
            raise
        self._owes = self._owes or bool(saved.owed)
        self._positions |= {saga: after for saga, (_, after) in saved.checkpoints.items()}
        return len(page)

    async def flush(self) -> int:
        """Send what is owed, in order, until nothing is owed or nothing can be sent.

        Returns:
            How many commands were answered (done or refused).
        """
        while not self._caught_up:
            await self.step()
        answered = 0
        try:
            while self._owes:
                batch = await self._batch()
                done = await self._deliver(batch) if batch else []
                await self._store.acknowledge(done)
                answered += len(done)
                self._owes = len(done) < len(batch) or len(batch) == BATCH_MAX
                if len(done) < len(batch):
                    break
        except BaseException:
            self._forget_positions()
            raise
        return answered

    async def drain(self) -> int:
        """Step and flush until nothing is new and nothing is owed; return the events handled."""
        handled = 0
        while True:
            count = await self.step()
            handled += count
            if not count and not await self.flush():
                return handled

    async def run(self, stop: asyncio.Event, idle: Callable[[int], Awaitable[object]]) -> None:
        """Drain again and again until `stop`; `idle(position)` waits for news of the log."""
        while not stop.is_set():
            try:
                self.refresh()
                await self.drain()
                self.fault = ""
                await idle(self.position)
            except Exception as e:
                level = logging.INFO if isinstance(e, Expelled) else logging.WARNING
                if (fault := f"{type(e).__name__}: {e}") != self.fault:
                    _log.log(level, "sagas at %s: %s", self.position, fault)
                self.fault = fault
                await asyncio.sleep(RETRY_S)

    def refresh(self) -> None:
        """Before a drain: at intervals, read the positions again and retry stuck commands."""
        self._try_again()
        if self._reread.due():
            self._forget_positions()

    async def rebuild(self) -> int:
        """Derive everything from the log again, sending nothing; return the events read."""
        for saga in self._sagas:
            await self._store.reset(saga.NAME)
        self._forget_positions()
        handled = 0
        while count := await self.step():
            handled += count
        return handled

    def _forget_positions(self) -> None:
        """Forget the positions: the next step asks the store, and reads to the log's end."""
        self._positions = {}
        self._caught_up, self._owes = False, True

    async def _batch(self) -> list[Owed]:
        owed = await self._store.owed(limit=BATCH_MAX + len(self._held))
        return [o for o in owed if o.message_id not in self._held][:BATCH_MAX]

    def _try_again(self) -> None:
        """Every `STUCK_RETRY_S`, retry the stuck commands: their streams may be repaired."""
        now = waits.now()
        if self._held and now >= self._again_at:
            self._held.clear()
            self._owes, self._again_at = True, now + STUCK_RETRY_S

    async def _deliver(self, batch: Sequence[Owed]) -> list[str]:
        """Send a batch; record the refusals; return the message ids that are answered."""
        outcomes = await self._outcomes(batch)
        pairs = list(zip(batch, outcomes, strict=True))
        refusals = [r for o, out in pairs if (r := _refusal(o, out, self._commands))]
        if refusals:
            await self._send(refusals)
        return [o.message_id for o, out in pairs if out is not None and not isinstance(out, Raced)]

    async def _outcomes(self, batch: Sequence[Owed]) -> Sequence[Outcome | None]:
        """One outcome each; None for a command whose stream is unreadable."""
        requests = [request(o, self._commands) for o in batch]
        if any(o.message_id in self.stuck for o in batch):
            return [await self._alone(r) for r in requests]
        try:
            return await self._send(requests)
        except Unreadable:
            return [await self._alone(r) for r in requests]

    async def _alone(self, one: Request) -> Outcome | None:
        try:
            outcome = (await self._send([one]))[0]
        except Unreadable as e:
            if self.stuck.get(one.message_id) != str(e):
                _log.error("cannot send %s: %s", one.message_id, e)
            self.stuck[one.message_id] = str(e)
            self._held.add(one.message_id)
            return None
        self.stuck.pop(one.message_id, None)
        return outcome


def request(owed: Owed, known: Mapping[str, type[Command]]) -> Request:
    """The request of an owed command: dated as its cause, its message id kept for ever."""
    return Request(
        command=command(owed, known),
        message_id=owed.message_id,
        actor=f"saga.{owed.saga}",
        effective_at=owed.effective_at,
        causation_id=owed.causation_id,
        correlation_id=owed.correlation_id,
        keep=True,
    )


def _refusal(
    owed: Owed, outcome: Outcome | None, known: Mapping[str, type[Command]]
) -> Request | None:
    match outcome:
        case Declined(refused=why):
            refusal, state = str(why.refusal), why.state
        case KeyReused():
            refusal, state = "key_reused", {}
        case _:
            return None
    return Request(
        command=RecordRefusal(
            saga=owed.saga,
            saga_id=owed.saga_id,
            command=owed.command,
            refusal=refusal,
            target=target(owed, known),
            state=state,
            refused_id=owed.message_id,
        ),
        message_id=f"{owed.message_id}!refused",
        actor=f"saga.{owed.saga}",
        effective_at=owed.effective_at,
        causation_id=owed.causation_id,
        correlation_id=owed.correlation_id,
        keep=True,
    )


def target(owed: Owed, known: Mapping[str, type[Command]]) -> str:
    """The stream that an owed command writes to."""
    sent = command(owed, known)
    return naming(DECIDERS[type(sent)])(sent)


def _versions(sagas: Sequence[Saga]) -> dict[str, int]:
    return {saga.NAME: saga.VERSION for saga in sagas}
