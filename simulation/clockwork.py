"""The simulated day: the moments at which things happen, UTC.

13:00 clients act      on the previous close
13:30 .. 20:00         the venue's ticks
20:30 close            marks, fixing, expiries
21:30 custodian, bank  settlements and bookings of the day
23:00 end of day       deadlines (fails), fees
23:30 controls         in Postgres, in ClickHouse and by folding the log; the day is closed
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

MORNING, CLOSE, SETTLEMENT, END_OF_DAY, CONTROLS = (
    time(13, 0, tzinfo=UTC),
    time(20, 30, tzinfo=UTC),
    time(21, 30, tzinfo=UTC),
    time(23, 0, tzinfo=UTC),
    time(23, 30, tzinfo=UTC),
)
OPEN, TICK, TICKS = time(13, 30, tzinfo=UTC), timedelta(minutes=97, seconds=30), 5


def at(day: date, moment: time) -> datetime:
    return datetime.combine(day, moment)


def venue_ticks(day: date) -> Iterator[datetime]:
    """The times at which a session is drained: the open, the close at 20:00, and between."""
    first = at(day, OPEN)
    return (first + n * TICK for n in range(TICKS))
