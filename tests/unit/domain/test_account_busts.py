"""After a bust, charges, lots and holds equal those of an account without the busted trade.

The oracle books the remaining trades again, in the same order, and compares the books.
"""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import account
from domain.account.busts import BustTrade, Reopened, Sibling, TradeBusted
from domain.account.holds import Counted
from domain.account.rematching import LotsRematched
from domain.account.selection import SelectLots
from domain.account.standing import CloseAccount
from domain.account.state import State
from domain.account.trades import TradeBooked
from domain.ledger import entries
from domain.rules.charges import Charge, commission_of
from domain.rules.lots import LotMethod
from domain.shared.fix import Side
from domain.shared.message import Command, Refused
from domain.shared.money import ZERO
from tests.unit.domain.accounts import (
    A1,
    DAY,
    Book,
    X,
    at,
    bust,
    confirm,
    deposited,
    fill,
    opened,
    reserve,
)

D = Decimal
SELL = Side.SELL


class Told:
    """An account, the sagas' memory of its trades, and all that was posted and realised."""

    def __init__(self, method: str = "FIFO") -> None:
        self.book = Book(opened(lot_method=method), deposited("100000.00"))
        self.booked = dict[str, TradeBooked]()
        self.realised = ZERO
        self.charged = dict[str, Decimal]()

    @property
    def state(self) -> State:
        return self.book.state

    def send(self, command: Command) -> tuple[Any, ...]:
        told = self.book.send(command)
        assert not isinstance(told, Refused), told
        events: tuple[Any, ...] = told if isinstance(told, tuple) else (told,)
        for event in events:
            self._note(event)
        return events

    def _note(self, event: Any) -> None:
        for entry in entries(event):
            units = {p.unit for p in entry.postings}
            assert all(sum(p.amount for p in entry.postings if p.unit == u) == 0 for u in units)
        self.realised += sum((m.gain for m in getattr(event, "lots", ())), ZERO)
        match event:
            case TradeBooked():
                self.booked[event.trade_id] = event
                self._pay(event.charges, 1)
            case TradeBusted():
                del self.booked[event.trade_id]
                self._pay(event.charges, -1)
            case LotsRematched():
                was = self.booked[event.trade_id]
                kept = () if event.restored else was.lots
                lots = (*kept, *event.lots[event.restored :])
                changed = {"lots": lots, "charges": event.charges}
                fields = {f: getattr(was, f) for f in was.__struct_fields__}
                self.booked[event.trade_id] = TradeBooked(**fields | changed)

    def _pay(self, charges: tuple[Charge, ...], sign: int) -> None:
        for charge in charges:
            paid = self.charged.get(charge.kind, ZERO) + sign * charge.amount
            self.charged[charge.kind] = paid

    def bust(self, trade_id: str) -> tuple[Any, ...]:
        """The command that the order's saga sends."""
        of_order = [t for t in self.booked.values() if t.order_id == self.booked[trade_id].order_id]
        told = bust(self.booked[trade_id])
        fields = {f: getattr(told, f) for f in told.__struct_fields__}
        siblings = tuple(
            Sibling(trade_id=t.trade_id, gross=t.gross, charges=t.charges)
            for t in of_order
            if t.trade_id != trade_id
        )
        before = Counted(
            qty=sum((t.qty for t in of_order), ZERO),
            gross=sum((t.gross for t in of_order), ZERO),
            charged=sum((commission_of(t.charges) for t in of_order), ZERO),
        )
        return self.send(BustTrade(**fields | {"siblings": siblings, "before": before}))

    def settle(self, trade_id: str) -> None:
        open_ = self.state.obligations[trade_id]
        self.send(confirm(trade_id, str(open_.qty), str(open_.amount), f"C-{trade_id}"))

    @property
    def cost(self) -> Decimal:
        return sum((lot.cost for lot in self.state.lots.get(X, ())), ZERO)


def paid(told: Told) -> dict[str, Decimal]:
    return {kind: amount for kind, amount in told.charged.items() if amount}


# commission: that of the executions that are left


@pytest.mark.parametrize(
    ("fills", "busted", "left"),
    [
        (("10", "6"), "T1", "1.00"),
        (("10", "30"), "T1", "1.50"),
        (("10", "6"), "T2", "1.00"),
        (("10", "30"), "T2", "1.00"),
        (("10", "30", "40"), "T2", "2.50"),
    ],
)
@pytest.mark.parametrize("settled", [False, True])
def test_after_a_bust_an_order_is_charged_for_what_is_left_of_it(
    fills: tuple[str, ...], busted: str, left: str, settled: bool
) -> None:
    told = Told()
    for n, qty in enumerate(fills, 1):
        told.send(fill(f"T{n}", qty, "50.00"))
    for trade_id in tuple(told.booked) if settled else ():
        told.settle(trade_id)
    told.bust(busted)
    assert paid(told) == {"commission": D(left)}
    gross = sum(t.gross for t in told.booked.values())
    assert told.cost == gross + D(left)  # the cost of open lots includes the charges
    assert told.state.traded["USD"] == D("100000.00") - gross - D(left)


def test_an_order_whose_only_execution_is_busted_pays_nothing() -> None:
    told = Told()
    told.send(fill("T1", "16", "50.00"))
    told.bust("T1")
    assert paid(told) == {}
    assert told.state.traded == {"USD": D("100000.00")}


def test_a_correction_is_charged_without_the_trade_that_it_replaces() -> None:
    """Both commands were sent while the first trade counted; the bust arrives first."""
    told = Told()
    told.send(fill("T1", "10", "50.00"))
    told.bust("T1")
    before = Counted(qty=D(10), gross=D("500.00"), charged=D("1.00"))
    (corrected,) = told.send(fill("T2", "10", "50.10", before=before))
    assert commission_of(corrected.charges) == D("1.00")
    assert paid(told) == {"commission": D("1.00")}


def test_a_fill_after_all_others_have_settled_goes_on_where_the_commission_stood() -> None:
    told = Told()
    told.send(fill("T1", "10", "50.00"))
    told.settle("T1")
    assert not told.state.orders
    before = Counted(qty=D(10), gross=D("500.00"), charged=D("1.00"))
    (late,) = told.send(fill("T2", "6", "50.00", before=before))
    assert late.charges == ()
    told.send(fill("T3", "84", "50.00"))
    assert paid(told) == {"commission": D("5.00")}


def test_an_order_that_was_raised_after_it_had_settled_goes_on_where_the_commission_stood() -> None:
    told = Told()
    told.send(fill("T1", "10", "50.00"))
    told.settle("T1")
    before = Counted(qty=D(10), gross=D("500.00"), charged=D("1.00"))
    told.send(reserve(qty="16", amount="801.00", qty_done=D(10), before=before))
    assert told.send(fill("T2", "6", "50.00"))[0].charges == ()


# lots: as if the busted trade had never been booked


def bought_twice_and_sold(**how: Any) -> Told:
    told = Told(**how)
    told.send(fill("T1", "100", "10.00", order="O1"))
    told.send(fill("T2", "100", "20.00", order="O2"))
    told.send(fill("T3", "100", "30.00", SELL, order="O3"))
    return told


def test_a_sale_takes_other_lots_when_its_purchase_is_busted() -> None:
    told = bought_twice_and_sold()
    assert told.realised == D("1996.00")  # 3000 - 3.00 - 1001.00
    told.bust("T1")
    assert told.book.lots() == {}
    assert (told.cost, told.realised) == (0, D("995.00"))  # 2997.00 - 2002.00


def test_charges_of_the_market_stay_with_the_trades_that_are_left() -> None:
    told, day = Told(), date(2023, 6, 5)
    told.send(fill("T1", "100", "10.00", order="O1", country="US", trade_date=day))
    told.send(fill("T2", "100", "20.00", order="O2", country="US", trade_date=day))
    told.send(fill("T3", "100", "30.00", SELL, order="O3", country="US", trade_date=day))
    assert told.realised == D("1995.97")
    told.bust("T1")
    assert (told.book.lots(), told.realised) == ({}, D("994.97"))
    assert paid(told) == {"commission": D("5.00"), "section_31": D("0.03")}


def test_a_sale_that_has_settled_takes_other_lots_too() -> None:
    told = bought_twice_and_sold()
    told.settle("T3")
    told.bust("T1")
    assert told.book.lots() == {}
    assert (told.cost, told.realised) == (0, D("995.00"))


def test_shares_that_were_sold_twice_over_are_short_and_nothing_else() -> None:
    told = bought_twice_and_sold()
    told.send(fill("T4", "50", "30.00", SELL, order="O4"))
    told.bust("T1")
    assert told.book.lots() == {"T4": (D(-50), D("-1498.50"))}
    close = account.decide(CloseAccount(account_id=A1), told.state, at())
    assert isinstance(close, Refused)


def test_a_busted_sale_gives_its_lots_to_the_sales_after_it() -> None:
    told = bought_twice_and_sold()
    told.send(fill("T4", "100", "40.00", SELL, order="O4"))
    told.bust("T3")
    assert told.book.lots() == {"T2": (D(100), D("2002.00"))}
    assert told.realised == D("3996.00") - D("1001.00")


def test_lots_that_the_client_chose_stay_chosen() -> None:
    told = bought_twice_and_sold()
    told.send(SelectLots(account_id=A1, trade_id="T3", lots={"T2": D(100)}))
    told.send(fill("T4", "10", "40.00", SELL, order="O4"))
    told.bust("T4")
    assert told.book.lots() == {"T1": (D(100), D("1001.00"))}


def test_a_lot_that_comes_back_has_its_old_place() -> None:
    told = Told()
    told.send(fill("T1", "10", "10.00", order="O1"))
    told.send(fill("T2", "10", "20.00", order="O2"))
    told.send(fill("T3", "10", "30.00", SELL, order="O3"))
    told.bust("T3")
    (sale,) = told.send(fill("T4", "10", "30.00", SELL, order="O4"))
    assert [m.lot_id for m in sale.lots] == ["T1"]


steps = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.integers(1, 40).map(str),
        st.integers(0, 1),
        st.sampled_from(["9.37", "10.00", "50.00", "50.25"]),
    ),
    min_size=1,
    max_size=9,
)


Plan = list[tuple[int, str, int, str]]  # order, quantity, days after the last, price


def booked(told: Told, plan: Plan, only: set[str] | None = None) -> None:
    """Orders with an even number sell."""
    day = DAY
    for n, (order, qty, days, px) in enumerate(plan, 1):
        day += timedelta(days=days)
        if only is None or f"T{n}" in only:
            side = SELL if order % 2 == 0 else Side.BUY
            told.send(
                fill(
                    f"T{n}",
                    qty,
                    px,
                    side,
                    order=f"O{order}",
                    trade_date=day,
                    settl_date=day,
                    country="US",
                )
            )


@given(steps, st.data(), st.sampled_from(["FIFO", "LIFO", "HIFO", "AVERAGE", "SPECIFIC"]))
@settings(max_examples=200)
def test_whatever_is_busted_the_books_are_those_of_the_trades_that_are_left(
    plan: Plan, data: st.DataObject, method: str
) -> None:
    told, fresh = Told(method), Told(method)
    booked(told, plan)
    gone = data.draw(st.lists(st.sampled_from(sorted(told.booked)), unique=True))
    for trade_id in gone:
        told.bust(trade_id)
    booked(fresh, plan, only=set(told.booked))
    assert paid(told) == paid(fresh)
    assert {t: b.charges for t, b in told.booked.items()} == {
        t: b.charges for t, b in fresh.booked.items()
    }
    assert told.state.lots == fresh.state.lots
    assert told.state.traded == fresh.state.traded
    assert told.realised == fresh.realised


@given(steps, st.data(), st.sampled_from(list(LotMethod)))
@settings(max_examples=200)
def test_whatever_had_settled_no_lot_is_below_zero_beside_another_and_no_money_is_lost(
    plan: Plan, data: st.DataObject, method: str
) -> None:
    """Realised gains are sales' proceeds less purchases' cost, without the cost of open lots."""
    told = Told(method)
    booked(told, plan)
    for trade_id in data.draw(st.lists(st.sampled_from(sorted(told.booked)), unique=True)):
        told.settle(trade_id)
    for trade_id in data.draw(st.lists(st.sampled_from(sorted(told.booked)), unique=True)):
        told.bust(trade_id)
    lots = told.state.lots.get(X, ())
    assert all(a.qty * b.qty >= 0 for a, b in pairwise(lots))
    brought = sum((t.gross if t.side is SELL else -t.gross for t in told.booked.values()), ZERO)
    assert told.realised == brought - sum(told.charged.values()) + told.cost
    fresh = Told(method)
    booked(fresh, plan, only=set(told.booked))
    assert paid(told) == paid(fresh)
    assert told.state.qty(X) == fresh.state.qty(X)
    assert told.state.traded == fresh.state.traded


# holds: what is open at the venue


def reopened(qty: str = "100", amount: str = "5005.00", side: Side = Side.BUY) -> Reopened:
    return Reopened(side=side, isin=X, currency="USD", qty=D(qty), amount=D(amount))


def busted_at_the_venue(book: Book, trade: TradeBooked, terms: Reopened) -> TradeBusted:
    told = bust(trade)
    fields = {f: getattr(told, f) for f in told.__struct_fields__}
    events = book.send(BustTrade(**fields | {"reopened": terms}))
    first: TradeBusted = events[0] if isinstance(events, tuple) else events
    return first


@pytest.mark.parametrize(("filled", "held"), [("100", "0"), ("40", "3003.00")])
def test_what_a_bust_opens_at_the_venue_is_held_again(filled: str, held: str) -> None:
    book = Book(opened(), deposited("6000.00"))
    book.send(reserve())
    trade = book.send(fill("T1", filled, "50.00"))
    assert book.state.cash("USD").reserved == D(held)
    event = busted_at_the_venue(book, trade, reopened())
    assert book.state.cash("USD").reserved == D("5005.00")
    assert event.hold_added == D("5005.00") - D(held)
    assert not event.in_debit
    book.send(fill("T2", "100", "50.00"))
    assert book.state.cash("USD").reserved == 0


def test_a_hold_after_a_bust_is_for_the_terms_in_force() -> None:
    book = Book(opened(), deposited("20000.00"))
    book.send(reserve())
    trade = book.send(fill("T1", "60", "50.00"))
    book.send(reserve(qty="200", amount="10010.00", qty_done=D(60)))
    busted_at_the_venue(book, trade, reopened("200", "10010.00"))
    assert book.state.cash("USD").reserved == D("10010.00")


def test_a_bust_of_a_settled_trade_holds_again_and_knows_the_order_no_more() -> None:
    book = Book(opened(), deposited("20000.00"))
    book.send(reserve())
    trade = book.send(fill("T1", "100", "50.00"))
    book.send(confirm("T1", "100", "5000.00"))
    assert not book.state.orders
    busted_at_the_venue(book, trade, reopened())
    assert book.state.cash("USD").reserved == D("5005.00")


def test_a_busted_sale_holds_its_shares_again() -> None:
    book = Book(opened(), deposited("20000.00"))
    book.send(fill("T1", "100", "50.00"))
    book.send(reserve("O2", side=SELL))
    trade = book.send(fill("T2", "100", "60.00", SELL, order="O2"))
    busted_at_the_venue(book, trade, reopened(amount="0", side=SELL))
    assert (book.state.qty(X), book.state.sellable(X)) == (D(100), 0)


def test_a_hold_that_the_cash_does_not_cover_any_more_is_taken_and_flagged() -> None:
    book = Book(opened(), deposited("5005.00"))
    book.send(reserve())
    trade = book.send(fill("T1", "100", "40.00"))  # 1001.00 less than was held
    book.send(fill("T9", "1", "1000.00", order="O9"))  # spends what was left over
    event = busted_at_the_venue(book, trade, reopened())
    assert event.in_debit
    assert book.state.cash("USD").reserved == D("5005.00")


def test_a_bust_of_an_order_that_is_not_at_the_venue_holds_nothing() -> None:
    book = Book(opened(), deposited("6000.00"))
    book.send(reserve())
    book.send(bust(book.send(fill("T1", "100", "50.00"))))
    assert book.state.cash("USD").reserved == 0
    known = book.state.orders["O1"]
    assert (known.held, known.qty, known.done, known.charged) == (0, 0, 0, 0)
