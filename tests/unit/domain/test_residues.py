"""Residues that no order can sell: a whole holding may be sold, the house takes the rest."""

from collections import Counter
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from domain import order
from domain.account.refusals import AccountRefusal as R
from domain.account.residues import CashResidue
from domain.account.standing import CloseAccount
from domain.account.state import OpenOrder
from domain.account.withdrawals import CompleteWithdrawal, WithdrawCash
from domain.ledger import entries
from domain.order import commands as oc
from domain.order.events import OrderPlaced
from domain.order.refusals import OrderRefusal
from domain.shared.fix import Side
from domain.shared.message import Seen
from tests.unit.domain.accounts import A1, DAY, LISTED, Book, X, at, confirm, fill, reserve
from tests.unit.domain.orders import desk, owning, place
from tests.unit.domain.scenario import given
from tests.unit.domain.test_account_trades import holder, rich, send_shares

D = Decimal


# a transfer names a listing of what it moves


@pytest.mark.parametrize(
    ("instrument", "refusal"),
    [
        ("MSFT", R.ISIN_DIFFERS),
        ("nothing", R.INSTRUMENT_UNKNOWN),
        ("", R.INSTRUMENT_UNKNOWN),
    ],
)
def test_a_transfer_names_a_listing_of_the_shares_it_moves(instrument: str, refusal: R) -> None:
    other = replace(LISTED, isin="US5949181045")
    command = replace(send_shares(), instrument_id=instrument)
    assert holder().send(command, at(**{"instrument-MSFT": other})).refusal is refusal


def test_a_transfer_goes_by_the_isin_of_the_day() -> None:
    seen = at(**{"instrument-I1": replace(LISTED, isin="US5949181045")})
    assert holder().send(send_shares(), seen).refusal is R.ISIN_DIFFERS


# the sale of a whole holding


def owned(qty: str) -> Any:
    lot = replace(owning(1).lots[X][0], qty=D(qty))
    return replace(owning(1), lots={X: (lot,)})


def sell(qty: str) -> oc.PlaceOrder:
    return place(side=Side.SELL, qty=D(qty), limit_px=D("50.00"))


@pytest.mark.parametrize("qty", ["10.5", "0.5", "10"])
def test_a_whole_holding_is_sold_whatever_the_step_of_quantities(qty: str) -> None:
    given(order).when(sell(qty), seen=desk(account=owned(qty))).after()


@pytest.mark.parametrize("qty", ["0.5", "10.25", "9.5"])
def test_a_part_of_a_holding_is_sold_in_steps(qty: str) -> None:
    result = given(order).when(sell(qty), seen=desk(account=owned("10.5")))
    result.refused(OrderRefusal.QTY_INCREMENT)
    given(order).when(sell("10"), seen=desk(account=owned("10.5"))).after()


def test_a_purchase_is_made_in_steps_whatever_is_held() -> None:
    result = given(order).when(place(qty=D("10.5")), seen=desk(account=owned("10.5")))
    result.refused(OrderRefusal.QTY_INCREMENT)


def test_a_sale_is_raised_to_the_whole_holding() -> None:
    account = owned("10.5")
    (placed,) = given(order).when(sell("10"), seen=desk(account=account)).decision
    assert isinstance(placed, OrderPlaced)
    account = replace(account, orders={"O1": OpenOrder(unit=X, held=D(10), qty=D(10))})
    whole = oc.ReplaceOrder(order_id="O1", qty=D("10.5"))
    given(order, placed).when(whole, seen=desk(account=account)).after()
    part = oc.ReplaceOrder(order_id="O1", qty=D("10.25"))
    result = given(order, placed).when(part, seen=desk(account=account))
    result.refused(OrderRefusal.QTY_INCREMENT)


# the house takes what is left


def marked(step: str = "1", px: str = "50.01", **terms: Any) -> Seen:
    listed = replace(LISTED, qty_increment=D(step), **terms)
    mark = SimpleNamespace(price=D(px), currency=listed.currency, price_date=DAY)
    return at(**{"instrument-I1": listed, "price-I1": mark})


def residue(**more: str) -> CashResidue:
    fields = {
        "instrument_id": "I1",
        "isin": X,
        "reason": "step is 1 now",
        "requested_by": "ann",
        "approved_by": "bob",
    }
    return CashResidue(account_id=A1, residue_id="R1", **fields | more)


def fraction(qty: str = "10.5", settled: bool = True) -> Book:
    book = rich()
    event = book.send(fill("T1", qty, "40.00"))
    if settled:
        book.send(confirm("T1", qty, str(event.gross)))
    return book


def test_the_house_buys_a_residue_at_the_mark_with_two_persons() -> None:
    book = fraction()
    before = book.state.traded["USD"]
    event = book.send(residue(), marked())
    assert (event.qty, event.amount, event.currency) == (D("0.5"), D("25.00"), "USD")
    assert book.state.qty(X) == 10
    assert book.state.traded["USD"] == before + D("25.00")
    assert sum(m.gain for m in event.lots) == D("25.00") - D("20.05")  # its share of 421.00


def test_every_book_is_zero_and_the_house_has_what_the_client_gave() -> None:
    event = fraction().send(residue(), marked())
    lines = Counter[tuple[str, str]]()
    for entry in entries(event):
        totals = Counter[tuple[str, str]]()
        for p in entry.postings:
            totals[p.book, p.unit] += p.amount
            lines[p.account, p.unit] += p.amount
        assert not any(totals.values()), entry
    assert lines == {
        ("C.SEC", X): D("0.5"),
        ("C.DUE", X): D("-0.5"),
        ("C.DUE", "USD"): D("25.00"),
        ("C.CASH", "USD"): D("-25.00"),
        ("H.DUE", X): D("0.5"),
        ("H.ROUND", X): D("-0.5"),
        ("H.ROUND", "USD"): D("25.00"),
        ("H.DUE", "USD"): D("-25.00"),
    }


def test_quotes_in_pence_are_paid_in_pounds() -> None:
    terms = {"currency": "GBX", "settlement_currency": "GBP", "price_factor": D("0.01")}
    event = fraction().send(residue(), marked(px="200", **terms))
    assert (event.amount, event.currency) == (D("1.00"), "GBP")


def test_an_account_with_a_fraction_can_be_closed() -> None:
    book = fraction("0.5")
    book.send(residue(), marked())
    cash = book.state.traded["USD"]
    book.send(WithdrawCash(account_id=A1, amount=cash, currency="USD", reference="r"))
    payment = f"{A1}.W1"
    book.send(CompleteWithdrawal(account_id=A1, payment_id=payment))
    assert book.send(CloseAccount(account_id=A1)).status == "closed"


@pytest.mark.parametrize(
    ("command", "seen", "refusal"),
    [
        (residue(reason=" "), marked(), R.REASON_MISSING),
        (residue(approved_by="Ann "), marked(), R.SECOND_PERSON_REQUIRED),
        (residue(approved_by=""), marked(), R.SECOND_PERSON_REQUIRED),
        (residue(instrument_id="I2"), marked(), R.INSTRUMENT_UNKNOWN),
        (residue(isin="US5949181045"), marked(), R.ISIN_DIFFERS),
        (residue(), at(), R.PRICE_UNKNOWN),
        (residue(), marked("0.5"), R.NO_RESIDUE),
    ],
)
def test_a_residue_is_cashed_on_grounds_alone(command: CashResidue, seen: Seen, refusal: R) -> None:
    assert fraction().send(command, seen).refusal is refusal


def test_only_a_residue_that_is_there_and_free_is_cashed() -> None:
    assert fraction(settled=False).send(residue(), marked()).refusal is R.NO_RESIDUE
    held = fraction()
    held.send(reserve("O2", "10.5", "0", Side.SELL))
    assert held.send(residue(), marked()).refusal is R.NO_RESIDUE
    whole = fraction("10")
    assert whole.send(residue(), marked()).refusal is R.NO_RESIDUE
