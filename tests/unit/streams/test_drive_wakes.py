"""A whole drive in virtual time: its sagas wake for their own events, and sleep through others."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from itertools import count

from adapters.host.clock import SimulatedClock
from adapters.host.entropy import SeededEntropy
from adapters.memory.disk import Disk
from commands.handler import Done
from commands.ports import Request
from domain.client.commands import ApproveKyc, OnboardClient, SubmitKyc
from domain.client.events import Document, Kind, RiskRating
from domain.house import FundHouse
from domain.shared.message import Command
from sagas.engine.ports import Saved
from simulation.faults import virtual_time
from simulation.memory_platform import MemoryPlatform
from streams.drive import Drive
from streams.gateways.counterparties import live_street
from streams.supervise import Supervisor
from streams.watch import LOOK_S
from tests.unit.adapters.platform import NOW

QUIET_S = 10.5
FUND = FundHouse(currency="USD", amount=Decimal("1.00"))
CLIENT = (
    OnboardClient(client_id="C1", kind=Kind.INDIVIDUAL, legal_name="Ada", country="GB"),
    SubmitKyc(client_id="C1", documents=(Document(kind="passport", reference="P1"),)),
)
APPROVED = ApproveKyc(
    client_id="C1",
    officer="o1",
    risk_rating=RiskRating.LOW,
    review_on=NOW.date() + timedelta(days=365),
)


class World:
    """A drive without a warehouse that runs; saves of the sagas' store are counted."""

    def __init__(self) -> None:
        entropy = SeededEntropy(1)
        disk = Disk(entropy)
        self.platform = MemoryPlatform(disk, SimulatedClock(NOW), entropy)
        self.drive = Drive(
            self.platform,
            lambda p, send: live_street(
                p.log, p.saga_store, send, clock=p.clock, statement=disk.statement, marks={}
            ),
            warehouse=False,
        )
        self.saves, self._save = 0, self.platform.saga_store.save
        self.platform.saga_store.save = self._counted  # type: ignore[method-assign]
        self._numbers = count()

    async def _counted(self, page: Saved, /) -> None:
        self.saves += 1
        await self._save(page)

    async def run(self, stop: asyncio.Event) -> None:
        await Supervisor().run(self.drive.phases()[:-1], stop)

    async def do(self, command: Command) -> int:
        """The position that the command's last event has."""
        request = Request(command=command, message_id=f"m{next(self._numbers)}")
        [outcome] = await self.drive.send([request])
        assert isinstance(outcome, Done)
        return outcome.position


def test_sagas_wake_for_their_own_events_and_sleep_through_others() -> None:
    async def run() -> None:
        world, stop = World(), asyncio.Event()
        running = asyncio.create_task(world.run(stop))
        for command in CLIENT:
            await world.do(command)
        await asyncio.sleep(QUIET_S)
        saves = world.saves
        for _ in range(200):
            last = await world.do(FUND)
            await asyncio.sleep(LOOK_S / 5)
        assert world.saves == saves
        assert world.drive.sagas.position < last
        own = await world.do(APPROVED)
        await asyncio.sleep(2 * LOOK_S)
        assert world.drive.sagas.position >= own
        stop.set()
        await running
        await world.platform.dispatcher.close()

    virtual_time.run(run())
