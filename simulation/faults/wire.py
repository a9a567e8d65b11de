"""The wire to a counterparty: messages and reports get lost, late, doubled and out of order.

A wire carries one session at a time, as FIX has it. It refuses a logon while another session is
active, and a process learns that its session broke when it next uses it. After every logon the wire
resends recent reports, as a session does for sequence numbers that were not confirmed. A message is
therefore lost to its session, not for ever: when its session has broken, the gateway resends what
is open, and so does the other side.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, time, timedelta
from typing import Any, Protocol

from msgspec.structs import replace

from simulation.faults import kinds
from simulation.faults.kinds import Kind
from simulation.faults.process import Process
from simulation.faults.schedule import Fate, Struck
from streams.gateways.gateway import Counterparty

HEARTBEAT_S = 2.0  # a session that is silent for longer may be taken over
DELAY_MAX_S = 2.0
RESENT_FOR = timedelta(days=4)
LAST_MOMENT = time(23, 0)  # of a day: what is not reported by then is missing at its close


class World(Protocol):
    fate: Fate

    async def crash(self, process: Process, *, lost_tail: Struck | None = None) -> None: ...

    async def freeze(self, process: Process, struck: Struck) -> None: ...

    def later(self, work: Awaitable[object], delay_s: float) -> None: ...


class Wire:
    """The wire of one counterparty; it outlives our processes.

    Args:
        make: makes the counterparty, as it is before the first message.
        clock: the world's, which counterparties follow whatever a process's clock shows.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[], Counterparty],
        *,
        world: World,
        clock: Callable[[], datetime],
    ) -> None:
        self.name, self._make, self.world, self._clock = name, make, world, clock
        self.owner: Line | None = None
        self._inner = make()
        self._heard = 0.0
        self._breaks_at: float | None = None
        self._overtaken: list[Any] = []  # messages that wait for the next one
        self._under_way = 0  # messages that have not arrived yet
        self._late: list[tuple[float, Any]] = []
        self._held: list[tuple[datetime, Any]] = []
        self._reported: list[tuple[datetime, Any]] = []
        self._again: list[Any] = []
        self._looked_at: datetime | None = None  # None: a message reached it since

    def forget(self) -> None:
        """Restart the counterparty's process: it knows nothing, and gateways resend to it."""
        self._inner = self._make()
        for queue in (self._overtaken, self._late, self._held, self._reported, self._again):
            queue.clear()
        self.owner, self._looked_at = None, None

    @property
    def rests(self) -> bool:
        """Nothing is under way, and reports were read at this moment, after every message."""
        held = any(at < self._clock() for at, _ in self._held)
        waiting = self._overtaken or self._under_way or self._late or self._again or held
        quiet = not waiting and self._breaks_at is None
        return quiet and self._looked_at == self._clock()

    async def submit(self, line: "Line", message: Any) -> None:
        self._session(line)
        now = self._clock()
        struck = self.world.fate.at(kinds.SUBMIT, line.process.name, now)
        match struck and struck.kind:
            case None:
                await self._tell(message)
            case Kind.CRASH_BEFORE | Kind.CRASH_AFTER as kind:
                if kind is Kind.CRASH_AFTER:
                    await self._tell(message)
                await self.world.crash(line.process)
            case Kind.FREEZE:
                assert struck is not None
                await self.world.freeze(line.process, struck)
                self._session(line)
                await self._tell(message)
            case _:
                assert struck is not None
                await self._mistell(line, message, struck)

    async def _mistell(self, line: "Line", message: Any, struck: Struck) -> None:
        match struck.kind:
            case Kind.MESSAGE_DOUBLED:
                await self._tell(message)
                await self._tell(message)
            case Kind.MESSAGE_DELAYED:
                self._later(message, struck)
            case Kind.MESSAGE_OVERTAKEN:
                self._overtaken.append(message)
                self._later(None, struck)  # in case no message follows
            case Kind.MESSAGE_SILENTLY_LOST:
                self._breaks_at = self._soon(struck)
            case Kind.MESSAGE_UNANSWERED:
                await self._tell(message)
                self._break(line)
            case _:
                self._break(line)

    async def _tell(self, message: Any | None) -> None:
        self._looked_at = None
        waiting, self._overtaken = self._overtaken, []
        for one in (message, *waiting):
            if one is not None:
                await self._inner.submit(one)

    def _later(self, message: Any | None, struck: Struck) -> None:
        async def arrive() -> None:
            self._under_way -= 1
            await self._tell(message)

        self._under_way += 1
        self.world.later(arrive(), self.world.fate.throw(struck, "delay") * DELAY_MAX_S)

    async def advance(self, line: "Line") -> Sequence[Any]:
        self._session(line)
        now, clock_s = self._clock(), asyncio.get_running_loop().time()
        fresh = list(await self._inner.advance(now))
        self._looked_at = now
        self._reported += [(now, report) for report in fresh]
        return [*self._due(now, clock_s), *self._misreport(line, fresh, now)]

    def _due(self, now: datetime, clock_s: float) -> list[Any]:
        """The reports that were kept back and arrive now."""
        out, self._again = self._again, []
        out += [report for at, report in self._late if at <= clock_s]
        out += [report for at, report in self._held if at < now]
        self._late = [(at, report) for at, report in self._late if at > clock_s]
        self._held = [(at, report) for at, report in self._held if at >= now]
        return out

    def _misreport(self, line: "Line", fresh: Sequence[Any], now: datetime) -> list[Any]:
        out: list[Any] = []
        last: list[Any] = []
        for report in fresh:
            struck = self.world.fate.at(kinds.REPORT, line.process.name, now)
            match struck and struck.kind:
                case None:
                    out.append(report)
                case Kind.REPORT_DOUBLED:
                    out += [report, report]
                case Kind.REPORT_OVERTAKEN:
                    last.append(report)
                case Kind.REPORT_LOST:
                    self._breaks_at = asyncio.get_running_loop().time()
                case Kind.REPORT_HELD if now.timetz().replace(tzinfo=None) < LAST_MOMENT:
                    self._held.append((now, report))
                case _:
                    assert struck is not None
                    self._late.append((self._soon(struck), report))
        return [*out, *last]

    def _session(self, line: "Line") -> None:
        """Make sure that `line` is logged on.

        Raises:
            ConnectionError: its session has broken, or another is logged on.
        """
        clock_s = asyncio.get_running_loop().time()
        if self._breaks_at is not None and clock_s >= self._breaks_at:
            self._breaks_at, self.owner = None, None
        if self.owner is line:
            self._heard = clock_s
            return
        if line.up:
            line.up = False
            raise ConnectionResetError(f"{self.name}: the session has broken")
        other = self.owner
        if other is not None and other.process.active and clock_s - self._heard < HEARTBEAT_S:
            raise ConnectionRefusedError(f"{self.name}: logged on elsewhere")
        self.owner, line.up, self._heard = line, True, clock_s
        since = self._clock() - RESENT_FOR
        self._again = [_resend(r) for at, r in self._reported if at >= since]

    def _break(self, line: "Line") -> None:
        self.owner, line.up = None, False
        raise ConnectionResetError(f"{self.name}: the session has broken")

    def _soon(self, struck: Struck) -> float:
        delay_s = self.world.fate.throw(struck, "delay") * DELAY_MAX_S
        return asyncio.get_running_loop().time() + delay_s


class Line:
    """One process's end of a wire; a `Counterparty` for its gateway."""

    def __init__(self, wire: Wire, process: Process) -> None:
        self.wire, self.process = wire, process
        self.up = False

    async def submit(self, message: Any, /) -> None:
        await self.process.gate()
        await self.wire.submit(self, message)

    async def advance(self, to: datetime, /) -> Sequence[Any]:
        self.process.check()
        return await self.wire.advance(self)


def _resend(report: Any) -> Any:
    flagged = "poss_resend" in report.__struct_fields__
    return replace(report, poss_resend=True) if flagged else report
