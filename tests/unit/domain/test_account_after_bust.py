"""A busted trade that still settles: the account owes it back until it is returned."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain import account
from domain.account.refusals import AccountRefusal as R
from domain.account.trades import TradeBooked
from domain.shared.fix import Side
from tests.unit.domain.accounts import (
    NEXT,
    OPENED,
    Book,
    X,
    after_bust,
    at,
    bust,
    confirm,
    deposited,
    fill,
)

D = Decimal
SELL = Side.SELL


def rich() -> Book:
    return Book(OPENED, deposited("100000.00"))


def busted_twenty(side: Side = Side.BUY) -> tuple[Book, TradeBooked]:
    """100 shares and 95,000.00, settled; and a busted trade of 20 at 50, of which none is open."""
    book = rich()
    book.send(fill("T1", "100", "50.00"))
    book.send(confirm("T1", "100", "5000.00"))
    booked = book.send(fill("T9", "20", "50.00", side, order="O9"))
    book.send(bust(booked))
    return book, booked


def test_a_busted_purchase_that_settles_all_the_same_is_owed_back_until_it_has_left() -> None:
    book, booked = busted_twenty()
    before = book.state
    event = book.send(after_bust(booked, "20", "1000.00", reverse="T9B"))
    assert (event.reverse_id, event.side, event.qty) == ("T9B", Side.BUY, D(20))
    back = book.state.obligations["T9B"]
    assert (back.side, back.qty, back.amount, back.settl_date) == (SELL, D(20), D("1000.00"), NEXT)
    assert (book.state.qty(X), book.state.settled_qty(X)) == (D(100), D(120))
    cash, was = book.state.cash("USD"), before.cash("USD")
    assert (cash.traded, cash.settled) == (was.traded, was.settled - D("1000.00"))
    assert book.state.lots == before.lots
    assert book.state.covers("T9B")
    book.send(confirm("T9B", "20", "1000.00"))
    assert book.state == before


def test_a_busted_sale_that_settles_all_the_same_is_owed_to_the_client_until_it_is_back() -> None:
    book, booked = busted_twenty(SELL)
    before = book.state
    book.send(after_bust(booked, "20", "1000.00", reverse="T9B"))
    assert book.state.obligations["T9B"].side is Side.BUY
    assert (book.state.qty(X), book.state.settled_qty(X)) == (D(100), D(80))
    assert book.state.cash("USD").settled == before.cash("USD").settled + D("1000.00")
    sale = fill("T10", "100", "50.00", SELL, order="O10")
    assert book.send(sale).oversold == 0  # all of it belongs to the client
    assert not book.state.covers("T10")  # a part of it is missing
    book.send(confirm("T9B", "20", "1000.00", "C2"))
    assert book.state.covers("T10")


def test_what_arrives_in_parts_after_a_bust_goes_back_in_parts() -> None:
    book = rich()
    booked = book.send(fill("T9", "20", "50.00"))
    book.send(confirm("T9", "8", "400.00"))
    book.send(bust(booked))  # T9R: the 8 that had settled
    book.send(after_bust(booked, "5", "250.00", reverse="T9B1"))
    assert not book.send(after_bust(booked, "5", "250.00", reverse="T9B1"))
    book.send(after_bust(booked, "7", "350.00", reverse="T9B2"))
    assert {k: o.qty for k, o in book.state.obligations.items()} == {
        "T9R": D(8),
        "T9B1": D(5),
        "T9B2": D(7),
    }
    assert book.state.settled_qty(X) == D(20)
    assert all(map(book.state.covers, ("T9R", "T9B1", "T9B2")))
    for reverse, qty, amount in (("T9B1", "5", "250"), ("T9R", "8", "400"), ("T9B2", "7", "350")):
        book.send(confirm(reverse, qty, f"{amount}.00", reverse))
    assert replace(book.state, orders=rich().state.orders) == rich().state


def test_stock_that_is_owed_back_waits_for_the_deliveries_booked_before_it() -> None:
    book, booked = busted_twenty()
    book.send(fill("T2", "100", "60.00", SELL, order="O2"))
    book.send(fill("T3", "5", "60.00", SELL, order="O3"))  # beyond the lots: oversold
    book.send(after_bust(booked, "20", "1000.00", reverse="T9B"))
    assert book.state.covers("T2")
    assert not book.state.covers("T9B")  # 120 are there, 125 are due


@pytest.mark.parametrize(
    ("qty", "amount", "refusal"),
    [
        ("0", "1", R.QTY_NOT_POSITIVE),
        ("1", "NaN", R.AMOUNT_INEXACT),
        ("1", "-1", R.AMOUNT_NOT_POSITIVE),
    ],
)
def test_nonsense_after_a_bust_is_refused(qty: str, amount: str, refusal: R) -> None:
    book, booked = busted_twenty()
    assert book.send(after_bust(booked, qty, amount, reverse="T9B")).refusal is refusal


def test_only_an_account_that_never_was_refuses_what_settles_after_a_bust() -> None:
    book, booked = busted_twenty()
    command = after_bust(booked, "20", "1000.00", reverse="T9B")
    assert account.decide(command, account.INITIAL, at()).refusal is R.ACCOUNT_UNKNOWN
    book.state = replace(book.state, status="closed")
    assert book.send(command).reverse_id == "T9B"
