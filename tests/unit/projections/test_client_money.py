"""One rule for client money: the control and the view give the same figures for any books."""

from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest
from hypothesis import given, settings

from projections.ledger import controls
from projections.ledger.client_money import CloseFigures, close_figures
from tests.unit.projections.money_books import (
    PAID_ENTITLEMENT,
    Homed,
    anything,
    balances_of,
    entries,
    figures,
    post,
    rows_of,
)

D = Decimal
Found = Callable[[Sequence[Homed]], CloseFigures]
many = settings(max_examples=100)


def by_control(homed: Sequence[Homed]) -> CloseFigures:
    return controls.client_money(balances_of(homed))["USD"]


def by_view(homed: Sequence[Homed]) -> CloseFigures:
    return close_figures(rows_of(homed), "USD")


both = pytest.mark.parametrize("found_by", [by_control, by_view])


@both
def test_an_entitlement_that_the_issuer_has_paid_is_required(found_by: Found) -> None:
    found = found_by(PAID_ENTITLEMENT)
    assert (found.requirement, found.resource, found.shortfall) == (D(100), D(70), D(30))
    assert (found.due, found.in_debit, found.excess) == (D(50), D(80), D(-30))


@both
def test_an_entitlement_that_the_issuer_still_owes_is_not_required(found_by: Found) -> None:
    held = [("A2", post("C.CASH", "-10.00", "A2")), ("A2", post("C.NOSTRO", "10.00"))]
    found = found_by([*held, *PAID_ENTITLEMENT[:2]])
    assert (found.requirement, found.resource, found.in_debit) == (D(10), D(10), D(0))


@both
def test_what_issuers_owe_is_of_no_account_even_where_a_posting_names_one(found_by: Found) -> None:
    of_two = [("A1", post("C.CA", "100.00", "A1", "D1")), ("A1", post("C.ENT", "-100.00", "A2"))]
    found = found_by(of_two)
    assert (found.requirement, found.in_debit) == (D(0), D(0))


@both
def test_cash_that_is_credited_before_the_issuer_pays_is_the_firms_to_fund(
    found_by: Found,
) -> None:
    credited = [("A1", post("C.ENT", "100.00", "A1", "D1")), ("A1", post("C.CASH", "-100", "A1"))]
    found = found_by([*PAID_ENTITLEMENT[:2], *credited])
    assert (found.requirement, found.resource, found.in_debit) == (D(100), D(0), D(100))
    assert found.shortfall == D(100)


def test_the_control_at_the_close_finds_the_shortfall() -> None:
    balances = balances_of(PAID_ENTITLEMENT)
    found = controls.check(balances, bank={"USD": D(70)}, custody={}, open_refs={})
    (failed,) = [c for c in found if c.name == "client money shortfall"]
    assert (failed.ok, failed.actual, failed.unit) == (False, D(30), "USD")


@given(anything)
@many
def test_control_and_view_agree_on_any_postings(homed: list[Homed]) -> None:
    rows, found = rows_of(homed), controls.client_money(balances_of(homed))
    for currency in {row.currency for row in rows} | set(found):
        assert figures(found.get(currency)) == figures(close_figures(rows, currency))


@given(entries)
@many
def test_the_resource_is_what_is_required_less_debits_plus_the_houses_due(
    homed: list[Homed],
) -> None:
    """By double entry: so no account of the client estate is left out, and none counts twice."""
    found = close_figures(rows_of(homed), "USD")
    assert found.resource == found.requirement - found.in_debit + found.due


@given(anything)
@many
def test_what_is_no_currency_is_no_money(homed: list[Homed]) -> None:
    assert {row.currency for row in rows_of(homed)} <= {"USD", "EUR"}
    assert set(controls.client_money(balances_of(homed))) <= {"USD", "EUR"}
