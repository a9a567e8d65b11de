"""The main roads, end to end, over real aggregates and simulated counterparties."""

from datetime import date, time
from decimal import Decimal

import pytest

from domain.fix import OrdType, Side, TimeInForce
from domain.order.commands import CancelOrder
from tests.unit.saga_world import ISIN, MONDAY, World, order

WEDNESDAY, FRIDAY = date(2024, 3, 6), date(2024, 3, 8)


@pytest.fixture
async def world() -> World:
    world = World()
    await world.open()
    return world


async def test_a_bought_fill_is_reserved_released_booked_and_settled(world: World) -> None:
    await world.do(order())
    await world.until(MONDAY)
    assert (await world.of("C.STREET")) != {}
    await world.until(FRIDAY)
    names = await world.names("order-O1")
    assert names[:3] == ["order.placed", "order.released", "order.accepted"]
    assert set(names[3:]) == {"order.filled"}
    fills = await world.named("order.filled")
    assert sum(f.last_qty for f in fills) == 30
    assert {f.settl_date for f in fills} == {WEDNESDAY}
    assert len(await world.named("trade.booked")) == len(fills)
    assert await world.of("C.STREET") == {}
    assert await world.of("M.HOLD") == {}
    assert (
        await world.of("C.DEPOT") == {("", ISIN): Decimal(30)}
        or sum((await world.of("C.DEPOT")).values()) == 30
    )


async def test_an_order_without_funds_never_leaves(world: World) -> None:
    await world.do(order(qty=Decimal(30_000)))
    await world.until(MONDAY)
    assert await world.names("order-O1") == ["order.placed", "order.rejected"]
    (rejected,) = await world.named("order.rejected")
    assert (rejected.ord_rej_reason, rejected.text) == ("3", "insufficient_funds")
    assert await world.names("saga_order-O1") == ["command.refused"]


async def test_a_limit_order_that_is_never_crossed_expires_and_frees_its_hold(
    world: World,
) -> None:
    await world.do(order(ord_type=OrdType.LIMIT, limit_px=Decimal("20.00")))
    await world.until(MONDAY, time(17))
    assert await world.of("M.HOLD") != {}
    await world.until(MONDAY)
    assert (await world.names("order-O1"))[-1] == "order.expired"
    assert await world.of("M.HOLD") == {}


async def test_a_cancelled_order_frees_its_hold(world: World) -> None:
    gtc = TimeInForce.GTC
    await world.do(order(ord_type=OrdType.LIMIT, limit_px=Decimal("20.00"), time_in_force=gtc))
    await world.until(MONDAY)
    await world.do(CancelOrder(order_id="O1", reason="changed my mind"))
    await world.until(FRIDAY)
    assert (await world.names("order-O1"))[-2:] == ["order.cancel_requested", "order.canceled"]
    assert await world.of("M.HOLD") == {}


async def test_shares_bought_can_be_sold_and_the_sale_settles(world: World) -> None:
    await world.do(order())
    await world.until(FRIDAY)
    await world.do(order("O2", side=Side.SELL))
    await world.until(date(2024, 3, 15))
    assert await world.of("C.STREET") == {}
    assert await world.of("M.HOLD") == {}
    assert sum((await world.of("C.SEC")).values()) == 0
    assert sum((await world.of("C.DEPOT")).values()) == 0
