"""For relay tests: a log with gaps, a bus in memory, and a reader that checks everything."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from adapters.bus.outlet import BusUnavailable, Fenced, Relayed
from adapters.bus.page import Fit, Page, Span, behind, decode, home_of, partition_of, span_of
from adapters.log.recorder import Stored

START = datetime(2026, 3, 2, 9, 30, 0, 123456, tzinfo=UTC)
MOMENTS = ("begun", "produced", "committing", "committed")


def event(position: int, home: str, *, padding: int = 0) -> Stored:
    metadata = {"stream": f"account-{home}", "version": position, "home": home}
    state = json.dumps({"metadata": metadata, "payload": {"x": "x" * padding}}).encode()
    moment = START + timedelta(microseconds=position)
    return Stored(position, f"account-{home}", position, "t.done", state, b"h" * 32, moment)


def events(count: int, *, after: int = 0, homes: int = 7, step: int = 3) -> list[Stored]:
    """`count` events of some homes, `step` apart."""
    return [event(after + step * (n + 1), f"A{n % homes}") for n in range(count)]


class HeldLog:
    """A log in memory with the methods that the relay reads; `away` makes it raise."""

    def __init__(self, held: Sequence[Stored] = ()) -> None:
        self.held = list(held)
        self.away: Exception | None = None
        self.reads: list[int] = []  # bytes of each
        self.waited = False  # whether the relay has come to the log's end and waits
        self._grown = asyncio.Event()

    def add(self, more: Sequence[Stored]) -> None:
        self.held += more
        self._grown.set()

    async def stored(
        self, position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Stored]:
        if self.away is not None:
            raise self.away
        found = [e for e in self.held if e.position > position]
        page = [e for e in found if until is None or e.position <= until][:limit]
        self.reads.append(sum(len(e.state) for e in page))
        return page

    async def last(self) -> int:
        return self.held[-1].position if self.held else 0

    async def wait(self, position: int, /, *, timeout_s: float) -> bool:
        self.waited = True
        try:
            async with asyncio.timeout(timeout_s):
                while await self.last() <= position:
                    self._grown.clear()
                    await self._grown.wait()
        except TimeoutError:
            return False
        return True


class Record(NamedTuple):
    """One record of the log topic as a consumer gets it."""

    partition: int
    headers: Mapping[str, bytes]
    value: bytes | None

    @property
    def span(self) -> Span:
        return span_of(self.headers)


class Reader:
    """Follows every partition; where a record leaves a gap, reads the log as consumers do."""

    def __init__(self, partitions: int, log: Sequence[Stored] = ()) -> None:
        self.positions = dict.fromkeys(range(partitions), 0)
        self.seen: dict[int, list[Stored]] = {n: [] for n in range(partitions)}
        self.gaps = self.repeated = 0
        self._log = log

    def take(self, records: Sequence[Record]) -> "Reader":
        for record in records:
            span, at = record.span, self.positions[record.partition]
            match span.fit(at):
                case Fit.REPEATED:
                    self.repeated += record.value is not None
                    continue
                case Fit.GAP:
                    self.gaps += 1
                    missing = (e for e in self._log if at < e.position <= span.prev)
                    self._keep(record.partition, self._own(record.partition, missing))
                case Fit.NEXT:
                    pass
            if record.value:
                self._keep(record.partition, behind(decode(record.value), at))
            self.positions[record.partition] = span.end
        return self

    def has(self, log: Sequence[Stored]) -> bool:
        """Whether it has every event once, in order, in its partition, up to the log's end."""
        end = log[-1].position if log else 0
        own = {n: list(self._own(n, log)) for n in self.seen}
        return self.seen == own and set(self.positions.values()) == {end}

    def _own(self, partition: int, found: object) -> Sequence[Stored]:
        count = len(self.positions)
        return [e for e in found if partition_of(home_of(e), count) == partition]  # type: ignore[attr-defined]

    def _keep(self, partition: int, found: Sequence[Stored]) -> None:
        self.seen[partition] += found


class MemoryBus:
    """The state that outlives the relays: committed batches, and which relay may send."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.relayed = Relayed()
        self.epoch = 0
        self.down = False


class MemoryOutlet:
    """`adapters.bus.outlet.Outlet` over a `MemoryBus`."""

    def __init__(
        self, bus: MemoryBus, name: str, *, moment: Callable[[str], None] | None = None
    ) -> None:
        self._bus, self._name = bus, name
        self._moment = moment or (lambda _: None)
        self._epoch = 0

    async def open(self) -> Relayed:
        self._reach()
        self._bus.epoch += 1
        self._epoch = self._bus.epoch
        return self._bus.relayed

    async def send(self, pages: Sequence[Page], relayed: int, at: datetime | None, /) -> None:
        self._reach()
        self._moment("begun")
        self._moment("produced")
        self._moment("committing")
        if self._epoch != self._bus.epoch:
            raise Fenced(f"not {self._name}")
        self._bus.records += [Record(p.partition, dict(p.headers), p.value) for p in pages]
        self._bus.relayed = Relayed(relayed, at, self._name)
        self._moment("committed")

    async def close(self) -> None:
        self._epoch = 0

    def _reach(self) -> None:
        if self._bus.down:
            raise BusUnavailable("down")
