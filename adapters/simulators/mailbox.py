"""Reports on their way: delivered in the order of their arrival, ties by what they are about."""

import heapq
from datetime import datetime
from typing import Generic, TypeVar

R = TypeVar("R")


class Mailbox(Generic[R]):
    def __init__(self) -> None:
        self._queue: list[tuple[datetime, str, int, R]] = []
        self._posted = 0

    def post(self, report: R, *, at: datetime, label: str) -> None:
        """Arrives at `at`; `label` orders what arrives together, then the order of posting."""
        self._posted += 1
        heapq.heappush(self._queue, (at, label, self._posted, report))

    def take(self, to: datetime) -> list[R]:
        """All that has arrived by `to`, each once."""
        out = []
        while self._queue and self._queue[0][0] <= to:
            out.append(heapq.heappop(self._queue)[3])
        return out
