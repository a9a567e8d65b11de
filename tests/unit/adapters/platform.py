"""A write side in memory, for tests: real handler, codec and log over the memory recorder."""

from datetime import UTC, datetime

from adapters.host.clock import SimulatedClock
from adapters.host.entropy import SeededEntropy
from adapters.log.codec import Codec
from adapters.log.event_log import RecorderLog
from adapters.log.keys import MemoryKeyStore
from adapters.memory.recorder import MemoryRecorder
from commands.handler import Handler, Outcome
from commands.ports import Request
from domain.catalogue import DECIDERS
from domain.shared.message import Command

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)


class WriteSide:
    def __init__(
        self, recorder: MemoryRecorder | None = None, seed: int = 1, *, since: datetime = NOW
    ) -> None:
        entropy = SeededEntropy(seed)
        self.clock = SimulatedClock(since)
        self.keys = MemoryKeyStore(entropy)
        self.recorder = recorder or MemoryRecorder()
        self.log = RecorderLog(
            self.recorder, Codec(self.keys, entropy), request_key=self.keys.request_key
        )
        self.handler = self.fresh_handler()

    def fresh_handler(self) -> Handler:
        """A second process on the same log: its own cache."""
        return Handler(self.log, DECIDERS, clock=self.clock, digest_key=self.keys.digest_key)

    async def do(self, command: Command, key: str = "", **more: object) -> Outcome:
        self._n = getattr(self, "_n", 0) + 1
        request = Request(command=command, message_id=key or f"m{self._n}", **more)  # type: ignore[arg-type]
        return (await self.handler.handle([request]))[0]
