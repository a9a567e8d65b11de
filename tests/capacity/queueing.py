"""The same tiers as queues: API -> log -> relay -> partitions -> workers, event by event.

    commands (Poisson) --> [api: n servers] --> [log: one writer, batches] --> [relay: batches]
                                                       --> by home --> [worker of each partition]

Service times are those of `tests.capacity.model`: exponential for a command; for a batch a fixed
part (a flush, a transaction) and a part an event, so that batches grow under load as they do.
Lag is the time from the append to the row.
"""

import heapq
import random
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from tests.capacity.model import Deployment, value

FLUSH_S = 0.0002  # one durable commit, of the log or of a view's transaction
BATCH_MAX = 1_000  # events
HOMES = 10_000  # accounts


class Played(NamedTuple):
    seconds: float
    arrived: int  # events
    appended: int
    visible: int
    lags: list[float]  # s, in order of becoming visible
    backlogs: list[int]  # events not yet visible, one a second

    @property
    def growth(self) -> float:
        """Events a second by which the backlog grew over the second half."""
        half = len(self.backlogs) // 2
        return (self.backlogs[-1] - self.backlogs[half]) / (len(self.backlogs) - 1 - half)

    def quantile(self, q: float) -> float:
        ordered = sorted(self.lags)
        return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


Event = tuple[int, float]
"""(partition, when it was appended)."""


class Batcher:
    """One server that takes what is waiting, up to `BATCH_MAX` at a time."""

    def __init__(self, world: "World", per_event_s: float, done: Callable[[list[Event]], None]):
        self._world, self._per_event_s, self._done = world, per_event_s, done
        self._waiting: deque[Event] = deque()
        self._busy = False

    def add(self, events: list[Event]) -> None:
        self._waiting.extend(events)
        if not self._busy:
            self._start()

    def _start(self) -> None:
        taken = [self._waiting.popleft() for _ in range(min(BATCH_MAX, len(self._waiting)))]
        self._busy = bool(taken)
        if taken:
            # The measured rate at a full batch includes the fixed part already.
            per_event = self._per_event_s - FLUSH_S / BATCH_MAX
            self._world.after(FLUSH_S + per_event * len(taken), lambda: self._end(taken))

    def _end(self, taken: list[Event]) -> None:
        self._done(taken)
        self._start()


class World:
    """A run at one rate; the same seed gives the same run.

    Args:
        events_rate: events a second that callers cause.
        weights: of the partitions; None: homes are spread evenly over them.
    """

    def __init__(
        self, one: Deployment, events_rate: float, *, seed: int, weights: list[float] | None = None
    ) -> None:
        self._dice = random.Random(seed)
        self._rate = events_rate / value("events_per_command")
        self._partitions = weights or [1.0] * one.partitions
        self._homes = self._dice.choices(range(one.partitions), self._partitions, k=HOMES)
        self._now, self._count = 0.0, 0
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._queue: deque[int] = deque()  # waiting commands, as their numbers of events
        self._free = one.api
        self._log = Batcher(self, 1 / value("append_rate"), self._appended)
        self._relay = Batcher(self, 1 / value("relay_rate"), self._relayed)
        fold_s = 1 / value("fold_rate")
        self._workers = [Batcher(self, fold_s, self._visible) for _ in range(one.partitions)]
        self.arrived = self.appended = self.visible = 0
        self.lags: list[float] = []

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._agenda, (self._now + seconds, self._count, what))

    def play(self, seconds: float) -> Played:
        backlogs: list[int] = []
        for second in range(1, int(seconds) + 1):
            self.after(second - self._now, lambda: backlogs.append(self.arrived - self.visible))
        self._next_command()
        while self._agenda and self._agenda[0][0] <= seconds:
            self._now, _, what = heapq.heappop(self._agenda)
            what()
        return Played(seconds, self.arrived, self.appended, self.visible, self.lags, backlogs)

    def _next_command(self) -> None:
        self.after(self._dice.expovariate(self._rate), self._command)

    def _command(self) -> None:
        self._next_command()
        number = 1
        extra = 1 - 1 / value("events_per_command")  # geometric: its mean is events a command
        while self._dice.random() < extra:
            number += 1
        self.arrived += number
        self._queue.append(number)
        self._serve()

    def _serve(self) -> None:
        while self._free and self._queue:
            self._free -= 1
            number = self._queue.popleft()
            service_s = self._dice.expovariate(value("command_rate"))
            self.after(service_s, lambda n=number: self._handled(n))

    def _handled(self, number: int) -> None:
        self._free += 1
        home = self._homes[self._dice.randrange(HOMES)]
        self._log.add([(home, 0.0)] * number)
        self._serve()

    def _appended(self, events: list[Event]) -> None:
        self.appended += len(events)
        self._relay.add([(partition, self._now) for partition, _ in events])

    def _relayed(self, events: list[Event]) -> None:
        parts: dict[int, list[Event]] = {}
        for event in events:
            parts.setdefault(event[0], []).append(event)
        for partition, taken in parts.items():
            self._workers[partition].add(taken)

    def _visible(self, events: list[Event]) -> None:
        self.visible += len(events)
        self.lags += [self._now - appended for _, appended in events]
