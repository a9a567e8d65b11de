"""The stores as one process sees them: calls fail, take long, or get no answer.

Behind them is the world's disk (`adapters.memory.disk`), which outlives every process. A fault
strikes at the call: before, within or after the work of the store itself. So an error does not tell
whether the work was done, as with any store behind a network.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Protocol, cast

from adapters.log.recorder import Recorder, Unavailable
from adapters.memory.disk import Disk
from adapters.simulators.statement import Statement
from sagas.engine.ports import SagaStore
from simulation.faults import kinds
from simulation.faults.kinds import Kind
from simulation.faults.process import Process
from simulation.faults.schedule import Fate, Struck

LATE_MAX_S, STALL_MAX_S = 3.0, 2.0
STEP_MAX = timedelta(minutes=20)

SITES: Mapping[str, Mapping[str, str]] = {
    "recorder": {"append": kinds.APPEND}
    | dict.fromkeys(("read", "after", "select", "last", "heads", "messages"), kinds.READ),
    "saga_store": dict.fromkeys(("positions", "save", "acknowledge", "reset"), kinds.SAGA_WRITE)
    | dict.fromkeys(("load", "owed", "due", "unfinished"), kinds.SAGA_READ),
    "sink": dict.fromkeys(("prepare", "save"), kinds.VIEW_WRITE)
    | dict.fromkeys(("positions", "load"), kinds.VIEW_READ),
    "statement": {"book": kinds.BOOK},
    "keys": {"data_key": kinds.KEY},
}


class World(Protocol):
    """What the faults need of `simulation.faults.world.World`."""

    disk: Disk
    fate: Fate

    async def crash(self, process: Process, *, lost_tail: Struck | None = None) -> None:
        """The process dies here: never returns."""
        ...

    async def freeze(self, process: Process, struck: Struck) -> None:
        """Freeze the process here, until it is thawed or killed."""
        ...

    def later(self, work: Awaitable[object], delay_s: float) -> None:
        """Have work done after `delay_s`, outside every process."""
        ...


class Mounted(Disk):
    """The world's disk, as `process` reaches it."""

    def __init__(self, world: World, process: Process) -> None:
        def guard(name: str) -> Any:
            return _Guard(world, process, name)

        self.journal, self.rows = world.disk.journal, world.disk.rows
        self.recorder = cast(Recorder, guard("recorder"))
        self.saga_store = cast(SagaStore, guard("saga_store"))
        self.statement = cast(Statement, guard("statement"))
        self.sink, self.keys = guard("sink"), guard("keys")


class _Guard:
    def __init__(self, world: World, process: Process, name: str) -> None:
        self._world, self._process, self._name = world, process, name
        self._sites = SITES[name]

    def __getattr__(self, name: str) -> Any:
        store = getattr(self._world.disk, self._name)
        found = getattr(store, name)
        site = self._sites.get(name)
        if inspect.iscoroutinefunction(found):
            return self._async(name, site)
        return self._sync(name, site) if site else found

    def _async(self, name: str, site: str | None) -> Callable[..., Any]:
        async def call(*args: Any, **more: Any) -> Any:
            await self._process.gate()
            if self._name in self._process.cut:
                self._process.cut.remove(self._name)
                raise Unavailable(f"{self._name}: the connection is lost")
            struck = site and self._world.fate.at(site, self._process.name, self._process.clock())

            def go(*these: Any) -> Any:  # the disk may replace its stores during a wait
                return getattr(getattr(self._world.disk, self._name), name)(*these, **more)

            if not struck:
                return await go(*args)
            return await self._strike(struck, go, args)

        return call

    def _sync(self, name: str, site: str) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            self._process.check()
            args = tuple(list(a) if isinstance(a, Iterator) else a for a in args)
            store = getattr(self._world.disk, self._name)
            if args == ([],) and not more:
                return None  # nothing to book: no visit
            struck = self._world.fate.at(site, self._process.name, self._process.clock())
            if struck and struck.kind is Kind.CRASH_BEFORE:
                self._die()
            done = getattr(store, name)(*args, **more)
            if struck and struck.kind is Kind.CRASH_AFTER:
                self._die()
            return done

        return call

    def _die(self) -> None:
        self._process.crash()
        raise asyncio.CancelledError

    async def _strike(self, struck: Struck, go: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        match struck.kind:
            case Kind.STALL | Kind.FREEZE | Kind.CLOCK_AHEAD | Kind.CLOCK_BACK:
                return await self._delay(struck, go, args)
            case Kind.CRASH_BEFORE | Kind.CRASH_WITHIN | Kind.CRASH_AFTER | Kind.LOST_TAIL:
                await self._do_part(struck.kind, go, args)
                lost = struck if struck.kind is Kind.LOST_TAIL else None
                await self._world.crash(self._process, lost_tail=lost)
            case Kind.LATE:
                delay_s = self._world.fate.throw(struck, "late") * LATE_MAX_S
                self._world.later(go(*args), delay_s)
            case _:
                await self._do_part(struck.kind, go, args)
        raise Unavailable(f"{struck.site}: {struck.kind}")

    async def _do_part(self, kind: Kind, go: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Do the part of the call that is done before the fault."""
        if kind in (Kind.CRASH_AFTER, Kind.UNANSWERED, Kind.LOST_TAIL):
            await go(*args)
        elif kind in (Kind.CRASH_WITHIN, Kind.HALF_DONE) and len(args[0]) > 1:
            await go(args[0][: len(args[0]) // 2], *args[1:])

    async def _delay(self, struck: Struck, go: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Delay the call, on its way there or back."""
        fate = self._world.fate
        if fate.throw(struck, "way") < 0.5:
            await self._wait(struck)
            return await go(*args)
        answer = await go(*args)
        await self._wait(struck)
        return answer

    async def _wait(self, struck: Struck) -> None:
        fate, process = self._world.fate, self._process
        if struck.kind is Kind.FREEZE:
            await self._world.freeze(process, struck)
        elif struck.kind is Kind.STALL:
            await asyncio.sleep(fate.throw(struck, "stall") * STALL_MAX_S)
        else:
            step_clock(process, struck, fate)
        await process.gate()


def step_clock(process: Process, struck: Struck, fate: Fate) -> None:
    """Move the process's clock by up to `STEP_MAX`, or by a fraction of a second."""
    step = STEP_MAX * fate.throw(struck, "step") ** 4  # small steps are the most common
    process.offset += step if struck.kind is Kind.CLOCK_AHEAD else -step
