"""A whole platform in memory, on a `Disk`: the same handler, log, sagas and views as any other.

It has no warehouse. Dropping it kills it: only what is on the disk remains.
"""

from collections.abc import Mapping
from decimal import Decimal

from adapters.dispatch.dispatcher import Dispatcher
from adapters.host.clock import Clock
from adapters.host.entropy import Entropy
from adapters.log.codec import Codec
from adapters.log.event_log import RecorderLog
from adapters.memory.disk import Disk
from adapters.operations.balances import dues_at_end, from_rows
from adapters.proof.signing import Signer
from adapters.warehouse.client import Warehouse
from commands.handler import Handler
from domain.catalogue import DECIDERS
from projections.ledger import balances
from projections.ledger.controls import Served

NOWHERE = "clickhouse://127.0.0.1:9/"
"""A warehouse connects when it is first used, and here it never is."""


class MemoryPlatform:
    """Implements `streams.platform.Platform`.

    Args:
        sole_writer: no other platform works on this disk.
        log: what reads and writes events; `RecorderLog` or a subclass.
    """

    def __init__(
        self,
        disk: Disk,
        clock: Clock,
        entropy: Entropy,
        *,
        sole_writer: bool = True,
        log: type[RecorderLog] = RecorderLog,
    ) -> None:
        self.clock, self.sink, self.saga_store = clock, disk.sink, disk.saga_store
        self.signer = Signer(entropy.draw(32, "checkpoint-key"))
        codec = Codec(disk.keys, entropy)
        self.log = log(
            disk.recorder, codec, request_key=disk.keys.request_key, sole_writer=sole_writer
        )
        self.handler = Handler(
            self.log,
            DECIDERS,
            clock=clock,
            dues=self._dues,
            digest_key=disk.keys.digest_key,
        )
        self.dispatcher = Dispatcher(self.handler)
        self.warehouse = Warehouse(NOWHERE)

    async def served_balances(self) -> Served:
        return Served(from_rows(self.sink.rows(balances)), self.sink.positions_of(balances))

    async def _dues(self) -> Mapping[str, Decimal]:
        return await dues_at_end(self.log, await self.served_balances())

    async def close(self) -> None:
        await self.dispatcher.close()
        await self.warehouse.close()
