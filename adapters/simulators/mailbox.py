"""Reports in transit: delivered in order of arrival time, then label, then posting."""

import heapq
from datetime import datetime
from typing import Generic, TypeVar

R = TypeVar("R")


class Mailbox(Generic[R]):
    def __init__(self) -> None:
        self._queue: list[tuple[datetime, str, int, R]] = []
        self._posted = 0

    def post(self, report: R, *, at: datetime, label: str) -> None:
        """Deliver `report` at `at`; `label` orders reports that arrive at the same time."""
        self._posted += 1
        heapq.heappush(self._queue, (at, label, self._posted, report))

    def take(self, to: datetime) -> list[R]:
        """All reports that have arrived by `to`, each once."""
        out = []
        while self._queue and self._queue[0][0] <= to:
            out.append(heapq.heappop(self._queue)[3])
        return out

    def waiting(self) -> list[tuple[datetime, str, int, R]]:
        """All that has been posted and not been taken, in order."""
        return sorted(self._queue, key=lambda item: item[:3])
