"""A market that never closes, around the last marks: for trying the platform at any hour.

It ticks every five seconds of the UTC day at mark * (1 + s * sin(2 pi t / period)), s = 0.002,
rounded to the tick: a simple made-up path that also reaches limits a little away from the mark.

It has a first day, so that the venue does not walk through every day since for an order that was
left open years ago, at the end of a simulated history.
"""

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from adapters.simulators.market import Session, Tick

STEP, STEPS = timedelta(seconds=5), 86_400 // 5
SWING, PERIOD = 0.002, 60  # of the price; ticks
PLACES = Decimal("0.0001")
KEPT = timedelta(days=2)


class AlwaysOpen:
    """Implements `Market`; `marks` (symbol -> last price) may change at any time.

    Args:
        since: the first day with a session.
    """

    def __init__(self, marks: Mapping[str, Decimal], *, since: date) -> None:
        self._marks, self._since = marks, since
        self._sessions: dict[tuple[str, date], tuple[Decimal, Session]] = {}

    def lists(self, symbol: str, /) -> bool:
        return symbol in self._marks

    def session(self, symbol: str, day: date, /) -> Session | None:
        mark = self._marks.get(symbol)
        if mark is None or day < self._since:
            return None
        kept = self._sessions.get((symbol, day))
        if kept is None or kept[0] != mark:
            kept = self._sessions[symbol, day] = (mark, _session(day, mark))
            self._sessions.pop((symbol, day - KEPT), None)  # a day is 17,280 ticks
        return kept[1]


def _session(day: date, mark: Decimal) -> Session:
    start = datetime.combine(day, time(0, tzinfo=UTC))
    swings = [
        (mark * (1 + Decimal(repr(SWING * math.sin(2 * math.pi * k / PERIOD))))).quantize(PLACES)
        for k in range(PERIOD)
    ]
    ticks = (Tick(start + k * STEP, swings[k % PERIOD]) for k in range(STEPS))
    return Session(day, tuple(ticks))
