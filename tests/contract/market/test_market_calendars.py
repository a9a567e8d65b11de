"""A trade settles by the calendar of the market it was done on, from the listing to the custodian.

Friday 2024-08-23: New York settles on the next day (T+1, Monday), Frankfurt on the second
(Tuesday), London on the second one that is no bank holiday (Wednesday).
"""

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest

from adapters.simulators.misbehaviour import CustodianFaults, VenueFaults
from domain.shared.fix import Side
from streams.gateways.counterparties import NextDay
from tests.unit.sagas.world import World, declined, order

FRIDAY = date(2024, 8, 23)
DAYS = NextDay(date(2024, 12, 31))


async def opened(mic: str, **faults: object) -> World:
    world = World(settl_date=DAYS.settl_date, **faults)  # type: ignore[arg-type]
    await world.open(mic=mic)
    world.clock.set(datetime.combine(FRIDAY, time(13), UTC))
    return world


@pytest.mark.parametrize(
    ("mic", "country", "settles"),
    [
        ("XNAS", "US", date(2024, 8, 26)),
        ("XETR", "DE", date(2024, 8, 27)),
        ("XLON", "GB", date(2024, 8, 28)),
    ],
)
async def test_the_market_decides_whatever_the_isin_says(
    mic: str, country: str, settles: date
) -> None:
    world = await opened(mic)
    await world.do(order())  # of Apple: a US ISIN
    await world.until(settles)
    (placed,) = await world.named("order.placed")
    assert (placed.market_country, placed.country) == (country, country)
    for name in ("trade.booked", "settlement.instructed"):
        found = await world.named(name)
        assert found and {e.settl_date for e in found} == {settles}, name
    assert {e.market_country for e in await world.named("trade.booked")} == {country}
    assert {e.country for e in await world.named("settlement.instructed")} == {country}
    settled = await world.named("obligation.settled")
    assert {e.value_date for e in settled} == {settles}


async def test_what_goes_back_goes_back_on_the_same_market() -> None:
    faults = {"venue": VenueFaults(bust=1.0), "custodian": CustodianFaults(deny_cancel=1.0)}
    world = await opened("XLON", **faults)
    await world.do(order())
    await world.until(date(2024, 9, 6))
    back = [e for e in await world.named("settlement.instructed") if e.side is Side.SELL]
    assert back and {e.country for e in back} == {"GB"}
    assert await world.of("C.STREET") == {}


@pytest.mark.parametrize("mic", ["XTKS", "XSTO", "ZZZZ"])
async def test_a_market_without_a_calendar_takes_no_order(mic: str) -> None:
    world = await opened(mic)
    (outcome,) = await world.do(order(qty=Decimal(1)))
    assert declined(outcome) == "market_not_supported"
    assert await world.named("order.placed") == []
