"""Strategies: each one's orders by session, from yesterday's figures, within its means."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.account.cash import DepositCash
from domain.account.exchange import ConvertCurrency
from domain.account.withdrawals import WithdrawCash
from domain.order.commands import CancelOrder, PlaceOrder
from domain.shared.fix import OrdType, Side
from domain.shared.message import Command
from simulation.plans import Plan, Strategy, plans
from simulation.strategies import Holdings, Market, acts

D = Decimal
SYMBOLS = tuple("ABCDEFGHIJ")
CLOSES = {s: D(10 + i) for i, s in enumerate(SYMBOLS)}
PLAN = Plan(
    account_id="A1",
    client_id="C1",
    base_currency="USD",
    lot_method="FIFO",
    strategy=Strategy.REBALANCE,
    symbols=("A", "B"),
    opening=D(10_000),
    monthly=D(0),
)
MARKET = Market(
    day=date(2022, 3, 1),
    session=40,
    of_month=0,
    closes=CLOSES,
    ranking=tuple(reversed(SYMBOLS)),
    per_eur={"EUR": D(1), "USD": D("1.10"), "GBP": D("0.85")},
)
NOTHING = Holdings(cash={}, withdrawable={}, shares={})


def held(cash: str = "0", **shares: int) -> Holdings:
    return Holdings(
        cash={"USD": D(cash)},
        withdrawable={"USD": D(cash)},
        shares={s: D(q) for s, q in shares.items()},
    )


def does(strategy: Strategy = Strategy.REBALANCE, holdings: Holdings = NOTHING, **when: Any):  # type: ignore[no-untyped-def]
    plan = replace(PLAN, strategy=strategy, **when.pop("plan", {}))
    return list(acts(plan, replace(MARKET, **when), holdings))


def kinds(commands: list[Command]) -> list[type[Command]]:
    return [type(c) for c in commands]


def test_the_first_session_pays_in_and_does_nothing_else() -> None:
    (paid,) = does(session=0)
    assert isinstance(paid, DepositCash)
    assert (paid.amount, paid.currency) == (D("10000.00"), "USD")


def test_buy_and_hold_buys_once() -> None:
    bought = does(Strategy.BUY_AND_HOLD, held("10000"), of_month=2)
    assert kinds(bought) == [PlaceOrder] * 2
    assert does(Strategy.BUY_AND_HOLD, held("10000", A=1), of_month=2) == []


def test_rebalancing_sells_what_is_overweight_at_the_market_first() -> None:
    (sale,) = does(holdings=held(A=900, B=100))
    assert (sale.instrument_id, sale.side, sale.ord_type) == ("A", Side.SELL, OrdType.MARKET)
    assert sale.qty == 395  # 900 x 10 against half of 10,100


def test_rebalancing_leaves_small_differences_alone() -> None:
    assert does(holdings=held(A=101, B=91)) == []


def test_momentum_sells_what_left_the_ranking() -> None:
    sales = does(Strategy.MOMENTUM, held(A=100, J=100))
    assert next((s.instrument_id, s.qty) for s in sales if s.side is Side.SELL) == ("A", 100)


def test_momentum_buys_the_best_of_the_last_six_months() -> None:
    bought = does(Strategy.MOMENTUM, held("10000"), of_month=2)
    assert [c.instrument_id for c in bought] == ["J", "I"]


def test_a_speculative_bid_is_taken_back_two_sessions_later() -> None:
    (bid,) = does(Strategy.MOMENTUM, held("10000"), of_month=5)
    (cancel,) = does(Strategy.MOMENTUM, of_month=7)
    assert isinstance(cancel, CancelOrder)
    assert cancel.order_id == bid.order_id
    assert bid.limit_px < CLOSES["J"]


def test_a_savings_plan_pays_in_monthly_and_takes_out_in_june() -> None:
    plan = {"monthly": D(500)}
    (paid,) = does(Strategy.SAVINGS, held("90"), plan=plan)
    assert isinstance(paid, DepositCash) and paid.amount == 500
    found = does(Strategy.SAVINGS, held("90"), plan=plan, day=date(2022, 6, 1))
    assert kinds(found) == [DepositCash, WithdrawCash]
    assert found[1].amount == 90


def test_foreign_cash_is_converted_less_what_fees_need() -> None:
    cash = Holdings(cash={"EUR": D(1200)}, withdrawable={}, shares={})
    (swap,) = does(holdings=cash, of_month=1, plan={"base_currency": "EUR"})
    assert isinstance(swap, ConvertCurrency)
    assert (swap.buy_currency, swap.sell_currency) == ("USD", "EUR")
    assert swap.buy_amount == D("1067.00")  # (1200 - 2 % of 10,000) x .97 x 1.10


@given(
    cash=st.decimals("-1000", "1000000", places=2),
    shares=st.dictionaries(st.sampled_from(SYMBOLS), st.integers(1, 10_000), max_size=5),
    strategy=st.sampled_from(Strategy),
    of_month=st.integers(0, 9),
)
def test_no_strategy_spends_or_sells_more_than_there_is(
    cash: Decimal, shares: dict[str, int], strategy: Strategy, of_month: int
) -> None:
    orders = [
        c
        for c in does(strategy, held(str(cash), **shares), of_month=of_month)
        if isinstance(c, PlaceOrder)
    ]
    spent = sum(c.qty * c.limit_px for c in orders if c.side is Side.BUY and c.limit_px)
    assert spent <= max(cash, D(0))
    for c in orders:
        assert c.qty > 0 and c.qty == c.qty.to_integral_value()
        assert c.side is Side.BUY or c.qty <= shares[c.instrument_id]
    assert len({c.order_id for c in orders}) == len(orders)


@pytest.mark.parametrize("count", [1, 50])
def test_account_seven_is_the_same_in_any_crowd(count: int) -> None:
    small = plans(7, seed=3, symbols=SYMBOLS)
    assert plans(7 + count, seed=3, symbols=SYMBOLS)[:7] == small
    assert plans(7, seed=4, symbols=SYMBOLS) != small
