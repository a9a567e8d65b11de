"""Each view by example: the row after given events."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from domain.account.cash import ReturnDeposit
from domain.account.exchange import ConvertCurrency, SettleFx
from domain.account.fees import AccrueFee, ChargeFee
from domain.account.holds import ReleaseHold, ReserveForOrder
from domain.account.obligations import RecordFailing, SettleAfterBust
from domain.account.standing import AuthorisePerson, BlockAccount, ChangeLotMethod, RevokePerson
from domain.account.state import Power
from domain.account.trades import TradeBooked
from domain.account.transfers import ReceiveSecurities, TransferSecurities
from domain.account.withdrawals import SendWithdrawal, WithdrawCash
from domain.client.commands import SuspendClient
from domain.fx import FixRates
from domain.house import Control, FundHouse, SweepDues
from domain.instrument.commands import AmendInstrument, HaltInstrument
from domain.order import commands as o
from domain.order.state import Order
from domain.rules.lots import LotMove
from domain.saga import RecordRefusal
from domain.settlement.commands import InstructSettlement
from domain.shared.digests import digest
from domain.shared.fix import CxlRejResponseTo, Side
from projections.engine.shard import SHARDS, shard
from projections.holdings import lots, obligations, positions, settlements
from projections.ledger import balances, cash, client_money, trial_balance
from projections.market import instruments, marks, rates
from projections.operations import cases, days, fees
from projections.parties import accounts, clients
from projections.trading import fills, orders
from tests.unit.domain.closing import HELD, closing, off
from tests.unit.projections.view_log import GAP, folded
from tests.unit.projections.views_world import (
    ISIN,
    SETTLES,
    TODAY,
    YESTERDAY,
    D,
    World,
    bust,
    deposit,
    fill,
    mark,
    opened_world,
    place,
    settle,
    trade,
)

CASH = ("A1", "USD")
STOCK = ("A1", ISIN)


@pytest.fixture
def world() -> World:
    """A1 with ten thousand dollars, collected."""
    opened = opened_world("A1", "A2")
    opened.done(deposit("A1", "10000.00", "P1"))
    return opened


def bought(world: World, qty: int = 100, price: str = "50.00", trade_id: str = "T1") -> TradeBooked:
    (event,) = world.done(trade("A1", trade_id, Side.BUY, qty, price))
    assert isinstance(event, TradeBooked)
    return event


def charged(event: TradeBooked) -> Decimal:
    return sum((c.amount for c in event.charges), Decimal(0))


# cash


async def test_a_collected_deposit_may_be_traded_and_withdrawn(world: World) -> None:
    row = (await folded(cash, world.log))[CASH]
    assert (row.traded, row.settled, row.reserved) == (10000, 10000, 0)
    assert cash.available(row, TODAY) == cash.withdrawable(row, TODAY) == 10000


async def test_a_deposit_is_uncollected_until_its_day(world: World) -> None:
    friday = TODAY + timedelta(days=7)
    world.done(deposit("A1", "500.00", "P2", available_on=friday))
    row = (await folded(cash, world.log))[CASH]
    assert row.traded == 10500
    assert cash.available(row, friday - timedelta(days=1)) == 10000
    assert cash.available(row, friday) == 10500


async def test_a_returned_deposit_is_not_subtracted_twice(world: World) -> None:
    friday = TODAY + timedelta(days=7)
    world.done(deposit("A1", "500.00", "P2", available_on=friday))
    returned = ReturnDeposit(account_id="A1", amount=D("500"), currency="USD", reference="P2")
    world.done(returned)
    row = (await folded(cash, world.log))[CASH]
    assert (row.traded, cash.available(row, TODAY)) == (10000, 10000)


async def test_deposits_that_have_been_collected_leave_the_list(world: World) -> None:
    world.done(deposit("A1", "1.00", "P2", available_on=TODAY + timedelta(days=1)))
    second = digest("p2", b"", scope="C1")
    assert f'"{second}"' in (await folded(cash, world.log))[CASH].uncollected
    world.done(deposit("A1", "2.00", "P3", available_on=TODAY + timedelta(days=9)))
    last = world.log.envelopes.pop()
    event = replace(last.event, value_date=TODAY + timedelta(days=2))  # type: ignore[call-arg]
    world.log.envelopes.append(replace(last, event=event))
    row = (await folded(cash, world.log))[CASH]
    assert f'"{second}"' not in row.uncollected
    assert cash.available(row, TODAY + timedelta(days=2)) == 10001


async def test_unsettled_purchases_are_traded_but_not_settled(world: World) -> None:
    event = bought(world)
    row = (await folded(cash, world.log))[CASH]
    assert row.traded == 10000 - 5000 - charged(event)
    assert row.settled == 10000 - charged(event)
    assert cash.withdrawable(row, TODAY) == row.traded
    world.done(settle("A1", "T1", "100", "5000.00", "S1"))
    assert (await folded(cash, world.log))[CASH].settled == row.traded


async def test_unsettled_sales_may_not_be_withdrawn(world: World) -> None:
    bought(world)
    world.done(settle("A1", "T1", "100", "5000.00", "S1"))
    before = (await folded(cash, world.log))[CASH]
    world.done(trade("A1", "T2", Side.SELL, 40, "60.00"))
    row = (await folded(cash, world.log))[CASH]
    assert row.traded > before.traded
    assert cash.withdrawable(row, TODAY) == row.settled <= before.settled


async def test_holds_of_orders_and_withdrawals_are_reserved(world: World) -> None:
    world.done(_reserve("O1", "3000.00"))
    withdraw = WithdrawCash(account_id="A1", amount=D("1000"), currency="USD", reference="W1")
    world.done(withdraw)
    row = (await folded(cash, world.log))[CASH]
    assert (row.reserved, cash.available(row, TODAY)) == (4000, 6000)
    world.done(ReleaseHold(account_id="A1", order_id="O1"))
    assert (await folded(cash, world.log))[CASH].reserved == 1000


def _reserve(order_id: str, amount: str, side: Side = Side.BUY) -> ReserveForOrder:
    return ReserveForOrder(
        account_id="A1",
        order_id=order_id,
        side=side,
        isin=ISIN,
        currency="USD",
        qty=D(50),
        amount=D(amount),
    )


# positions and lots


async def test_a_purchase_is_traded_at_once_and_settled_when_delivered(world: World) -> None:
    event = bought(world)
    row = (await folded(positions, world.log))[STOCK]
    assert (row.traded, row.settled, row.instrument_id, row.currency) == (100, 0, "AAPL", "USD")
    assert positions.figures(row) == [("USD", 5000 + charged(event), 0)]
    assert row.cost_base == 5000 + charged(event)
    world.done(settle("A1", "T1", "60", "3000.00", "S1"))
    assert (await folded(positions, world.log))[STOCK].settled == 60


async def test_a_sale_realises_proceeds_less_the_cost_of_its_lots(world: World) -> None:
    buy = bought(world)
    (sale,) = world.done(trade("A1", "T2", Side.SELL, 40, "60.00"))
    assert isinstance(sale, TradeBooked)
    row = (await folded(positions, world.log))[STOCK]
    cost = 5000 + charged(buy)
    proceeds = 2400 - charged(sale)
    ((currency, left, gain),) = positions.figures(row)
    assert (currency, left) == ("USD", cost - cost * 40 / 100)
    assert gain == row.realized_base == proceeds - cost * 40 / 100
    assert row.crossed == 0


async def test_a_bust_takes_back_quantity_cost_and_gain(world: World) -> None:
    bought(world)
    (sale,) = world.done(trade("A1", "T2", Side.SELL, 40, "60.00"))
    assert isinstance(sale, TradeBooked)
    before = (await folded(positions, opened_and_bought()))[STOCK]
    world.done(bust(sale))
    after = (await folded(positions, world.log))[STOCK]
    assert positions.figures(after) == positions.figures(before)
    for field in ("traded", "settled", "cost_base", "realized_base", "crossed", "unvalued"):
        assert getattr(after, field) == getattr(before, field), field


def opened_and_bought() -> Any:
    world = opened_world("A1", "A2")
    world.done(deposit("A1", "10000.00", "P1"))
    bought(world)
    return world.log


async def test_a_transfer_moves_lots_and_cost_and_realises_nothing(world: World) -> None:
    event = bought(world)
    world.done(settle("A1", "T1", "100", "5000.00", "S1"))
    out = TransferSecurities(
        transfer_id="X1",
        account_id="A1",
        to_account_id="A2",
        instrument_id="AAPL",
        isin=ISIN,
        qty=D(100),
    )
    (sent,) = world.done(out)
    world.done(
        ReceiveSecurities(
            account_id="A2",
            transfer_id="X1",
            from_account_id="A1",
            instrument_id="AAPL",
            isin=ISIN,
            currency="USD",
            lots=sent.lots,  # type: ignore[attr-defined]
        )
    )
    rows = await folded(positions, world.log)
    assert (rows[STOCK].traded, positions.figures(rows[STOCK])) == (0, [])
    assert positions.figures(rows["A2", ISIN]) == [("USD", 5000 + charged(event), 0)]
    (lot,) = (await folded(lots, world.log)).values()
    assert (lot.account_id, lot.qty, lot.acquired_on) == ("A2", 100, TODAY)


async def test_a_lot_leaves_when_it_is_sold_and_comes_back_with_a_bust(world: World) -> None:
    bought(world, 100, trade_id="T1")
    before = await folded(lots, world.log)
    (sale,) = world.done(trade("A1", "T2", Side.SELL, 100, "60.00"))
    assert isinstance(sale, TradeBooked)
    assert await folded(lots, world.log) == {}
    world.done(bust(sale))
    after = await folded(lots, world.log)
    (key,) = before
    assert (after[key].qty, after[key].cost) == (before[key].qty, before[key].cost)
    assert after[key].acquired_on == TODAY


def test_a_lot_without_shares_stays_while_it_has_cost_left() -> None:
    key = ("A1", ISIN, "L1")
    buy = LotMove(lot_id="L1", qty=D(10), cost=D(50), cost_base=D(50), acquired_on=TODAY)

    def moved(row: lots.OpenLot | None, qty: int, cost: int, base: int) -> lots.OpenLot | None:
        move = replace(buy, qty=D(qty), cost=D(cost), cost_base=D(base))
        return lots.fold(row, key, lots.Moved(move, "USD", base_unknown=False, states_base=False))

    held = moved(None, 10, 50, 50)
    kept = moved(held, -10, -49, -50)
    assert kept is not None and (kept.qty, kept.cost, kept.cost_base) == (0, 1, 0)
    assert moved(kept, 0, -1, 0) is None


# obligations and settlements


async def test_an_open_trade_shows_what_comes_in_and_what_goes_out(world: World) -> None:
    bought(world)
    row = (await folded(obligations, world.log))["A1", "T1"]
    assert (row.kind, row.receive_unit, row.receive_open) == ("trade", ISIN, 100)
    assert (row.deliver_unit, row.deliver_open, row.settl_date) == ("USD", 5000, SETTLES)
    world.done(settle("A1", "T1", "60", "3000.00", "S1"))
    row = (await folded(obligations, world.log))["A1", "T1"]
    assert (row.receive_open, row.deliver_open) == (40, 2000)
    world.done(settle("A1", "T1", "40", "2000.00", "S2"))
    assert await folded(obligations, world.log) == {}


async def test_an_obligation_stays_while_either_leg_is_open(world: World) -> None:
    bought(world)
    world.done(settle("A1", "T1", "60", "5000.00", "S1"))
    row = (await folded(obligations, world.log))["A1", "T1"]
    assert (row.receive_open, row.deliver_open) == (40, 0)


async def test_what_settled_short_of_the_money_booked_is_closed_and_is_a_case(
    world: World,
) -> None:
    bought(world)
    world.done(settle("A1", "T1", "100", "4999.00", "S1"))
    assert await folded(obligations, world.log) == {}
    assert "settled_amount_differs" in {kind for _, kind in await folded(cases, world.log)}


async def test_a_failing_obligation_shows_since_when_and_at_whose_fault(world: World) -> None:
    bought(world)
    failing = RecordFailing(
        account_id="A1", obligation_id="T1", reason="LACK", whose="counterparty"
    )
    world.done(failing)
    row = (await folded(obligations, world.log))["A1", "T1"]
    assert (row.failing_since, row.fails) == (TODAY, 1)
    assert (row.reason, row.whose) == ("LACK", "counterparty")


async def test_a_bust_after_settlement_opens_the_reverse_obligation(world: World) -> None:
    event = bought(world)
    world.done(settle("A1", "T1", "100", "5000.00", "S1"))
    world.done(bust(event))
    (row,) = (await folded(obligations, world.log)).values()
    assert (row.kind, row.deliver_unit, row.deliver_open) == ("reversal", ISIN, 100)
    assert (row.receive_unit, row.receive_open) == ("USD", 5000)


async def test_a_busted_trade_that_settles_all_the_same_is_open_the_other_way_and_a_case(
    world: World,
) -> None:
    event = bought(world)
    world.done(bust(event))
    assert await folded(obligations, world.log) == {}
    command = SettleAfterBust(
        account_id="A1",
        obligation_id="T1",
        reverse_id="T1B",
        isin=ISIN,
        side=Side.BUY,
        qty=D(60),
        amount=D("3000.00"),
        currency="USD",
        trade_date=TODAY,
        value_date=SETTLES,
        confirmation_id="S1",
    )
    world.done(command)
    ((key, row),) = (await folded(obligations, world.log)).items()
    assert (key, row.kind, row.settl_date) == (("A1", "T1B"), "reversal", SETTLES)
    assert (row.deliver_unit, row.deliver_open) == (ISIN, 60)
    assert (row.receive_unit, row.receive_open) == ("USD", 3000)
    position = (await folded(positions, world.log))["A1", ISIN]
    assert (position.traded, position.settled) == (0, 60)
    found = {kind: row for (_, kind), row in (await folded(cases, world.log)).items()}
    assert found["settled_after_bust"].detail == "60 of T1, owed back as T1B"
    world.done(settle("A1", "T1B", "60", "3000.00", "S2"))
    assert await folded(obligations, world.log) == {}
    assert (await folded(positions, world.log))["A1", ISIN].settled == 0


async def test_a_currency_exchange_is_open_in_both_currencies_until_its_value_date(
    world: World,
) -> None:
    convert = ConvertCurrency(
        account_id="A1",
        fx_id="F1",
        buy_currency="EUR",
        buy_amount=D("100.00"),
        sell_currency="USD",
    )
    world.done(convert)
    row = (await folded(obligations, world.log))["A1", "F1"]
    assert (row.kind, row.receive_unit, row.receive_open) == ("fx", "EUR", 100)
    assert (row.deliver_unit, row.deliver_open > 100) == ("USD", True)
    world.done(SettleFx(account_id="A1", fx_id="F1", value_date=SETTLES))
    assert await folded(obligations, world.log) == {}


async def test_an_instruction_shows_the_status_that_its_aggregate_derives(world: World) -> None:
    instruct = InstructSettlement(
        obligation_id="T1",
        account_id="A1",
        isin=ISIN,
        side=Side.BUY,
        qty=D(100),
        amount=D(5000),
        currency="USD",
        trade_date=TODAY,
        settl_date=SETTLES,
        country="US",
    )
    world.done(instruct)
    row = (await folded(settlements, world.log))[("T1",)]
    state = world.state("settlement-T1")
    assert (row.status, row.account_id, row.qty) == (str(state.status), "A1", 100)


# the ledger


async def test_an_item_that_is_closed_leaves_the_ledger_and_house_rows_stay(world: World) -> None:
    bought(world)
    world.done(settle("A1", "T1", "100", "5000.00", "S1"))
    rows = await folded(balances, world.log)
    assert not [r for r in rows.values() if r.account in ("C.STREET", "C.UNALLOC")]
    home = shard("A1")
    assert rows["C.NOSTRO", "", "main", "USD", home].amount == 5000
    assert rows["C.SEC", "A1", "T1", ISIN, 0].amount == -100


async def test_turnover_stays_where_the_balance_is_zero(world: World) -> None:
    withdraw = WithdrawCash(account_id="A1", amount=D("10000"), currency="USD", reference="W1")
    (asked,) = world.done(withdraw)
    world.done(SendWithdrawal(account_id="A1", payment_id=asked.payment_id))  # type: ignore[attr-defined]
    row = (await folded(balances, world.log))["C.CASH", "A1", "", "USD", 0]
    assert (row.debit, row.credit, row.amount) == (10000, 10000, 0)


async def test_the_trial_balance_counts_both_sides_of_every_entry(world: World) -> None:
    rows = await folded(trial_balance, world.log)
    line = rows["C", "C.NOSTRO", "USD", shard("A1")]
    assert (line.debit, line.credit) == (10000, 0)
    assert {r.book for r in rows.values()} == {"C"}


def test_shards_are_stable_over_releases() -> None:
    assert [shard(home) for home in ("A1", "A2", "house-main", "")] == [1, 11, 1, 0]
    assert all(0 <= shard(f"A{i}") < SHARDS for i in range(1_000))


# client money, fees, days


async def test_client_money_holds_what_is_owed_against_what_is_at_the_bank(world: World) -> None:
    event = bought(world)
    world.done(settle("A1", "T1", "100", "5000.00", "S1"))
    rows = list((await folded(client_money, world.log)).values())
    found = client_money.close_figures(rows, "USD")
    assert found.resource == 5000
    assert found.requirement == 5000 - charged(event)
    assert (found.due, found.excess) == (charged(event), charged(event))
    world.done(FundHouse(currency="USD", amount=D(1000)))
    world.done(SweepDues(currency="USD", amount=charged(event)))
    rows = list((await folded(client_money, world.log)).values())
    swept = client_money.close_figures(rows, "USD")
    assert (swept.due, swept.excess) == (0, 0)


async def test_a_client_in_debit_does_not_lessen_what_others_are_owed(world: World) -> None:
    world.done(deposit("A2", "70.00", "P9"))
    returned = ReturnDeposit(account_id="A1", amount=D(10100), currency="USD", reference="P1")
    world.done(returned)
    rows = list((await folded(client_money, world.log)).values())
    found = client_money.close_figures(rows, "USD")
    assert (found.requirement, found.in_debit, found.resource) == (70, 100, -30)


async def test_fees_accrue_until_they_are_charged(world: World) -> None:
    accrue = AccrueFee(
        account_id="A1",
        accrual_date=TODAY,
        fee_base=D("365000.00"),
        annual_rate=D("0.01"),
        currency="USD",
    )
    world.done(accrue)
    assert (await folded(fees, world.log))[CASH].accrued == 10
    world.done(ChargeFee(account_id="A1", currency="USD", period_end=TODAY, vat_rate=D("0.2")))
    row = (await folded(fees, world.log))[CASH]
    assert (row.accrued, row.charged, row.vat) == (0, 10, 2)
    assert (row.accrued_to, row.charged_to) == (TODAY, TODAY)


async def test_a_closed_day_keeps_the_figures_of_its_controls(world: World) -> None:
    bank = Control(name="bank", ok=True, expected=D("1.00"), actual=D("1.00"), unit="USD")
    for command in closing(YESTERDAY, 7, bank):
        world.done(command)
    rows = await folded(days, world.log)
    row = rows[YESTERDAY, 7, "bank", "USD"]
    assert (row.expected, row.actual, row.held) == (1, 1, True)
    assert len(rows) == 1 + len(HELD)


async def test_an_attempt_that_failed_shows_what_did_not_hold_and_is_a_case(world: World) -> None:
    for command in closing(YESTERDAY, 7, off(actual="0.25")):
        world.done(command)
    rows = await folded(days, world.log)
    assert [(*key, row.held, row.actual) for key, row in rows.items()] == [
        (YESTERDAY, 7, "C.DUE + H.DUE = 0", "USD", False, D("0.25"))
    ]
    [case] = (await folded(cases, world.log)).values()
    assert (case.kind, case.source) == ("close_failed", "house-main@2")
    assert "0.25, not 0" in case.detail and str(YESTERDAY) in case.detail
    for command in closing(YESTERDAY, 8):  # asked again, it closes; the failed attempt stays
        world.done(command)
    rows = await folded(days, world.log)
    assert {row.log_position: row.held for row in rows.values()} == {7: False, 8: True}


# orders and fills


def working(world: World, qty: int = 100) -> None:
    world.done(place("O1", qty, "50.00"))
    world.done(o.ReleaseOrder(order_id="O1"))
    world.done(o.RecordAck(order_id="O1", venue_order_id="V1"))


async def test_an_order_shows_the_status_of_the_highest_precedence(world: World) -> None:
    working(world)
    world.done(fill("O1", "E1", 40, "49.90"))
    row = (await folded(orders, world.log))[("O1",)]
    assert (row.ord_status, row.cum_qty, row.leaves_qty) == ("PARTIALLY_FILLED", 40, 60)
    assert (row.avg_px, row.working) == (D("49.9"), True)
    world.done(o.CancelOrder(order_id="O1", reason="client"))
    row = (await folded(orders, world.log))[("O1",)]
    assert row.ord_status == "PENDING_CANCEL"
    world.done(o.RecordCanceled(order_id="O1", reason="asked"))
    row = (await folded(orders, world.log))[("O1",)]
    assert (row.ord_status, row.leaves_qty, row.working) == ("CANCELED", 0, False)
    assert row.reason == "asked"


async def test_a_filled_order_goes_back_when_its_trade_is_busted(world: World) -> None:
    working(world)
    world.done(fill("O1", "E1", 100, "49.90"))
    assert (await folded(orders, world.log))[("O1",)].ord_status == "FILLED"
    cancel = o.RecordTradeCancel(
        order_id="O1",
        venue_order_id="V1",
        exec_id="E2",
        exec_ref_id="E1",
        trade_date=TODAY,
        settl_date=SETTLES,
        reason="clearly erroneous",
    )
    world.done(cancel)
    row = (await folded(orders, world.log))[("O1",)]
    assert (row.ord_status, row.cum_qty) == ("NEW", 0)
    (execution,) = (await folded(fills, world.log)).values()
    assert (execution.status, execution.canceled_by) == ("canceled", "E2")
    assert execution.reason == "clearly erroneous"


async def test_a_correction_leaves_one_live_fill_with_the_corrected_figures(world: World) -> None:
    working(world)
    world.done(fill("O1", "E1", 100, "49.90"))
    correct = o.RecordTradeCorrect(
        order_id="O1",
        venue_order_id="V1",
        exec_id="E2",
        exec_ref_id="E1",
        last_qty=D(90),
        last_px=D("49.80"),
        transact_time=datetime(2024, 3, 1, 13, tzinfo=UTC),
        trade_date=TODAY,
        settl_date=SETTLES,
    )
    world.done(correct)
    found = {f.exec_id: f for f in (await folded(fills, world.log)).values()}
    assert (found["E1"].status, found["E1"].canceled_by) == ("canceled", "E2")
    assert (found["E2"].status, found["E2"].exec_ref_id) == ("live", "E1")
    row = (await folded(orders, world.log))[("O1",)]
    assert (row.cum_qty, row.avg_px) == (90, D("49.8"))


async def test_an_order_remembers_its_whole_state_so_the_view_never_forgets(world: World) -> None:
    working(world)
    world.done(fill("O1", "E1", 40, "49.90"))
    row = (await folded(orders, world.log))[("O1",)]
    fresh = type(orders._memory)(Order())  # with an empty memory
    assert fresh.state(row.state) == world.state("order-O1")


async def test_a_rejected_replace_shows_the_terms_that_still_stand(world: World) -> None:
    working(world)
    world.done(o.ReplaceOrder(order_id="O1", qty=D(80)))
    world.done(o.ReleaseOrder(order_id="O1"))
    assert (await folded(orders, world.log))[("O1",)].ord_status == "PENDING_REPLACE"
    (pending,) = world.state("order-O1").asked
    reject = o.RecordCancelReject(
        order_id="O1", cl_ord_id=pending, response_to=CxlRejResponseTo.REPLACE
    )
    world.done(reject)
    row = (await folded(orders, world.log))[("O1",)]
    assert (row.ord_status, row.qty) == ("NEW", 100)


# who and what


async def test_an_account_shows_its_owner_standing_and_powers(world: World) -> None:
    world.done(AuthorisePerson(account_id="A1", power=Power(person_id="U1", trade=True)))
    world.done(ChangeLotMethod(account_id="A1", lot_method="HIFO"))
    world.done(BlockAccount(account_id="A1", reason="Ada asked"))
    row = (await folded(accounts, world.log))[("A1",)]
    assert (row.client_id, row.base_currency, row.lot_method) == ("C1", "USD", "HIFO")
    assert (row.status, row.reason) == ("blocked", "")  # free text may name a person
    assert '"U1"' in row.powers
    world.done(RevokePerson(account_id="A1", person_id="U1"))
    assert (await folded(accounts, world.log))[("A1",)].powers == "{}"


async def test_a_client_shows_the_state_of_the_file_and_nothing_personal(world: World) -> None:
    world.done(SuspendClient(client_id="C1", reason="Ada is under suspicion"), actor="olga")
    row = (await folded(clients, world.log))[("C1",)]
    assert (row.status, row.standing, row.risk_rating) == ("suspended", "approved", "low")
    assert "Ada" not in str(row) and "P1" not in row.state


async def test_an_instrument_has_the_terms_of_the_day_that_is_asked(world: World) -> None:
    later = TODAY + timedelta(days=30)
    world.done(AmendInstrument(instrument_id="AAPL", symbol="APL", effective_from=later))
    row: Any = (await folded(instruments, world.log))[("AAPL",)]
    assert (row.symbol, row.status, row.price_factor) == ("AAPL", "listed", 1)
    assert instruments.terms(row, later - timedelta(days=1)).symbol == "AAPL"
    assert instruments.terms(row, later).symbol == "APL"
    assert instruments.terms(row, later).position == row.position
    world.done(HaltInstrument(instrument_id="AAPL"))
    row = (await folded(instruments, world.log))[("AAPL",)]
    assert (row.status, instruments.terms(row, later).symbol) == ("halted", "APL")


async def test_a_late_mark_does_not_replace_the_newest_days(
    world: World,
) -> None:
    world.done(mark("51.00", TODAY))
    world.done(mark("49.00", YESTERDAY))
    row = (await folded(marks, world.log))[("AAPL",)]
    assert (row.price, row.price_date) == (51, TODAY)


async def test_a_currency_left_out_of_a_fixing_keeps_its_last_rate(world: World) -> None:
    world.done(FixRates(source="ecb", rate_date=TODAY, rates={"GBP": D("0.85")}))
    world.done(FixRates(source="ecb", rate_date=date(2020, 1, 1), rates={"GBP": D("0.9")}))
    rows = await folded(rates, world.log)
    assert (rows["ecb", "GBP"].per_euro, rows["ecb", "GBP"].rate_date) == (D("0.85"), TODAY)
    assert (rows["ecb", "USD"].per_euro, rows["ecb", "USD"].rate_date) == (D("1.1"), TODAY)


# cases


async def test_whatever_is_flagged_is_a_case(world: World) -> None:
    returned = ReturnDeposit(account_id="A1", amount=D(10100), currency="USD", reference="P1")
    world.done(returned)
    world.done(trade("A1", "T2", Side.SELL, 40, "60.00"))
    working(world)
    world.done(fill("O1", "E1", 120, "49.90"))
    world.done(
        RecordRefusal(
            saga="order",
            saga_id="O1",
            command="ReserveForOrder",
            refusal="insufficient_funds",
            target="account-A1",
        )
    )
    found = {kind: row for (_, kind), row in (await folded(cases, world.log)).items()}
    assert {"in_debit", "oversold", "excess_fill", "command_refused"} <= set(found)
    assert found["oversold"].detail == "40 of T2"
    assert found["excess_fill"].order_id == "O1"
    assert found["command_refused"].detail == "ReserveForOrder to account-A1: insufficient_funds"
    assert found["in_debit"].account_id == "A1"
    assert found["in_debit"].position % GAP == 0
