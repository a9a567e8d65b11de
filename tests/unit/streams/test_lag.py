"""Lag in events, seconds and money, by the definition in `streams.views.lag`."""

from datetime import timedelta
from decimal import Decimal

import pytest

from domain.account.cash import CashDeposited
from streams.views import lag
from streams.views.lag import Lag, measure
from tests.unit.projections.view_log import GAP, START, ListLog
from tests.unit.projections.views_world import deposit, opened_world

LATER = START + timedelta(hours=1)


def deposits(count: int) -> ListLog:
    world = opened_world("A1")
    for n in range(count):
        world.done(deposit("A1", "100.00", f"r{n}"))
    return world.log


async def test_a_view_at_the_end_has_no_lag() -> None:
    log = deposits(3)
    assert await measure(log, await log.last(), lambda: LATER) == Lag()


async def test_it_counts_positions_the_age_of_the_oldest_event_and_the_cash_that_moves() -> None:
    log = deposits(3)
    paid = [e for e in log.envelopes if isinstance(e.event, CashDeposited)]
    found = await measure(log, paid[0].position, lambda: LATER)
    assert found.events == 2 * GAP
    assert found.seconds == (LATER - paid[1].committed_at).total_seconds()
    assert found.money == {"USD": Decimal("200.00")}
    assert found.whole


async def test_far_behind_the_money_is_a_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "EVENTS_MAX", 4)
    monkeypatch.setattr(lag, "PAGE", 2)
    log = deposits(10)
    found = await measure(log, 0, lambda: LATER)
    assert not found.whole
    assert found.events == await log.last()
    assert found.money.get("USD", Decimal(0)) < Decimal("1000.00")
