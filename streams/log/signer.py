"""Signs the log: reads it in order, and at every cut signs a statement of what it holds.

    cut = each `house.day_closed`, each `deadline.passed` of the seal, and each `every`-th event
          since the last cut

Where a checkpoint ends follows from the log alone, never from the time of reading. So a restarted
signer, or a second one with the same key, makes the same statements, and each is recorded once.
Time is an event too: `streams.log.sealing` passes the seal's deadline while events are unsealed.

The signer keeps its last statement beside its key. A log that lacks it was cut, rewritten or
restored to an earlier state: the signer refuses to sign it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol, cast

from adapters.log.recorder import PAGE
from adapters.proof.merkle import Tree
from adapters.proof.signing import Signer
from adapters.proof.witness import Memory, Placed, Witness
from commands.handler import Done
from commands.ports import Loaded, Request, folded
from domain import checkpoint
from domain.checkpoint import (
    STREAM,
    Checkpoints,
    CheckpointSigned,
    SignCheckpoint,
    leaf,
)
from domain.house import DayClosed
from domain.shared.envelope import Envelope
from projections.ports import Log
from streams import waits
from streams.log import sealing
from streams.sagas.runner import Send

EVERY = 10_000
EVERY_MIN = 2  # a checkpoint is an event too: with 1, each would cause the next
WAIT_S = 1.0
GATHER_S = 0.05  # between two looks at the log: where a cut lies does not depend on them


class TailedLog(Log, Protocol):
    """What signing needs of `adapters.log.event_log.RecorderLog`."""

    async def load(self, streams: Sequence[str], /) -> Mapping[str, Loaded]: ...

    async def select(
        self, stream: str, /, *, after_version: int = 0, limit: int | None = None
    ) -> Sequence[Envelope]: ...

    async def wait(self, position: int, /, *, timeout_s: float) -> bool: ...


class NotSigned(Exception):
    """A statement was declined: another signer, with another key or other cuts, is running."""


class StatementLost(Exception):
    """The log is not the one that this key has signed; the signer signs nothing more."""


class CheckpointSigner:
    """One reader of the log; `catch_up` and `run` exclude each other.

    Args:
        send: runs commands.
        every: events after which a checkpoint is due even if no day closes.
        seal: passes a deadline when events have waited long enough; None: only counts and closes
            of day cut the log.
    """

    def __init__(
        self,
        log: TailedLog,
        signer: Signer,
        send: Send,
        *,
        every: int = EVERY,
        seal: sealing.Seal | None = None,
    ) -> None:
        self._log, self._signer, self._send = log, signer, send
        self._every, self._seal = max(every, EVERY_MIN), seal
        self._memory = signer.memory or Memory()
        self._last: Checkpoints | None = None  # None: ask the log
        self._version = 0  # of the last statement in its stream
        self._tree = Tree()
        self._unsealed_since: datetime | None = None  # committed_at of the first such event
        self._position = 0

    @property
    def position(self) -> int:
        """How far the log has been read; the last cut may lie before it."""
        return self._position

    async def catch_up(self) -> int:
        """Sign everything that is due by now; return how many statements were made.

        Raises:
            NotSigned, StatementLost: see there.
            Unavailable, Overloaded, Unreadable: of the log or the handler; nothing is lost.
        """
        try:
            return await self._catch_up()
        except BaseException:
            self._last = None  # the outcome of the last statement is unknown
            raise

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the log until `stop`, then seal its end; raises as `catch_up` does."""
        while not stop.is_set():
            await self.catch_up()
            if self._seal is not None and await self._seal.due(self._unsealed_since):
                continue
            await waits.until(stop, self._more())
        await self.catch_up()
        if self._seal is not None and await self._seal.now(self._unsealed_since):
            await self.catch_up()

    async def _more(self) -> None:
        """Wait for the log to grow, and at least for `GATHER_S`."""
        await asyncio.sleep(GATHER_S)
        await self._log.wait(self._position, timeout_s=WAIT_S)

    async def _catch_up(self) -> int:
        last = self._last or await self._resume()
        signed = 0
        while page := await self._log.after(self._position, limit=PAGE):
            for arrived in page:
                self._take(arrived)
                if self._tree.size >= self._every or _cuts(arrived):
                    last = await self._sign(last)
                    signed += 1
        return signed

    def _take(self, arrived: Envelope) -> None:
        at = arrived.committed_at
        chained = bytes.fromhex(arrived.hash)
        self._tree.add(leaf(SignCheckpoint.form, chained, arrived.position, at))
        self._position = arrived.position
        if self._unsealed_since is None and arrived.stream not in (STREAM, sealing.STREAM):
            self._unsealed_since = at

    async def _resume(self) -> Checkpoints:
        """Load the last statement from the log, and continue reading after what it covers."""
        loaded = (await self._log.load([STREAM]))[STREAM]
        state: Checkpoints = folded(checkpoint, loaded.events, loaded.snapshot)
        await self._recognise(loaded.head.version)
        self._last, self._version = state, loaded.head.version
        self._begin(state.last_position)
        return state

    async def _recognise(self, version: int) -> None:
        """Compare the log with the signer's memory; keep the log's last statement in it.

        Raises:
            StatementLost: the log lacks what we signed, or its last signature is wrong.
        """
        kept = self._memory.last()
        if kept is not None and await self._placed(kept.version) != kept.signed():
            raise StatementLost(
                f"the log lacks the statement over positions {kept.first_position} to "
                f"{kept.last_position} that this key signed: it was cut or rewritten, or is an "
                "older copy; nothing is signed (docs/operations.md, 'A log that lacks a statement')"
            )
        newest = await self._placed(version)
        if newest is None:
            return
        if wrong := self._signer.verifier.fault(newest):
            raise StatementLost(f"{STREAM}@{version}: {wrong}; the signer signs nothing after it")
        self._memory.keep(Witness.of(Placed(version, 0, newest)))

    async def _placed(self, version: int) -> CheckpointSigned | None:
        found = (
            await self._log.select(STREAM, after_version=version - 1, limit=1) if version else ()
        )
        return cast(CheckpointSigned, found[0].event) if found else None

    async def _sign(self, last: Checkpoints) -> Checkpoints:
        unsigned = SignCheckpoint(
            first_position=last.last_position + 1,
            last_position=self._position,
            events=self._tree.size,
            merkle_root=self._tree.root().hex(),
            previous=last.signature,
            key_id=self._signer.verifier.key_id,
        )
        command = self._signer.sign(unsigned)
        message_id = f"checkpoint.{command.last_position}"
        request = Request(command=command, message_id=message_id, actor="checkpoints")
        [outcome] = await self._send([request])
        if not isinstance(outcome, Done):
            raise NotSigned(
                f"positions {unsigned.first_position} to {unsigned.last_position}: {outcome}"
            )
        self._version = outcome.version
        self._remember(command)
        self._begin(command.last_position)
        self._last = Checkpoints(last_position=command.last_position, signature=command.signature)
        return self._last

    def _remember(self, made: SignCheckpoint) -> None:
        fields = {f: getattr(made, f) for f in CheckpointSigned.__struct_fields__}
        signed = CheckpointSigned(**fields)
        self._memory.keep(Witness.of(Placed(self._version, 0, signed)))

    def _begin(self, position: int) -> None:
        """Start the next statement after a cut."""
        self._tree, self._position, self._unsealed_since = Tree(), position, None


def _cuts(arrived: Envelope) -> bool:
    return isinstance(arrived.event, DayClosed) or sealing.is_seal(arrived.event)
