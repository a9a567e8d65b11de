"""A market that never closes, around the last marks: for trying the platform at any hour.

Ticks every five seconds of the UTC day at mark * (1 + s * sin(2 pi t / period)), s = 0.002, rounded
to the tick: a stated toy path, so that limits a little away from the mark are reached as well.
"""

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from adapters.simulators.market import Session, Tick

STEP, STEPS = timedelta(seconds=5), 86_400 // 5
SWING, PERIOD = 0.002, 60  # of the price; ticks
PLACES = Decimal("0.0001")


class AlwaysOpen:
    """Implements `Market`; `marks` (symbol -> last price) may change while it runs."""

    def __init__(self, marks: Mapping[str, Decimal]) -> None:
        self._marks = marks
        self._sessions: dict[tuple[str, date, Decimal], Session] = {}

    def lists(self, symbol: str, /) -> bool:
        return symbol in self._marks

    def session(self, symbol: str, day: date, /) -> Session | None:
        mark = self._marks.get(symbol)
        if mark is None:
            return None
        key = (symbol, day, mark)
        if key not in self._sessions:
            self._sessions[key] = _session(day, mark)
        return self._sessions[key]


def _session(day: date, mark: Decimal) -> Session:
    start = datetime.combine(day, time(0, tzinfo=UTC))
    swings = [
        (mark * (1 + Decimal(repr(SWING * math.sin(2 * math.pi * k / PERIOD))))).quantize(PLACES)
        for k in range(PERIOD)
    ]
    ticks = (Tick(start + k * STEP, swings[k % PERIOD]) for k in range(STEPS))
    return Session(day, tuple(ticks))
