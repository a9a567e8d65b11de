"""The ports of a platform that this package drives, whatever implements them.

`adapters.wiring.platform.Platform` implements them with engines, `simulation.memory_platform` with
dictionaries, so that a run can be killed and restarted some hundred times a minute.
"""

from datetime import datetime
from typing import Protocol

from adapters.dispatch.dispatcher import Dispatcher
from adapters.log.event_log import RecorderLog
from adapters.proof.signing import Signer
from adapters.warehouse.client import Warehouse
from commands.handler import Handler
from projections.ledger.controls import Served
from projections.ports import Sink
from sagas.engine.ports import SagaStore


class Platform(Protocol):
    @property
    def dispatcher(self) -> Dispatcher: ...

    @property
    def handler(self) -> Handler: ...

    @property
    def log(self) -> RecorderLog: ...

    @property
    def saga_store(self) -> SagaStore: ...

    @property
    def signer(self) -> Signer: ...

    @property
    def sink(self) -> Sink: ...

    @property
    def warehouse(self) -> Warehouse: ...

    def clock(self) -> datetime: ...

    async def served_balances(self) -> Served:
        """The ledger as the read models have it; lines that are zero may be left out."""
        ...
