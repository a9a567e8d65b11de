"""Lots against published examples."""

from decimal import Decimal

import pytest

from domain.rules.lots import Lot, acquire, apply, dispose, holding
from domain.shared.shares import Value
from tests.conformance.lots import CASES, Case


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_published_example_comes_out_as_published(case: Case) -> None:
    lots: tuple[Lot, ...] = ()
    for bought in case.purchases:
        cost = Value(amount=bought.cost, base=bought.cost)
        lots = apply(lots, acquire(lots, bought.lot_id, bought.qty, cost=cost, on=bought.on))
    for sale in case.sales:
        proceeds = Value(amount=sale.proceeds, base=sale.proceeds)
        moves = dispose(lots, "sale", sale.qty, method=case.method, proceeds=proceeds, on=sale.on)
        lots = apply(lots, moves)
        if sale.gain is not None:
            assert abs(sum(m.gain for m in moves) - sale.gain) <= case.tolerance
    assert holding(lots) == case.remaining_qty
    left = sum((lot.cost for lot in lots), Decimal(0))
    assert abs(left - case.remaining_cost) <= case.tolerance
