"""One run under faults: a world that outlives its processes, from the first day to the last.

begin a process -> its script trades -> done
      ^   ^                |-crash--> what it had written stays; another begins
      |   '----------------'
      '------ freeze: another begins at once; the frozen one comes back, and finds itself
              overtaken
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import copy_context
from datetime import timedelta
from typing import Any

from adapters.host.clock import SimulatedClock
from adapters.host.entropy import SeededEntropy
from adapters.log.codec import Codec
from adapters.log.event_log import RecorderLog
from adapters.memory.disk import Disk
from adapters.proof.signing import Signer, Verifier
from simulation.faults import kinds
from simulation.faults.kinds import Kind
from simulation.faults.live import CutLog, LiveDrive
from simulation.faults.process import Process
from simulation.faults.rest import unrest
from simulation.faults.schedule import Fate, Schedule, Struck
from simulation.faults.script import BusyTrading, ClientPlatform, Promise, Script
from simulation.faults.stores import Mounted, step_clock
from simulation.faults.wire import Line, Wire
from simulation.killed import ROUGH
from simulation.memory_platform import MemoryPlatform
from simulation.run import Outcome, Spec, eve_of
from streams.drive import NeverQuiet
from streams.gateways.channels.bank import BankChannel
from streams.gateways.channels.channel import Channel
from streams.gateways.channels.custodian import CustodianChannel
from streams.gateways.channels.venue import VenueChannel
from streams.gateways.counterparties import AHEAD, Faults, NextDay, Parties, history_parties
from streams.gateways.gateway import Counterparty, Gateway
from streams.gateways.street import Booking, Street
from streams.platform import Platform
from streams.reread_timer import TRUST_S
from streams.sagas.runner import Send

PROCESSES_MAX = 30
FROZEN_MAX_S, BESIDE_MAX_S = 20.0, 15.0  # virtual
FROZEN_MAX = timedelta(days=2)  # simulated
TAIL_MAX = 8  # writes that a derived store forgets


class World:
    """Implements the `World` of `simulation.faults.stores` and of `simulation.faults.wire`."""

    def __init__(self, spec: Spec, schedule: Schedule, *, faults: Faults = ROUGH) -> None:
        self.spec, self.fate = spec, Fate(schedule)
        self.clock = SimulatedClock(eve_of(spec))
        self.entropy = SeededEntropy(spec.seed)
        self.disk = Disk(self.entropy)
        self.promises: list[Promise] = []
        self._live: dict[Process, LiveDrive] = {}
        self._begun = 0
        self._days = NextDay(spec.last + AHEAD)
        self._late: set[asyncio.Task[object]] = set()
        self._tasks: set[asyncio.Task[object]] = set()
        self._context = copy_context()
        self.wires = self._make_wires(faults)

    async def run(self) -> Outcome:
        """Run to the end of the last day, whatever happens; then until nothing is owed.

        Raises:
            ControlsFailed: a day could not be closed.
            NeverQuiet: something stays owed, or `PROCESSES_MAX` processes did not suffice.
        """
        while self._begun < PROCESSES_MAX:
            process = self._begin()
            script = process.spawn(self._script(process))
            if await self._wait_for(process, script):
                await process.bury()
                return script.result()
        raise NeverQuiet(f"not done after {PROCESSES_MAX} processes")

    def log(self) -> RecorderLog:
        """A log that reads the disk itself."""
        keys = self.disk.keys
        codec = Codec(keys, self.entropy)
        return RecorderLog(self.disk.recorder, codec, request_key=keys.request_key)

    @property
    def verifier(self) -> Verifier:
        """The verifier of the key that every process signs with."""
        return Signer(self.entropy.draw(32, "checkpoint-key")).verifier

    async def crash(self, process: Process, *, lost_tail: Struck | None = None) -> None:
        if lost_tail is not None:
            for name in ("saga_store", "sink"):
                count = int(self.fate.throw(lost_tail, name) * TAIL_MAX)
                await self.disk.forget(name, count)
                for beside in self._live:
                    beside.cut.add(name)
        process.crash()
        await asyncio.Event().wait()

    async def freeze(self, process: Process, struck: Struck) -> None:
        process.freeze()
        frozen_s = self.fate.throw(struck, "frozen") * FROZEN_MAX_S
        beside_s = frozen_s + self.fate.throw(struck, "beside") * BESIDE_MAX_S
        loop = asyncio.get_running_loop()
        loop.call_later(frozen_s, process.thaw)
        loop.call_later(beside_s, process.kill)
        await process.gate()

    def later(self, work: Awaitable[object], delay_s: float) -> None:
        async def then() -> object:
            await asyncio.sleep(delay_s)
            return await work

        self._late.add(task := self._task(then()))
        task.add_done_callback(self._late.discard)

    def _task(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[object]:
        """A task of the world's own: no process's death ends it."""
        task = asyncio.get_running_loop().create_task(work, context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _begin(self) -> Process:
        self._begun += 1
        process = Process(f"p{self._begun}", self.clock)
        strikes = set(self.fate.schedule.faults.values())
        alone = not strikes & {Kind.FREEZE, Kind.RIVAL}
        mounted = Mounted(self, process)
        platform = MemoryPlatform(
            mounted, process.clock, self.entropy, sole_writer=alone, log=CutLog
        )
        log = platform.log
        assert isinstance(log, CutLog)
        log.process, log.fate = process, self.fate
        drive = LiveDrive(
            platform,
            lambda p, send: self._street(p, send, process, mounted),
            log,
            moment=lambda: self._moment(process),
            unrest=lambda: self._unrest(process),
        )
        self._live[process] = drive
        process.spawn(drive.run(asyncio.Event()))
        self._task(self._undertake(process))
        return process

    async def _undertake(self, process: Process) -> None:
        await process.dead.wait()
        await process.bury()
        del self._live[process]
        if process.crashed and self.fate.schedule.forgetful:
            for wire in self.wires:
                wire.forget()

    async def _script(self, process: Process) -> Outcome:
        drive = self._live[process]
        clients = ClientPlatform(drive.platform, self.log(), self.promises)
        run = Script(clients, drive, self.clock, self.spec, warehouse=False, trading=BusyTrading)
        outcome = await run.go(lambda _: None)
        await self._come_to_rest(process, drive)
        return outcome

    async def _come_to_rest(self, process: Process, drive: LiveDrive) -> None:
        """Thaw overtaken processes, let them act, stop them; wait until nothing is owed."""
        others = [p for p in self._live if p is not process]
        for other in others:
            other.thaw()
        if others or self._late:
            await asyncio.sleep(BESIDE_MAX_S)
        elif any(struck.kind is Kind.LOST_TAIL for struck in self.fate.struck):
            await asyncio.sleep(TRUST_S + 1)  # a keeper may not have read its store since
        for other in others:
            await other.bury()
        await drive.until(lambda: self._unrest(process))
        await drive.views_to((await self.disk.recorder.last())[0])
        await drive.sign()

    async def _wait_for(self, process: Process, script: asyncio.Task[Outcome]) -> bool:
        """Wait until the script is done (True), or its process is dead or frozen (False)."""
        ends = [self._task(process.dead.wait()), self._task(process.frozen.wait())]
        await asyncio.wait([script, *ends], return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
        if script.done() and not script.cancelled() and process.alive:
            return True
        script.cancel()
        await asyncio.wait([script])
        return False

    def _thaw(self) -> None:
        """Thaw what is frozen for `FROZEN_MAX`, before its idempotency keys are deleted."""
        for process in self._live:
            if process.frozen_at and self.clock() - process.frozen_at > FROZEN_MAX:
                process.thaw()

    async def _moment(self, process: Process) -> None:
        self._thaw()
        struck = self.fate.at(kinds.MOMENT, process.name, process.clock())
        match struck and struck.kind:
            case None:
                return
            case Kind.RIVAL:
                assert struck is not None
                rival = self._begin()
                beside_s = self.fate.throw(struck, "beside") * BESIDE_MAX_S
                asyncio.get_running_loop().call_later(beside_s, rival.kill)
            case _:
                assert struck is not None
                step_clock(process, struck, self.fate)

    async def _unrest(self, process: Process) -> str:
        """What is still owed at the present moment of the process's clock."""
        if self._late:
            return "something is done late"
        gateways = [
            (up, gateway)
            for up, drive in self._live.items()
            if up.active
            for gateway in drive.street.gateways
        ]
        return await unrest(self.disk, self.wires, gateways, process.clock())

    def _make_wires(self, faults: Faults) -> tuple[Wire, ...]:
        def parties() -> Parties:
            return history_parties(self._days, seed=self.spec.seed, faults=faults)

        makes: dict[str, Callable[[], Counterparty]] = {
            VenueChannel.NAME: lambda: parties().venue,
            CustodianChannel.NAME: lambda: Booking(parties().custodian, self.disk.statement),
            BankChannel.NAME: lambda: Booking(parties().bank, self.disk.statement),
        }
        return tuple(Wire(n, make, world=self, clock=self.clock) for n, make in makes.items())

    def _street(self, platform: Platform, send: Send, process: Process, disk: Disk) -> Street:
        channels: tuple[Channel, ...] = (
            VenueChannel(self._days.settl_date),
            CustodianChannel(),
            BankChannel(),
        )
        gateways = [
            Gateway(
                platform.log,
                platform.saga_store,
                send,
                channel=channel,
                counterparty=Line(wire, process),
            )
            for channel, wire in zip(channels, self.wires, strict=True)
        ]
        return Street(platform.log, process.clock, gateways=gateways, statement=disk.statement)
