"""How far folding is behind the log: in events, in seconds, and in money.

Events: positions from the views to the log's end, an upper bound of the number of events.
Seconds: how long the oldest unfolded event has been in the log, by the worker's clock.
Money: the client cash that the unfolded events move: the sum of the absolute postings to C.CASH,
by currency. It is counted from the log for up to `EVENTS_MAX` events; beyond that it is a lower
bound (`whole` is False).
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from adapters.log.recorder import PAGE
from domain import ledger
from projections.ports import Log

EVENTS_MAX = 5_000


class Lag(NamedTuple):
    events: int = 0
    seconds: float = 0.0
    money: Mapping[str, Decimal] = {}
    whole: bool = True


async def measure(log: Log, position: int, clock: Callable[[], datetime]) -> Lag:
    """The lag of a reader at `position`.

    Raises:
        Unavailable, Unreadable: of the log.
    """
    last = await log.last()
    if last <= position:
        return Lag()
    money: dict[str, Decimal] = defaultdict(Decimal)
    oldest: datetime | None = None
    at, counted = position, 0
    while counted < EVENTS_MAX:
        page = await log.after(at, limit=PAGE, until=last)
        for arrived in page:
            oldest = oldest or arrived.committed_at
            for entry in ledger.entries(arrived.event):
                for posting in entry.postings:
                    if posting.account == "C.CASH":
                        money[posting.unit] += abs(posting.amount)
        if not page:
            break
        at, counted = page[-1].position, counted + len(page)
    seconds = max(0.0, (clock() - oldest).total_seconds()) if oldest else 0.0
    return Lag(last - position, seconds, dict(money), counted < EVENTS_MAX)
