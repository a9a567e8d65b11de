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


class TradedAccount:
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
        result = self.book.send(command)
        assert not isinstance(result, Refused), result
        events: tuple[Any, ...] = result if isinstance(result, tuple) else (result,)
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
        command = bust(self.booked[trade_id])
        fields = {f: getattr(command, f) for f in command.__struct_fields__}
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


def paid(traded: TradedAccount) -> dict[str, Decimal]:
    return {kind: amount for kind, amount in traded.charged.items() if amount}


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
    traded = TradedAccount()
    for n, qty in enumerate(fills, 1):
        traded.send(fill(f"T{n}", qty, "50.00"))
    for trade_id in tuple(traded.booked) if settled else ():
        traded.settle(trade_id)
    traded.bust(busted)
    assert paid(traded) == {"commission": D(left)}
    gross = sum(t.gross for t in traded.booked.values())
    assert traded.cost == gross + D(left)  # the cost of open lots includes the charges
    assert traded.state.traded["USD"] == D("100000.00") - gross - D(left)


def test_an_order_whose_only_execution_is_busted_pays_nothing() -> None:
    traded = TradedAccount()
    traded.send(fill("T1", "16", "50.00"))
    traded.bust("T1")
    assert paid(traded) == {}
    assert traded.state.traded == {"USD": D("100000.00")}


def test_a_correction_is_charged_without_the_trade_that_it_replaces() -> None:
    """Both commands were sent while the first trade counted; the bust arrives first."""
    traded = TradedAccount()
    traded.send(fill("T1", "10", "50.00"))
    traded.bust("T1")
    before = Counted(qty=D(10), gross=D("500.00"), charged=D("1.00"))
    (corrected,) = traded.send(fill("T2", "10", "50.10", before=before))
    assert commission_of(corrected.charges) == D("1.00")
    assert paid(traded) == {"commission": D("1.00")}


def test_a_fill_after_all_others_have_settled_goes_on_where_the_commission_stood() -> None:
    traded = TradedAccount()
    traded.send(fill("T1", "10", "50.00"))
    traded.settle("T1")
    assert not traded.state.orders
    before = Counted(qty=D(10), gross=D("500.00"), charged=D("1.00"))
    (late,) = traded.send(fill("T2", "6", "50.00", before=before))
    assert late.charges == ()
    traded.send(fill("T3", "84", "50.00"))
    assert paid(traded) == {"commission": D("5.00")}


def test_an_order_that_was_raised_after_it_had_settled_goes_on_where_the_commission_stood() -> None:
    traded = TradedAccount()
    traded.send(fill("T1", "10", "50.00"))
    traded.settle("T1")
    before = Counted(qty=D(10), gross=D("500.00"), charged=D("1.00"))
    traded.send(reserve(qty="16", amount="801.00", qty_done=D(10), before=before))
    assert traded.send(fill("T2", "6", "50.00"))[0].charges == ()


# lots: as if the busted trade had never been booked


def bought_twice_and_sold(**how: Any) -> TradedAccount:
    traded = TradedAccount(**how)
    traded.send(fill("T1", "100", "10.00", order="O1"))
    traded.send(fill("T2", "100", "20.00", order="O2"))
    traded.send(fill("T3", "100", "30.00", SELL, order="O3"))
    return traded


def test_a_sale_takes_other_lots_when_its_purchase_is_busted() -> None:
    traded = bought_twice_and_sold()
    assert traded.realised == D("1996.00")  # 3000 - 3.00 - 1001.00
    traded.bust("T1")
    assert traded.book.lots() == {}
    assert (traded.cost, traded.realised) == (0, D("995.00"))  # 2997.00 - 2002.00


def test_charges_of_the_market_stay_with_the_trades_that_are_left() -> None:
    traded, day = TradedAccount(), date(2023, 6, 5)
    traded.send(fill("T1", "100", "10.00", order="O1", country="US", trade_date=day))
    traded.send(fill("T2", "100", "20.00", order="O2", country="US", trade_date=day))
    traded.send(fill("T3", "100", "30.00", SELL, order="O3", country="US", trade_date=day))
    assert traded.realised == D("1995.97")
    traded.bust("T1")
    assert (traded.book.lots(), traded.realised) == ({}, D("994.97"))
    assert paid(traded) == {"commission": D("5.00"), "section_31": D("0.03")}


def test_a_sale_that_has_settled_takes_other_lots_too() -> None:
    traded = bought_twice_and_sold()
    traded.settle("T3")
    traded.bust("T1")
    assert traded.book.lots() == {}
    assert (traded.cost, traded.realised) == (0, D("995.00"))


def test_shares_that_were_sold_twice_over_are_short_and_nothing_else() -> None:
    traded = bought_twice_and_sold()
    traded.send(fill("T4", "50", "30.00", SELL, order="O4"))
    traded.bust("T1")
    assert traded.book.lots() == {"T4": (D(-50), D("-1498.50"))}
    close = account.decide(CloseAccount(account_id=A1), traded.state, at())
    assert isinstance(close, Refused)


def test_a_busted_sale_gives_its_lots_to_the_sales_after_it() -> None:
    traded = bought_twice_and_sold()
    traded.send(fill("T4", "100", "40.00", SELL, order="O4"))
    traded.bust("T3")
    assert traded.book.lots() == {"T2": (D(100), D("2002.00"))}
    assert traded.realised == D("3996.00") - D("1001.00")


def test_lots_that_the_client_chose_stay_chosen() -> None:
    traded = bought_twice_and_sold()
    traded.send(SelectLots(account_id=A1, trade_id="T3", lots={"T2": D(100)}))
    traded.send(fill("T4", "10", "40.00", SELL, order="O4"))
    traded.bust("T4")
    assert traded.book.lots() == {"T1": (D(100), D("1001.00"))}


def test_a_lot_that_comes_back_has_its_old_place() -> None:
    traded = TradedAccount()
    traded.send(fill("T1", "10", "10.00", order="O1"))
    traded.send(fill("T2", "10", "20.00", order="O2"))
    traded.send(fill("T3", "10", "30.00", SELL, order="O3"))
    traded.bust("T3")
    (sale,) = traded.send(fill("T4", "10", "30.00", SELL, order="O4"))
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


def booked(traded: TradedAccount, plan: Plan, only: set[str] | None = None) -> None:
    """Orders with an even number sell."""
    day = DAY
    for n, (order, qty, days, px) in enumerate(plan, 1):
        day += timedelta(days=days)
        if only is None or f"T{n}" in only:
            side = SELL if order % 2 == 0 else Side.BUY
            traded.send(
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
    traded, fresh = TradedAccount(method), TradedAccount(method)
    booked(traded, plan)
    gone = data.draw(st.lists(st.sampled_from(sorted(traded.booked)), unique=True))
    for trade_id in gone:
        traded.bust(trade_id)
    booked(fresh, plan, only=set(traded.booked))
    assert paid(traded) == paid(fresh)
    assert {t: b.charges for t, b in traded.booked.items()} == {
        t: b.charges for t, b in fresh.booked.items()
    }
    assert traded.state.lots == fresh.state.lots
    assert traded.state.traded == fresh.state.traded
    assert traded.realised == fresh.realised


@given(steps, st.data(), st.sampled_from(list(LotMethod)))
@settings(max_examples=200)
def test_whatever_had_settled_no_lot_is_below_zero_beside_another_and_no_money_is_lost(
    plan: Plan, data: st.DataObject, method: str
) -> None:
    """Realised gains are sales' proceeds less purchases' cost, without the cost of open lots."""
    traded = TradedAccount(method)
    booked(traded, plan)
    for trade_id in data.draw(st.lists(st.sampled_from(sorted(traded.booked)), unique=True)):
        traded.settle(trade_id)
    for trade_id in data.draw(st.lists(st.sampled_from(sorted(traded.booked)), unique=True)):
        traded.bust(trade_id)
    lots = traded.state.lots.get(X, ())
    assert all(a.qty * b.qty >= 0 for a, b in pairwise(lots))
    brought = sum((t.gross if t.side is SELL else -t.gross for t in traded.booked.values()), ZERO)
    assert traded.realised == brought - sum(traded.charged.values()) + traded.cost
    fresh = TradedAccount(method)
    booked(fresh, plan, only=set(traded.booked))
    assert paid(traded) == paid(fresh)
    assert traded.state.qty(X) == fresh.state.qty(X)
    assert traded.state.traded == fresh.state.traded


# holds: what is open at the venue


def reopened(qty: str = "100", amount: str = "5005.00", side: Side = Side.BUY) -> Reopened:
    return Reopened(side=side, isin=X, currency="USD", qty=D(qty), amount=D(amount))


def busted_at_the_venue(book: Book, trade: TradeBooked, terms: Reopened) -> TradeBusted:
    traded = bust(trade)
    fields = {f: getattr(traded, f) for f in traded.__struct_fields__}
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
