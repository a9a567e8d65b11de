"""A dry run predicts the reservation's answer; a replace is judged like a new order."""

from decimal import Decimal
from typing import Any

import pytest

from commands.handler import Declined, Done, Handler, Outcome
from commands.ports import Request
from domain.account.standing import BlockAccount, SetClosingOnly, UnblockAccount
from domain.catalogue import DECIDERS
from domain.instrument.commands import DelistInstrument, HaltInstrument, ResumeInstrument
from domain.order.commands import CancelOrder, ReplaceOrder
from domain.shared.fix import OrdType, Side, TimeInForce
from domain.shared.message import Command
from sagas.order import FORESEEN
from tests.unit.sagas.world import SYMBOL, World, order

D = Decimal
GTC: dict[str, Any] = {
    "ord_type": OrdType.LIMIT,
    "limit_px": D("20.00"),
    "time_in_force": TimeInForce.GTC,
}


@pytest.fixture
async def world() -> World:
    world = World()
    await world.open(cash="2440.00")
    return world


async def dry(world: World, *commands: Command) -> list[Outcome]:
    log = world.side.log
    handler = Handler(log, DECIDERS, clock=world.clock, foresee=FORESEEN)
    before = await log.last()
    asked = [Request(command=c, message_id="dry-run", dry_run=True) for c in commands]
    outcomes = await handler.handle(asked)
    assert await log.last() == before
    return outcomes


def said(outcome: Outcome) -> str:
    return str(outcome.refused.refusal) if isinstance(outcome, Declined) else "passes"


@pytest.mark.parametrize(
    ("terms", "answer"),
    [
        ({"qty": D(1_000_000)}, "insufficient_funds"),
        ({"qty": D(47)}, "insufficient_funds"),  # 47 x 52.50, the mark with its collar
        ({"qty": D(46)}, "passes"),
        ({"qty": D(46), "side": Side.SELL}, "short_sale_not_permitted"),
        ({"qty": D(48), "ord_type": OrdType.LIMIT, "limit_px": D("50.00")}, "passes"),
        (
            {"qty": D(49), "ord_type": OrdType.LIMIT, "limit_px": D("50.00")},
            "insufficient_funds",
        ),
    ],
)
async def test_a_dry_run_predicts_the_answer_of_the_reservation(
    world: World, terms: dict[str, Any], answer: str
) -> None:
    (outcome,) = await dry(world, order(**terms))
    assert said(outcome) == answer
    if isinstance(outcome, Done):
        assert [type(e).__name__ for e in outcome.events] == ["OrderPlaced"]
    if answer == "insufficient_funds":
        assert isinstance(outcome, Declined)
        assert outcome.refused.state["available"] == "2440.00"
        await world.do(order(**terms))
        await world.drain()
        assert (await world.named("order.rejected"))[0].text == answer


async def test_a_bulk_of_dry_runs_is_answered_one_by_one(world: World) -> None:
    result = await dry(world, order("O1"), order("O2", qty=D(5000)), order("O3", qty=D(1)))
    assert [said(o) for o in result] == ["passes", "insufficient_funds", "passes"]


async def test_a_dry_replace_upwards_predicts_the_answer_of_the_larger_hold(world: World) -> None:
    await world.do(order(qty=D(100), **GTC))
    await world.drain()
    result = await dry(
        world,
        ReplaceOrder(order_id="O1", qty=D(120)),
        ReplaceOrder(order_id="O1", qty=D(130)),
        ReplaceOrder(order_id="O1", limit_px=D("25.00")),
        ReplaceOrder(order_id="O1", qty=D(10)),
    )
    short = "insufficient_funds"
    assert [said(o) for o in result] == ["passes", short, short, "passes"]


HALTED = HaltInstrument(instrument_id=SYMBOL)
BLOCKED = BlockAccount(account_id="A1", reason="court order")


@pytest.mark.parametrize(
    ("happens", "refusal"),
    [
        (HALTED, "instrument_not_tradable"),
        (DelistInstrument(instrument_id=SYMBOL), "instrument_not_tradable"),
        (BLOCKED, "account_not_open"),
        (SetClosingOnly(account_id="A1", reason="overdue"), "closing_only"),
    ],
)
@pytest.mark.parametrize("change", [{"qty": D(40)}, {"qty": D(110)}, {"limit_px": D("19.00")}])
async def test_terms_are_not_changed_where_an_order_would_not_be_taken(
    world: World, happens: Command, refusal: str, change: dict[str, Any]
) -> None:
    await world.do(order(qty=D(100), **GTC))
    await world.drain()
    await world.do(happens)
    (refused,) = await world.do(ReplaceOrder(order_id="O1", **change))
    assert said(refused) == refusal
    (canceled,) = await world.do(CancelOrder(order_id="O1", reason="then not"))
    assert isinstance(canceled, Done)


async def test_terms_are_changed_again_once_trading_is_resumed(world: World) -> None:
    await world.do(order(qty=D(100), **GTC))
    await world.drain()
    await world.do(HALTED, BLOCKED)
    await world.do(ResumeInstrument(instrument_id=SYMBOL), UnblockAccount(account_id="A1"))
    (outcome,) = await world.do(ReplaceOrder(order_id="O1", qty=D(90)))
    assert isinstance(outcome, Done)


async def test_an_order_and_its_change_in_one_batch_see_the_same_world(world: World) -> None:
    commands = (order(qty=D(100), **GTC), ReplaceOrder(order_id="O1", qty=D(90)))
    requests = [Request(command=c, message_id=f"b{n}") for n, c in enumerate(commands)]
    outcomes = await world.side.handler.handle(requests)
    assert all(isinstance(o, Done) for o in outcomes), outcomes
    await world.do(HALTED)
    halted = (order("O2", qty=D(1), **GTC), ReplaceOrder(order_id="O2", qty=D(2)))
    requests = [Request(command=c, message_id=f"h{n}") for n, c in enumerate(halted)]
    result = await world.side.handler.handle(requests)
    assert [said(o) for o in result] == ["instrument_not_tradable", "order_unknown"]
    read = [e.meta.read for e in await world.events() if e.meta.name == "order.replace_requested"]
    assert [set(r) for r in read] == [{"account-A1", f"instrument-{SYMBOL}", f"price-{SYMBOL}"}]
