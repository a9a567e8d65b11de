"""The main roads, end to end, over real aggregates and simulated counterparties."""

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from msgspec.structs import replace

from adapters.simulators.misbehaviour import CustodianFaults, VenueFaults
from domain.account.exchange import ConvertCurrency
from domain.account.standing import BlockAccount, CloseAccount, UnblockAccount
from domain.account.transfers import TransferCash
from domain.account.withdrawals import WithdrawCash
from domain.client.commands import OffboardClient, ReinstateClient, SuspendClient
from domain.fx import FixRates
from domain.order.commands import CancelOrder, ReplaceOrder
from domain.shared.fix import OrdType, Side, TimeInForce
from domain.shared.message import ERASED
from tests.unit.sagas.world import MONDAY, World, declined, order

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
    assert sum((await world.of("C.DEPOT")).values()) == 30


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


async def test_a_suspended_client_s_orders_are_refused_and_its_accounts_come_back(
    world: World,
) -> None:
    await world.do(SuspendClient(client_id="C1", reason="documents expired"))
    await world.drain()
    (blocked,) = await world.named("account.restricted")
    assert (blocked.status, blocked.client_id) == ("blocked", "C1")
    (outcome,) = await world.do(order())
    assert declined(outcome) == "account_not_open"
    await world.do(ReinstateClient(client_id="C1"))
    await world.drain()
    assert [e.status for e in await world.named("account.restricted")] == ["blocked", "open"]


async def test_a_review_that_is_forgotten_suspends_the_client_in_steps(world: World) -> None:
    world.clock.set(datetime(2026, 3, 1, tzinfo=UTC))
    await world.drain()
    names = await world.names("client-C1")
    assert names[3:] == ["client.review_due", "client.review_overdue", "client.suspended"]
    restricted = await world.named("account.restricted")
    assert [e.status for e in restricted] == ["closing_only", "blocked"]


async def test_the_last_account_of_an_exiting_client_closes_it() -> None:
    world = World()
    await world.open(cash="0")
    await world.do(OffboardClient(client_id="C1"), CloseAccount(account_id="A1"))
    await world.drain()
    assert (await world.names("client-C1"))[-1] == "client.closed"


async def test_cash_given_to_an_account_that_was_blocked_meanwhile_comes_back() -> None:
    world = World()
    await world.open(cash="500.00", accounts=("A1", "A2"))
    give = TransferCash(
        transfer_id="X1",
        account_id="A1",
        to_account_id="A2",
        currency="USD",
        amount=Decimal("100.00"),
    )
    await world.do(give, BlockAccount(account_id="A2", reason="court order"))
    await world.drain()
    assert (await world.names("account-A1"))[-1] == "transfer.undone"
    assert await world.of("C.XFER") == {}
    await world.do(UnblockAccount(account_id="A2"), replace(give, transfer_id="X2"))
    await world.drain()
    assert (await world.names("account-A1"))[-1] == "transfer.completed"
    assert await world.of("C.CASH") == {
        ("A1", "", "USD"): Decimal("-400.00"),
        ("A2", "", "USD"): Decimal("-600.00"),
    }


async def test_an_exchange_settles_on_its_value_date(world: World) -> None:
    await world.do(
        FixRates(source="ecb", rate_date=MONDAY, rates={"USD": Decimal("1.1")}),
        ConvertCurrency(
            account_id="A1",
            fx_id="F1",
            buy_currency="EUR",
            buy_amount=Decimal("1000.00"),
            sell_currency="USD",
        ),
    )
    await world.until(date(2024, 3, 5))
    assert await world.named("fx.settled") == []
    await world.until(WEDNESDAY)
    assert len(await world.named("fx.settled")) == 1
    assert await world.of("C.STREET") == {}


async def test_a_payout_is_sent_booked_and_completed(world: World) -> None:
    await world.do(
        WithdrawCash(account_id="A1", amount=Decimal("100.00"), currency="USD", reference="rent")
    )
    await world.until(MONDAY)
    assert await world.of("C.PAYOUT") == {("", "A1.W1", "USD"): Decimal("-100.00")}
    await world.until(date(2024, 3, 5))
    assert (await world.names("account-A1"))[-1] == "cash.withdrawal_completed"
    assert await world.of("C.PAYOUT") == {}


async def test_a_replace_is_paid_for_before_it_leaves_and_trades_on_its_new_terms(
    world: World,
) -> None:
    waiting = order(
        ord_type=OrdType.LIMIT, limit_px=Decimal("20.00"), time_in_force=TimeInForce.GTC
    )
    await world.do(waiting)
    await world.until(MONDAY)
    await world.do(ReplaceOrder(order_id="O1", qty=Decimal(60), limit_px=Decimal("60.00")))
    await world.until(FRIDAY)
    names = await world.names("order-O1")
    assert names[3:6] == [
        "order.replace_requested",
        "order.replace_released",
        "order.replaced",
    ]
    assert sum(f.last_qty for f in await world.named("order.filled")) == 60
    assert await world.of("M.HOLD") == {}


async def test_a_busted_trade_that_has_settled_is_delivered_back() -> None:
    world = World(venue=VenueFaults(bust=1.0), settle_days=0)
    await world.open()
    await world.do(order())
    await world.until(FRIDAY)
    reverse = [e for e in await world.named("settlement.instructed") if e.side == Side.SELL]
    assert reverse and all(e.obligation_id.endswith("R") for e in reverse)
    for account in ("C.STREET", "C.SEC", "C.DEPOT", "M.HOLD"):
        assert await world.of(account) == {}, account


@pytest.mark.parametrize(
    ("fault", "suspense"), [("miscount", None), ("reuse_id", "business_id_reused")]
)
async def test_a_report_that_contradicts_what_is_known_changes_no_trade(
    fault: str, suspense: str | None
) -> None:
    good, bad = World(), World(venue=VenueFaults(**{fault: 1.0}))
    for world in (good, bad):
        await world.open()
        await world.do(order())
        await world.until(FRIDAY)
    fills = [
        [(f.exec_id, f.last_qty, f.last_px) for f in await w.named("order.filled")]
        for w in (good, bad)
    ]
    assert fills[0] == fills[1] and fills[0]
    for account in CLIENTS:
        assert await bad.of(account) == await good.of(account), account
    assert await bad.of("C.STREET") == await bad.of("M.HOLD") == {}
    refused = [e.refusal for e in await bad.named("command.refused")]
    assert refused == ([suspense] * len(fills[0]) if suspense else [])


async def test_an_order_that_is_refused_after_it_was_accepted_ends_and_frees_its_money() -> None:
    world = World(venue=VenueFaults(reject_late=1.0))
    await world.open()
    before = await world.of("C.CASH")
    await world.do(order())
    await world.until(FRIDAY)
    assert (await world.names("order-O1"))[-2:] == ["order.accepted", "order.rejected"]
    assert await world.named("order.filled") == []
    assert await world.of("C.CASH") == before and await world.of("M.HOLD") == {}


CLIENTS = ("C.CASH", "C.SEC", "C.DEPOT", "C.NOSTRO", "C.STREET", "M.HOLD")


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
@pytest.mark.parametrize(
    ("settle_days", "partial", "part_came_before"),
    [(1, 0.0, False), (1, 1.0, False), (0, 1.0, True)],  # the bust comes at 17:00 of the next day
)
async def test_a_busted_trade_whose_cancellation_is_denied_settles_and_goes_back(
    side: Side, settle_days: int, partial: float, part_came_before: bool
) -> None:
    world = World(settle_days=settle_days)
    await world.open()
    await world.do(order("O0", qty=Decimal(50)))
    await world.until(date(2024, 3, 18), time(13))
    before = {account: await world.of(account) for account in CLIENTS}
    assert before["C.STREET"] == {} and sum(before["C.DEPOT"].values()) == 50
    custodian = CustodianFaults(deny_cancel=1.0, partial=partial, duplicate=1.0)
    world.misbehave(venue=VenueFaults(bust=1.0), custodian=custodian)
    await world.do(order(side=side))
    await world.until(date(2024, 3, 29))
    busts = await world.named("trade.busted")
    came = await world.named("obligation.settled_after_bust")
    assert sum(b.qty for b in busts) == 30
    assert bool(sum(b.reverse_qty for b in busts)) is part_came_before
    assert sum(c.qty for c in came) + sum(b.reverse_qty for b in busts) == 30
    assert {c.side for c in came} == {side}
    assert len({c.reverse_id for c in came}) == len(came)
    back = [e for e in await world.named("settlement.instructed") if "back" in e.obligation_id]
    assert len(back) == len(came)
    assert all(e.on_hold is (side is Side.BUY) and e.side is not side for e in back)
    assert {account: await world.of(account) for account in CLIENTS} == before


async def test_a_held_delivery_whose_cancellation_is_denied_is_never_released() -> None:
    world = World()
    await world.open()
    await world.do(order("O0"))
    await world.until(date(2024, 3, 18), time(13))
    before = {account: await world.of(account) for account in CLIENTS}
    custodian = CustodianFaults(deny_cancel=1.0)
    world.misbehave(venue=VenueFaults(bust=1.0), custodian=custodian)
    await world.do(order(side=Side.SELL))  # settles on Wednesday, busted on Tuesday
    await world.until(date(2024, 3, 29))
    assert await world.named("settlement.cancel_denied")
    assert not await world.named("obligation.settled_after_bust")
    assert {account: await world.of(account) for account in CLIENTS} == before


async def test_a_silent_venue_becomes_a_case() -> None:
    world = World(venue=VenueFaults(silent=1.0))
    await world.open()
    await world.do(order())
    await world.until(date(2024, 3, 6))
    assert await world.names("saga_order-O1") == ["deadline.passed"]
    assert await world.names("order-O1") == ["order.placed", "order.released"]


async def test_an_erased_client_goes_through_its_reviews_like_any_other(world: World) -> None:
    """No saga command is refused: none carries a text that can no longer be sealed."""
    world.side.keys.destroy("C1")
    world.side.log.forget()
    world.clock.set(datetime(2026, 3, 1, tzinfo=UTC))
    await world.drain()
    names = await world.names("client-C1")
    assert names[3:] == ["client.review_due", "client.review_overdue", "client.suspended"]
    restricted = await world.named("account.restricted")
    assert [(e.status, e.cause) for e in restricted] == [
        ("closing_only", "client_standing"),
        ("blocked", "client_standing"),
    ]
    [suspended] = await world.named("client.suspended")
    assert suspended.reason == ERASED


async def test_an_erased_clients_sagas_are_derived_again_to_the_same(world: World) -> None:
    pay = WithdrawCash(account_id="A1", amount=Decimal("9.00"), currency="USD", reference="rent")
    await world.do(pay, BlockAccount(account_id="A1", reason="court order"))
    await world.drain()
    before = dict(world.store._states)
    world.side.keys.destroy("C1")
    world.side.log.forget()
    await world.runner.rebuild()
    assert dict(world.store._states) == before
