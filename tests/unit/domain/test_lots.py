"""Lots: which purchases a sale takes, at what cost; laws over random histories."""

from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.rules.lots import (
    Lot,
    LotMethod,
    LotMove,
    acquire,
    apply,
    can_choose,
    dispose,
    holding,
    mirror,
)
from domain.shared.shares import Value, split

D = Decimal
DAY = date(2024, 1, 2)


def value(amount: Decimal | str, base: Decimal | str | None = None) -> Value:
    return Value(amount=D(amount), base=D(amount if base is None else base))


def lot(lot_id: str, qty: str, cost: str, day: int = 0, *, base: str = "") -> Lot:
    return Lot(
        lot_id=lot_id,
        qty=D(qty),
        cost=D(cost),
        cost_base=D(base or cost),
        acquired_on=DAY + timedelta(days=day),
    )


def sell(lots: tuple[Lot, ...], qty: str, method: str, proceeds: str = "0") -> tuple[LotMove, ...]:
    return dispose(
        lots, "S", D(qty), method=method, proceeds=value(proceeds), on=DAY + timedelta(days=99)
    )


THREE = (lot("a", "10", "100.00", 0), lot("b", "10", "300.00", 1), lot("c", "10", "200.00", 2))


@pytest.mark.parametrize(
    ("method", "taken"),
    [
        ("FIFO", {"a": -10, "b": -5}),
        ("LIFO", {"c": -10, "b": -5}),
        ("HIFO", {"b": -10, "c": -5}),
        ("SPECIFIC", {"a": -10, "b": -5}),
        ("AVERAGE", {"a": -10, "b": -5}),
    ],
)
def test_each_method_takes_its_lots(method: str, taken: dict[str, int]) -> None:
    moves = sell(THREE, "15", method)
    assert {m.lot_id: m.qty for m in moves if m.qty} == taken


def test_chosen_lots_are_taken_as_chosen() -> None:
    moves = dispose(
        THREE,
        "S",
        D(6),
        method="SPECIFIC",
        proceeds=value("600.00"),
        on=DAY,
        chosen={"c": D(4), "a": D(2)},
    )
    assert [(m.lot_id, m.qty, m.cost, m.proceeds) for m in moves] == [
        ("c", D(-4), D("-80.00"), D("400.00")),
        ("a", D(-2), D("-20.00"), D("200.00")),
    ]


def test_a_choice_must_name_lots_that_are_there_and_add_up() -> None:
    assert can_choose(THREE, D(6), {"c": D(4), "a": D(2)})
    assert not can_choose(THREE, D(6), {"c": D(6), "a": D(2)})
    assert not can_choose(THREE, D(11), {"c": D(11)})
    assert not can_choose(THREE, D(6), {"z": D(6)})
    assert not can_choose(THREE, D(6), {"a": D(7), "b": D(-1)})
    assert not can_choose(THREE, D(6), {})


def test_after_a_sale_at_average_every_share_left_costs_the_same() -> None:
    after = apply(THREE, sell(THREE, "15", "AVERAGE"))
    assert {lot.lot_id: (lot.qty, lot.cost) for lot in after} == {
        "b": (D(5), D("100.00")),
        "c": (D(10), D("200.00")),
    }


def test_highest_cost_compares_in_the_base_currency() -> None:
    lots = (lot("dear", "10", "100.00", base="250.00"), lot("cheap", "10", "200.00", 1))
    assert [m.lot_id for m in sell(lots, "10", "HIFO")] == ["dear"]


def test_what_no_lot_covers_becomes_a_short_lot_worth_its_proceeds() -> None:
    moves = sell((lot("a", "10", "100.00"),), "15", "FIFO", "1500.00")
    assert [(m.lot_id, m.qty, m.cost, m.gain) for m in moves] == [
        ("a", D(-10), D("-100.00"), D("900.00")),
        ("S", D(-5), D("-500.00"), D("0.00")),
    ]


def test_the_next_purchase_covers_the_short_lot_and_realises_the_difference() -> None:
    short = (lot("S", "-5", "-500.00"),)
    moves = acquire(short, "T", D(8), cost=value("640.00"), on=DAY)
    assert [(m.lot_id, m.qty, m.cost, m.gain) for m in moves] == [
        ("S", D(5), D("500.00"), D("100.00")),
        ("T", D(3), D("240.00"), D(0)),
    ]
    assert [(x.lot_id, x.qty, x.cost) for x in apply(short, moves)] == [("T", D(3), D("240.00"))]


def test_cost_that_a_bust_left_without_shares_joins_the_average() -> None:
    lots = (lot("a", "50", "750.00"), lot("gone", "0", "-500.00", 1))
    moves = sell(lots, "50", "AVERAGE", "1000.00")
    assert sum(m.gain for m in moves) == D("750.00")
    assert apply(lots, moves) == ()


def test_shares_of_a_split_never_lose_a_cent() -> None:
    assert sum(split(D("0.005"), [D(1), D(1)], 2)) == D("0.005")
    assert split(D("100.00"), [D(1), D(1), D(1)], 2) == [D("33.33"), D("33.34"), D("33.33")]
    assert split(D("0.01"), [D(1)] * 4, 2)[-1] == D("0.01") - sum(
        split(D("0.01"), [D(1)] * 4, 2)[:3]
    )


class Step(NamedTuple):
    buys: bool
    qty: Decimal
    amount: Decimal
    day: int


quantities = st.one_of(
    st.integers(1, 200).map(D), st.integers(1, 10**9).map(lambda n: D(n).scaleb(-8))
)
amounts = st.integers(1, 10**7).map(lambda cents: D(cents).scaleb(-2))
steps = st.lists(
    st.builds(Step, st.booleans(), quantities, amounts, st.integers(0, 50)), min_size=1, max_size=12
)
methods = st.sampled_from(list(LotMethod))


def run(history: list[Step], method: str) -> tuple[tuple[Lot, ...], list[LotMove]]:
    lots, moves = tuple[Lot, ...](), list[LotMove]()
    for n, step in enumerate(history):
        on, name = DAY + timedelta(days=step.day), f"t{n}"
        worth = value(step.amount, step.amount * 2)
        new = (
            acquire(lots, name, step.qty, cost=worth, on=on)
            if step.buys
            else dispose(lots, name, step.qty, method=method, proceeds=worth, on=on)
        )
        lots, moves = apply(lots, new), moves + list(new)
    return lots, moves


@given(steps, methods)
@settings(max_examples=150)
def test_money_in_and_out_is_gains_and_the_cost_of_what_is_held(
    history: list[Step], method: LotMethod
) -> None:
    lots, moves = run(history, method)
    cash = sum((-s.amount if s.buys else s.amount for s in history), D(0))
    assert cash == sum(m.gain for m in moves) - sum(x.cost for x in lots)
    assert cash * 2 == sum(m.gain_base for m in moves) - sum(x.cost_base for x in lots)


@given(steps, methods)
@settings(max_examples=100)
def test_what_is_held_is_what_was_bought_less_what_was_sold(
    history: list[Step], method: LotMethod
) -> None:
    lots, _ = run(history, method)
    assert holding(lots) == sum((s.qty if s.buys else -s.qty for s in history), D(0))
    assert len({x.qty > 0 for x in lots if x.qty}) <= 1  # never long and short at once


@given(steps, methods)
@settings(max_examples=100)
def test_a_mirror_undoes_exactly(history: list[Step], method: LotMethod) -> None:
    before, _ = run(history[:-1], method)
    after, moves = run(history, method)
    last = moves[len(run(history[:-1], method)[1]) :]
    undone = apply(after, mirror(last))
    assert {x.lot_id: x for x in undone} == {x.lot_id: x for x in before}


held_lots = st.lists(st.tuples(quantities, amounts), min_size=1, max_size=8).map(
    lambda rows: tuple(
        Lot(
            lot_id=f"l{n}",
            qty=q,
            cost=a,
            cost_base=a,
            acquired_on=DAY + timedelta(days=n),
        )
        for n, (q, a) in enumerate(rows)
    )
)


@given(held_lots, methods, st.integers(1, 100), st.randoms(use_true_random=False))
@settings(max_examples=100)
def test_the_order_in_which_lots_are_kept_decides_nothing(
    lots: tuple[Lot, ...], method: LotMethod, percent: int, dice: object
) -> None:
    qty = (holding(lots) * percent / 100).quantize(D("0.00000001")) or holding(lots)
    shuffled = list(lots)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]

    def taken(kept: list[Lot]) -> dict[str, tuple[Decimal, Decimal]]:
        moves = dispose(kept, "S", qty, method=method, proceeds=value("10.00"), on=DAY)
        return {m.lot_id: (m.qty, m.cost) for m in moves if m.qty}

    if method is not LotMethod.HIFO or len({x.cost / x.qty for x in lots}) == len(lots):
        assert taken(list(lots)) == taken(shuffled)


@given(held_lots, methods, st.integers(1, 100))
@settings(max_examples=100)
def test_no_lot_gives_more_than_it_has_and_the_cost_taken_and_left_is_the_cost(
    lots: tuple[Lot, ...], method: LotMethod, percent: int
) -> None:
    qty = (holding(lots) * percent / 100).quantize(D("0.00000001")) or holding(lots)
    moves = dispose(lots, "S", qty, method=method, proceeds=value("10.00"), on=DAY)
    after = apply(lots, moves)
    assert all(x.qty >= 0 for x in after)
    assert sum(m.qty for m in moves) == -qty
    assert sum(m.cost for m in moves if not m.qty) == 0
    assert sum(x.cost for x in lots) == sum(x.cost for x in after) - sum(m.cost for m in moves)
    assert sum(m.proceeds for m in moves) == D("10.00")


@given(held_lots, st.integers(1, 99))
@settings(max_examples=60)
def test_highest_cost_first_never_takes_less_cost_than_another_method(
    lots: tuple[Lot, ...], percent: int
) -> None:
    qty = (holding(lots) * percent / 100).quantize(D("0.00000001")) or holding(lots)
    cost = {
        m: -sum(x.cost for x in dispose(lots, "S", qty, method=m, proceeds=value("0"), on=DAY))
        for m in LotMethod
    }
    rounding = D("0.01") * len(lots)
    assert all(cost[LotMethod.HIFO] >= other - rounding for other in cost.values())


@given(held_lots)
@settings(max_examples=60)
def test_average_is_one_price_whatever_is_sold_in_between(lots: tuple[Lot, ...]) -> None:
    total, cost = holding(lots), sum(x.cost for x in lots)
    half = (total / 2).quantize(D("0.00000001"))
    if not 0 < half < total:
        return
    first = dispose(lots, "S1", half, method="AVERAGE", proceeds=value("0"), on=DAY)
    expected = (cost * half / total).quantize(D("0.01"))
    assert abs(-sum(m.cost for m in first) - expected) <= D("0.01")
