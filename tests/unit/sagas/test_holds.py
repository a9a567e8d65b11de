"""A hold covers what is still open at the venue, after any reports, busts and restatements."""

import asyncio
from datetime import datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.simulators.misbehaviour import VenueFaults
from domain.order.commands import (
    RecordAck,
    RecordCanceled,
    RecordCancelReject,
    RecordExpired,
    RecordFill,
    RecordReplaced,
    RecordStatus,
    RecordTradeCancel,
    RecordTradeCorrect,
    ReplaceOrder,
    VenueStatus,
)
from domain.shared.fix import CxlRejResponseTo, OrdType, Side, TimeInForce
from domain.shared.message import Command
from tests.unit.sagas.world import MONDAY, World, order

D = Decimal


def named(exec_id: str) -> dict[str, Any]:
    return {
        "order_id": "O1",
        "venue_order_id": "V1",
        "exec_id": exec_id,
        "trade_date": MONDAY,
        "settl_date": MONDAY,
    }


def fill(exec_id: str, qty: int, px: str = "50.00") -> RecordFill:
    return RecordFill(
        last_qty=D(qty),
        last_px=D(px),
        transact_time=datetime.combine(MONDAY, time(15)),
        **named(exec_id),
    )


def bust(exec_id: str) -> RecordTradeCancel:
    return RecordTradeCancel(exec_ref_id=exec_id, **named(f"{exec_id}.H"))


def correct(exec_id: str, qty: int, px: str = "50.00") -> RecordTradeCorrect:
    return RecordTradeCorrect(
        exec_ref_id=exec_id,
        last_qty=D(qty),
        last_px=D(px),
        transact_time=datetime.combine(MONDAY, time(16)),
        **named(f"{exec_id}.G"),
    )


REPLACE = ReplaceOrder(order_id="O1", qty=D(200))
REPLACED = RecordReplaced(order_id="O1", cl_ord_id="O1.c2")
REJECTED = RecordCancelReject(
    order_id="O1", cl_ord_id="O1.c2", response_to=CxlRejResponseTo.REPLACE
)
DONE = RecordStatus(order_id="O1", status=VenueStatus.DONE_FOR_DAY)


def restated(qty: int) -> RecordStatus:
    return RecordStatus(order_id="O1", status=VenueStatus.RESTATED, qty=D(qty))


async def at_the_venue(*reports: Command, **terms: Any) -> World:
    """An order to buy 100 at 50.00, at a venue that sends only the test's reports."""
    world = World(venue=VenueFaults(silent=1.0))
    await world.open(cash="60000.00")
    limit = {"ord_type": OrdType.LIMIT, "limit_px": D("50.00"), "qty": D(100)}
    await world.do(order(**limit | terms))
    await world.drain()
    await world.do(RecordAck(order_id="O1", venue_order_id="V1"))
    for report in reports:
        await world.do(report)
        await world.drain()
    return world


async def held(world: World) -> Decimal:
    return -sum((await world.of("M.HOLD")).values(), D(0))


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ([], "5005.00"),
        ([fill("E1", 100)], "0"),
        ([bust("E1"), fill("E1", 100)], "5005.00"),
        ([bust("E1"), fill("E1", 40)], "5005.00"),
        ([fill("E1", 100), bust("E1")], "5005.00"),
        ([fill("E1", 40), bust("E1")], "5005.00"),
        ([fill("E1", 40), fill("E2", 60), bust("E1")], "2002.00"),
        ([fill("E1", 100), correct("E1", 60)], "2002.00"),
        ([correct("E1", 60), fill("E1", 100)], "2002.00"),
        ([fill("E1", 60), correct("E1", 100)], "0"),
        ([fill("E1", 60), correct("E1", 100), bust("E1.G")], "5005.00"),
        ([fill("E1", 120), bust("E1")], "5005.00"),
        ([fill("E1", 100), REPLACE, REPLACED, bust("E1")], "10010.00"),
        ([fill("E1", 100), REPLACE, bust("E1"), REPLACED], "10010.00"),
        ([fill("E1", 100), bust("E1"), REPLACE, REPLACED], "10010.00"),
        ([RecordCanceled(order_id="O1"), fill("E1", 100), bust("E1")], "0"),
        ([fill("E1", 40), RecordCanceled(order_id="O1"), bust("E1")], "0"),
        ([fill("E1", 40), RecordExpired(order_id="O1"), bust("E1")], "0"),
        ([fill("E1", 40), DONE, bust("E1")], "0"),
        ([fill("E1", 100), bust("E1"), RecordCanceled(order_id="O1")], "0"),
    ],
)
async def test_what_is_open_at_the_venue_is_held(reports: list[Command], expected: str) -> None:
    assert await held(await at_the_venue(*reports)) == D(expected)


async def test_an_order_for_more_than_a_day_stays_held_when_its_day_is_done() -> None:
    reports = (fill("E1", 100), DONE, bust("E1"))
    world = await at_the_venue(*reports, time_in_force=TimeInForce.GTC)
    assert await held(world) == D("5005.00")


async def test_an_order_replaced_below_what_is_filled_holds_for_what_a_bust_opens_of_it() -> None:
    """The venue had filled 60 when 40 were asked for: the order is one of 60."""
    down = ReplaceOrder(order_id="O1", qty=D(40))
    world = await at_the_venue(down, fill("E1", 60), REPLACED, bust("E1"))
    assert await held(world) == D("3003.00")


@pytest.mark.parametrize(
    ("ordered", "reports", "expected"),
    [
        (100, [restated(50)], "2502.50"),  # 2500.00, and 0.1 % of it
        (100, [restated(10)], "501.00"),  # 500.00 and the minimum of 1.00: not 500.50
        (100, [restated(1)], "51.00"),
        (10, [restated(100)], "5005.00"),  # the minimum of 10 is not that of 100: not 5010.00
        (10, [restated(200)], "10010.00"),
        (100, [restated(10), restated(100)], "5005.00"),  # there and back is nothing
        (100, [restated(10), restated(20)], "1001.00"),
        (100, [fill("E1", 5), restated(10)], "250.50"),  # the half of 501.00
        (100, [fill("E1", 5), restated(5)], "0"),  # filled by it
        (100, [fill("E1", 20), restated(10)], "0"),
        (100, [fill("E1", 20), restated(10), bust("E1")], "1001.00"),  # an order of 20
        (100, [restated(10), bust("E1"), fill("E1", 10)], "501.00"),
        (100, [restated(10), RecordCanceled(order_id="O1")], "0"),
        (100, [restated(10), REPLACE, REPLACED], "10010.00"),
        # a replace for more is out: its hold stays until the venue has answered
        (100, [REPLACE, restated(10)], "10010.00"),
        (100, [REPLACE, restated(10), REJECTED], "501.00"),
        (100, [REPLACE, restated(10), REPLACED], "10010.00"),
    ],
)
async def test_a_restated_order_holds_what_a_new_order_of_its_quantity_would(
    ordered: int, reports: list[Command], expected: str
) -> None:
    assert await held(await at_the_venue(*reports, qty=D(ordered))) == D(expected)


async def test_a_restated_sale_holds_its_shares() -> None:
    world = await at_the_venue(fill("E1", 100))
    sale = {"order_id": "O2", "ord_type": OrdType.LIMIT, "limit_px": D(60)}
    await world.do(order(**sale, side=Side.SELL, qty=D(80)))
    await world.drain()
    await world.do(RecordAck(order_id="O2", venue_order_id="V2"))
    await world.do(RecordStatus(order_id="O2", status=VenueStatus.RESTATED, qty=D(30)))
    await world.drain()
    assert await held(world) == D(30)


kinds = st.one_of(
    st.builds(fill, st.sampled_from(["E1", "E2", "E3"]), st.integers(1, 60)),
    st.builds(bust, st.sampled_from(["E1", "E2", "E3", "E1.G"])),
    st.builds(correct, st.sampled_from(["E1", "E2"]), st.integers(1, 80)),
    st.sampled_from([REPLACE, REPLACED, DONE]),
    st.builds(restated, st.integers(1, 150)),
    st.builds(lambda: RecordCanceled(order_id="O1")),
)


@given(st.lists(kinds, max_size=7))
@settings(max_examples=60)
def test_whatever_is_reported_the_hold_is_for_what_the_order_leaves_open(
    reports: list[Command],
) -> None:
    async def run() -> None:
        world = await at_the_venue(*reports, time_in_force=TimeInForce.GTC)
        state: Any = (await world.side.handler.state("order-O1"))[0]
        pending = state.pending(CxlRejResponseTo.REPLACE)
        if pending:
            return  # held for the dearer of two terms
        leaves, of = state.leaves_qty, state.qty
        share = (state.hold_amount * leaves / of).quantize(D("0.01"))
        assert abs(await held(world) - share) <= D("0.02"), state

    asyncio.run(run())
