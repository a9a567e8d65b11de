"""`Prefer: wait` reads the command's own stream; the aggregate defines which state is final."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest

from api.http.waiting import settled_in
from commands.ports import EMPTY, Loaded
from domain.catalogue import SETTLED
from domain.price import Mark, MarkPrice, PriceMarked

MARKED = PriceMarked(
    instrument_id="AAPL",
    isin="US0378331005",
    price=Decimal("1.00"),
    currency="USD",
    price_date=date(2030, 1, 2),
    source="test",
)


class Growing:
    """A log of one stream; each wait brings the next of the events to come, or nothing."""

    def __init__(self, *coming: PriceMarked) -> None:
        self.events: list[PriceMarked] = []
        self.coming = list(coming)
        self.waits = 0

    async def last(self) -> int:
        return len(self.events)

    async def load(self, streams: Sequence[str], /) -> dict[str, Loaded]:
        return {stream: Loaded(EMPTY, None, tuple(self.events)) for stream in streams}

    async def wait(self, position: int, /, *, timeout_s: float) -> bool:
        self.waits += 1
        if not self.coming:
            return False
        self.events.append(self.coming.pop(0))
        return True


@pytest.fixture(autouse=True)
def a_price_offers_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def marked(mark: Mark) -> bool:
        return mark.price is not None

    monkeypatch.setitem(SETTLED, MarkPrice, marked)


async def test_an_aggregate_that_offers_it_is_waited_for() -> None:
    log = Growing(MARKED)
    assert await settled_in(log)(MarkPrice, "price-AAPL", timeout_s=5.0)  # type: ignore[arg-type]
    assert log.waits == 1


async def test_nothing_is_waited_for_where_the_answer_is_there() -> None:
    log = Growing()
    log.events.append(MARKED)
    assert await settled_in(log)(MarkPrice, "price-AAPL", timeout_s=5.0)  # type: ignore[arg-type]
    assert log.waits == 0


async def test_the_time_runs_out_without_an_answer() -> None:
    log = Growing()
    assert not await settled_in(log)(MarkPrice, "price-AAPL", timeout_s=0.1)  # type: ignore[arg-type]
