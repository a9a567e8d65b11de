"""Signs the log: reads it in order, and states what it held at every cut.

    cut = each `house.day_closed`, and each `every`-th event since the last cut

Where a checkpoint ends follows from the log alone, never from when somebody looked: a signer that
starts again, or a second one with the same key, makes the same statements, and each is one fact.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol, cast

from adapters.checkpoints import Signer
from adapters.merkle import Tree
from commands.handler import Done
from commands.ports import Loaded, Request
from domain.checkpoint import (
    INITIAL,
    STREAM,
    Checkpoints,
    CheckpointSigned,
    SignCheckpoint,
    evolve,
)
from domain.house import DayClosed
from projections.ports import Log
from streams.sagas import Send
from streams.supervise import until

EVERY = 10_000
EVERY_MIN = 2  # a checkpoint is an event too: with 1 each would ask for the next
PAGE = 1_000
WAIT_S = 1.0


class TailedLog(Log, Protocol):
    """What signing needs of `adapters.event_log.RecorderLog`."""

    async def load(self, streams: Sequence[str], /) -> Mapping[str, Loaded]: ...

    async def wait(self, position: int, /, *, timeout_s: float) -> bool: ...


class NotSigned(Exception):
    """A statement was declined: another signer, with another key or other cuts, is at work."""


class CheckpointSigner:
    """One reader of the log; `catch_up` and `run` exclude each other.

    Args:
        send: runs commands.
        every: events after which a checkpoint is due even if no day closes.
    """

    def __init__(self, log: TailedLog, signer: Signer, send: Send, *, every: int = EVERY) -> None:
        self._log, self._signer, self._send = log, signer, send
        self._every = max(every, EVERY_MIN)
        self._last: Checkpoints | None = None  # None: ask the log
        self._tree = Tree()
        self._position = 0

    @property
    def position(self) -> int:
        """How far the log has been read; the last cut may lie before it."""
        return self._position

    async def catch_up(self) -> int:
        """Sign everything that is due by now; how many statements were made.

        Raises:
            NotSigned: see there.
            Unavailable, Overloaded, Unreadable: of the log or the handler; nothing is lost.
        """
        try:
            return await self._catch_up()
        except BaseException:
            self._last = None  # what became of the last statement is not known
            raise

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the log until `stop`; raises as `catch_up` does."""
        while not stop.is_set():
            await self.catch_up()
            await until(stop, self._log.wait(self._position, timeout_s=WAIT_S))

    async def _catch_up(self) -> int:
        last = self._last or await self._resume()
        signed = 0
        while page := await self._log.after(self._position, limit=PAGE):
            for arrived in page:
                self._tree.add(bytes.fromhex(arrived.hash))
                self._position = arrived.position
                if self._tree.size >= self._every or isinstance(arrived.event, DayClosed):
                    last = await self._sign(last)
                    signed += 1
        return signed

    async def _resume(self) -> Checkpoints:
        """The last statement in the log; reading goes on behind what it covers."""
        loaded = (await self._log.load([STREAM]))[STREAM]
        state: Checkpoints = INITIAL if loaded.snapshot is None else loaded.snapshot
        for said in loaded.events:
            state = evolve(state, cast(CheckpointSigned, said))
        self._last, self._tree, self._position = state, Tree(), state.last_position
        return state

    async def _sign(self, last: Checkpoints) -> Checkpoints:
        said = SignCheckpoint(
            first_position=last.last_position + 1,
            last_position=self._position,
            events=self._tree.size,
            merkle_root=self._tree.root().hex(),
            previous=last.signature,
            key_id=self._signer.verifier.key_id,
        )
        command = self._signer.sign(said)
        message_id = f"checkpoint.{command.last_position}"
        request = Request(command=command, message_id=message_id, actor="checkpoints")
        [outcome] = await self._send([request])
        if not isinstance(outcome, Done):
            raise NotSigned(f"positions {said.first_position} to {said.last_position}: {outcome}")
        self._tree = Tree()
        self._last = Checkpoints(last_position=command.last_position, signature=command.signature)
        return self._last
