"""An ISIN cannot change after the first order, in any order of concurrent commands."""

from decimal import Decimal
from functools import reduce
from typing import Any

import pytest

from commands.handler import Declined, Done
from domain import instrument, price
from domain import order as order_domain
from domain.account.transfers import TransferSecurities
from domain.instrument.commands import AmendInstrument, ListInstrument, UseInstrument
from domain.instrument.events import InstrumentUsed
from domain.shared.fix import OrdType, Side
from domain.shared.message import Refused, Seen
from tests.unit.domain.orders import ISIN as ORDERED
from tests.unit.domain.orders import NOW, desk, listed, place
from tests.unit.sagas.world import ISIN, MONDAY, World, order

OTHER = "US5949181045"
NEW = ListInstrument(instrument_id="NEW", symbol="NEW", isin=OTHER, currency="USD", mic="XNAS")
CHANGED = AmendInstrument(instrument_id="NEW", isin=ISIN)
FIRST: dict[str, Any] = {
    "instrument_id": "NEW",
    "qty": Decimal(10),
    "ord_type": OrdType.LIMIT,
    "limit_px": Decimal("50.00"),
}


@pytest.fixture
async def world() -> World:
    """A listing that has no price and that nobody has ever ordered."""
    world = World()
    await world.open()
    await world.do(NEW)
    return world


def said(outcome: Any) -> str:
    return str(outcome.refused.refusal) if isinstance(outcome, Declined) else "done"


async def test_the_first_order_of_a_listing_is_held_once_the_listing_knows(world: World) -> None:
    await world.do(order(**FIRST), order("O2", **FIRST))
    await world.drain()
    assert [e.order_id for e in await world.named("instrument.used")] == ["O1", "O2"]
    assert {e.order_id for e in await world.named("funds.reserved")} == {"O1", "O2"}
    await world.do(order("O3", **FIRST))
    await world.drain()
    assert len(await world.named("instrument.used")) == 2
    (outcome,) = await world.do(CHANGED)
    assert said(outcome) == "isin_held"


async def test_an_order_that_meets_another_isin_never_leaves(world: World) -> None:
    await world.do(order(**FIRST), CHANGED)  # before the order's saga reports the use
    await world.drain()
    assert await world.names("order-O1") == ["order.placed", "order.rejected"]
    assert (await world.named("order.rejected"))[0].text == "isin_differs"
    assert await world.of("M.HOLD") == {}
    await world.do(order("O2", **FIRST))
    await world.drain()
    assert "order.released" in await world.names("order-O2")


async def test_a_held_share_keeps_its_isin(world: World) -> None:
    await world.do(order())
    await world.until(MONDAY)
    (outcome,) = await world.do(AmendInstrument(instrument_id="AAPL", isin=OTHER))
    assert said(outcome) == "isin_held"
    await world.do(order("O9", side=Side.SELL))


async def test_a_transfer_by_a_listing_keeps_its_isin() -> None:
    world = World(settle_days=0)
    await world.open(accounts=("A1", "A2"))
    twin = ListInstrument(instrument_id="TWIN", symbol="T", isin=ISIN, currency="USD", mic="XNAS")
    await world.do(twin, order())
    await world.until(MONDAY.replace(day=MONDAY.day + 2))
    (outcome,) = await world.do(
        TransferSecurities(
            transfer_id="X1",
            account_id="A1",
            to_account_id="A2",
            instrument_id="TWIN",
            isin=ISIN,
            qty=Decimal(10),
        )
    )
    assert isinstance(outcome, Done), outcome
    await world.drain()
    (result,) = await world.do(AmendInstrument(instrument_id="TWIN", isin=OTHER))
    assert said(result) == "isin_held"
    assert [e.account_id for e in await world.named("transfer.completed")] == ["A1"]


def test_an_amendment_that_missed_the_first_mark_meets_the_order_at_the_instrument() -> None:
    """All at the same time: the order reads the mark and the old ISIN, the amendment neither."""
    listing = reduce(instrument.evolve, (listed,), instrument.INITIAL)
    unmarked = {"price-AAPL": price.INITIAL}
    seen = Seen(now=NOW, effective_at=NOW, streams=unmarked)
    change = AmendInstrument(instrument_id="AAPL", isin=OTHER)
    (amended,) = instrument.decide(change, listing, seen)
    (placed,) = order_domain.decide(place(), order_domain.INITIAL, desk())
    assert placed.first_use, "it asks the instrument, although there is a mark"
    use = UseInstrument(instrument_id="AAPL", isin=placed.isin, order_id="O1")
    result = instrument.decide(use, instrument.evolve(listing, amended), seen)
    assert isinstance(result, Refused) and result.refusal == "isin_differs"
    # or the other way round: the use comes first
    (used,) = instrument.decide(use, listing, seen)
    result = instrument.decide(change, instrument.evolve(listing, used), seen)
    assert isinstance(result, Refused) and result.refusal == "isin_held"


def test_an_order_for_a_listing_that_knows_asks_no_more() -> None:
    used = InstrumentUsed(instrument_id="AAPL", isin=ORDERED, order_id="O0")
    (placed,) = order_domain.decide(place(), order_domain.INITIAL, desk(listing=(listed, used)))
    assert not placed.first_use
