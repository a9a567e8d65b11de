"""Base cost is unknown, not 0, until a rate is known; each figure has its own currency."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, settings
from hypothesis import given as whenever
from hypothesis import strategies as st

from domain import account
from domain.account.base_cost import BaseCostStated, StateBaseCost
from domain.account.busts import BustTrade
from domain.account.obligations import SettleObligation
from domain.account.refusals import AccountRefusal as R
from domain.account.selection import SelectLots
from domain.account.state import State
from domain.account.trades import TradeBooked
from domain.account.transfers import ReceiveSecurities, TransferSecurities
from domain.fx import Fixing, RatesFixed
from domain.rules.lots import Lot, LotMethod, LotMove, dispose
from domain.shared.fix import Side
from domain.shared.message import Refused, Seen
from domain.shared.money import round_money
from domain.shared.shares import Value
from projections.holdings import lots, positions
from sagas import base_cost, order
from tests.unit.domain.accounts import A1, DAY, NEXT, D, X, at, bust, fill, opened
from tests.unit.domain.scenario import given
from tests.unit.projections.view_log import ListLog, folded, log_of
from tests.unit.sagas.scenario import following

SELL = Side.SELL
EURO = opened(base_currency="EUR")
NO_RATE, RATE = Fixing(), Fixing(rate_date=DAY, rates={"USD": D("1.1")})
US = {"country": "US", "trade_date": date(2023, 6, 5)}  # section 31: 8.00 a million
BUY = fill("T1", "100", "50.00", **US)
SALE = fill("T2", "100", "50.00", SELL, order="O2", **US)
ASK = StateBaseCost(account_id=A1)


class Book:
    """One account: its events in order, and the rows of the views from them."""

    def __init__(self, *past: Any) -> None:
        self.events: list[Any] = list(past or (EURO,))

    @property
    def state(self) -> State:
        return given(account, *self.events).state

    def told(self, command: Any, fixing: Fixing = NO_RATE) -> list[Any]:
        decision = account.decide(command, self.state, seen(fixing))
        assert not isinstance(decision, Refused), decision
        self.events += decision
        return list(decision)

    def refuses(self, command: Any, refusal: R, fixing: Fixing = NO_RATE) -> None:
        given(account, *self.events).when(command, seen=seen(fixing)).refused(refusal)

    @property
    def log(self) -> ListLog:
        return log_of(("account-A1", event) for event in self.events)

    async def row(self) -> positions.Position:
        rows = await folded(positions, self.log)
        found = rows[A1, X]
        assert isinstance(found, positions.Position)
        return found


def seen(fixing: Fixing) -> Seen:
    return at(DAY, **{"fx-ecb": fixing})


async def test_a_cost_without_a_rate_is_unknown_and_flagged() -> None:
    book = Book()
    (booked,) = book.told(BUY)
    assert booked.base_rate == 0 and [m.base_unknown for m in booked.lots] == [True]
    (lot,) = book.state.lots[X]
    assert lot.base_unknown
    row = await book.row()
    assert positions.base_cost_unknown(row) and not positions.realized_base_unknown(row)
    (shown,) = (await folded(lots, book.log)).values()
    assert shown.base_unknown and shown.currency == "USD"


async def test_a_sale_after_the_first_fixing_realises_against_a_known_cost() -> None:
    book = Book()
    book.told(BUY)
    known, sold = book.told(SALE, RATE)
    assert isinstance(known, BaseCostStated) and isinstance(sold, TradeBooked)
    assert [m.cost_base for m in known.lots] == [D("4550.00")]
    row = await book.row()
    assert row.realized_base == D("-9.13")  # 4540.87 less 4550.00
    assert not positions.realized_base_unknown(row) and not positions.base_cost_unknown(row)
    assert (row.traded, row.cost_base, book.state.lots) == (0, 0, {})


async def test_a_gain_made_before_any_fixing_is_known_with_the_first() -> None:
    book = Book()
    book.told(BUY)
    book.told(SALE)
    row = await book.row()
    assert positions.realized_base_unknown(row)
    assert book.told(ASK) == []
    assert len(book.told(ASK, RATE)) == 2
    row = await book.row()
    assert (row.realized_base, row.cost_base) == (D("-9.13"), 0)
    assert not positions.realized_base_unknown(row)
    assert (book.state.unvalued, book.state.lots) == ({}, {})
    assert await folded(lots, book.log) == {}
    assert book.told(ASK, RATE) == []


async def test_a_known_cost_stays_what_the_first_fixing_made_it() -> None:
    book = Book()
    book.told(BUY)
    book.told(ASK, RATE)
    dearer = Fixing(rate_date=NEXT, rates={"USD": D("1.2")})
    assert book.told(ASK, dearer) == []
    assert (await book.row()).cost_base == D("4550.00")


async def test_a_fixing_without_the_currency_makes_nothing_known() -> None:
    book = Book()
    book.told(BUY)
    assert book.told(ASK, Fixing(rate_date=DAY, rates={"CHF": D("0.95")})) == []
    assert positions.base_cost_unknown(await book.row())


async def test_an_isin_in_two_currencies_is_known_when_both_have_a_rate() -> None:
    book = Book()
    book.told(BUY)
    book.told(fill("T3", "10", "45.00", currency="CHF", order="O3"))
    assert book.told(ASK, RATE) == []
    both = Fixing(rate_date=DAY, rates={"USD": D("1.1"), "CHF": D("0.9")})
    assert [s.rates for s in book.told(ASK, both)] == [
        {"USD": D("0.909090909091")},
        {"CHF": D("1.111111111111")},
    ]
    assert (await book.row()).cost_base == D("4550.00") + D("501.11")


async def test_a_bust_takes_back_what_was_stated_later() -> None:
    book = Book()
    book.told(BUY)
    book.told(ASK, RATE)
    statement = book.events[-1]
    (booked,) = (x for x in book.events if isinstance(x, TradeBooked))
    saga = following(order, booked, statement).state
    told = saga.trades["T1"].booked
    assert told is not None and [m.cost_base for m in told.lots] == [D("4550.00")]
    command = bust(booked)
    book.told(
        BustTrade(**{f: getattr(command, f) for f in command.__struct_fields__} | {"booked": told})
    )
    assert book.state.lots == {}
    row = await book.row()
    assert (row.cost_base, row.traded, positions.figures(row)) == (0, 0, [])


async def test_a_bust_before_the_fixing_leaves_nothing_to_state() -> None:
    book = Book()
    (booked,) = book.told(BUY)
    book.told(bust(booked))
    assert (book.state.lots, book.state.unvalued) == ({}, {})
    assert book.told(ASK, RATE) == []
    row = await book.row()
    assert not positions.base_cost_unknown(row)


def test_lots_of_unknown_cost_are_neither_moved_nor_chosen() -> None:
    book = Book()
    book.told(BUY)
    settle = SettleObligation(
        account_id=A1,
        obligation_id="T1",
        qty=D(100),
        amount=D("5000.00"),
        value_date=NEXT,
        confirmation_id="C1",
    )
    book.told(settle)
    move = TransferSecurities(
        account_id=A1, transfer_id="X1", to_account_id="A2", isin=X, instrument_id="I1", qty=D(1)
    )
    book.refuses(move, R.BASE_COST_UNKNOWN)
    book.told(fill("T2", "10", "50.00", SELL, order="O2"))
    choice = SelectLots(account_id=A1, trade_id="T2", lots={"T1": D(10)})
    book.refuses(choice, R.BASE_COST_UNKNOWN)
    book.told(ASK, RATE)
    book.told(move)


def test_a_transfer_into_another_base_currency_without_a_rate_goes_back() -> None:
    move = LotMove(lot_id="L", qty=D(-1), cost=D(-50), cost_base=D(-50), acquired_on=DAY)
    receive = ReceiveSecurities(
        account_id=A1,
        transfer_id="X1",
        from_account_id="A2",
        isin=X,
        instrument_id="I1",
        currency="USD",
        lots=(move,),
        base_currency="USD",
    )
    Book().refuses(receive, R.RATE_UNKNOWN)


@pytest.mark.parametrize("method", list(LotMethod))
def test_no_method_leaves_base_cost_behind_when_a_rate_comes_late(method: LotMethod) -> None:
    book = Book(opened(base_currency="EUR", lot_method=method))
    book.told(BUY)
    book.told(fill("T2", "7", "33.33", order="O2"))
    book.told(fill("T3", "30", "41.07", SELL, order="O3"))
    book.told(fill("T4", "77", "40.00", SELL, order="O4"))
    book.told(ASK, RATE)
    assert book.state.lots == {}


amounts = st.decimals(min_value="0.01", max_value="500", places=2)
trades = st.lists(
    st.tuples(st.sampled_from([Side.BUY, SELL]), st.integers(1, 20), amounts), max_size=8
)


def _held(book: Book) -> dict[str, Decimal]:
    return {lot.lot_id: lot.qty for lot in book.state.lots.get(X, ())}


EQUAL_LOTS = [(Side.BUY, 3, D("285.40"))] * 2 + [(SELL, 1, D("0.01"))] * 2


@whenever(trades, st.sampled_from(list(LotMethod)))
@example(EQUAL_LOTS, LotMethod.HIFO)
@settings(max_examples=60)
async def test_figures_stated_late_are_those_of_a_rate_known_early(
    done: list[tuple[Side, int, Decimal]], method: LotMethod
) -> None:
    late, early = (Book(opened(base_currency="EUR", lot_method=method)) for _ in range(2))
    for n, (side, qty, px) in enumerate(done):
        command = fill(f"T{n}", str(qty), str(px), side, order=f"O{n}")
        late.told(command)
        early.told(command, RATE)
    late.told(ASK, RATE)
    if not done:
        return
    mine, theirs = await late.row(), await early.row()
    assert late.state.unvalued == {} and mine.unvalued == "{}"
    cents = D("0.01") * (len(done) + 1) ** 2  # each share is rounded once
    if _held(late) == _held(early):
        assert positions.figures(mine) == positions.figures(theirs)
    else:  # HIFO goes by the cost in base once that is known: rounding parts lots that are equal
        assert method is LotMethod.HIFO
        for one, other in zip(positions.figures(mine), positions.figures(theirs), strict=True):
            assert abs(one.cost - other.cost) <= cents
            assert abs(one.realized - other.realized) <= cents
    assert abs(mine.realized_base - theirs.realized_base) <= cents
    held = sum((lot.cost for lot in late.state.lots.get(X, ())), D(0))
    whole = sum((lot.cost_base for lot in late.state.lots.get(X, ())), D(0))
    assert abs(whole - round_money(held / D("1.1"), "EUR")) <= cents
    assert mine.cost_base == whole


@whenever(trades, st.lists(st.integers(0, 7), max_size=3, unique=True))
@settings(max_examples=60)
async def test_busts_among_trades_that_wait_leave_no_base_cost_behind(
    done: list[tuple[Side, int, Decimal]], busted: list[int]
) -> None:
    book = Book()
    booked = []
    for n, (side, qty, px) in enumerate(done):
        booked.append(book.told(fill(f"T{n}", str(qty), str(px), side, order=f"O{n}"))[-1])
    for n in busted:
        if n < len(booked):
            book.told(bust(booked[n]))
    book.told(ASK, RATE)
    state = book.state
    assert state.unvalued == {}
    for lot in state.lots.get(X, ()):
        assert not lot.base_unknown
        assert abs(lot.cost_base - round_money(lot.cost / D("1.1"), "EUR")) <= D("0.05")
        assert lot.qty or lot.cost
    if done:
        row = await book.row()
        assert row.unvalued == "{}"
        assert row.cost_base == sum((x.cost_base for x in state.lots.get(X, ())), D(0))
        ((_, _, gain),) = positions.figures(row) or [("", 0, D(0))]
        assert abs(row.realized_base - gain / D("1.1")) <= D("0.01") * (len(done) + 2) ** 2


# HIFO and AVERAGE


def lot(name: str, cost: str, base: str | None, currency: str = "USD", qty: str = "10") -> Lot:
    return Lot(
        lot_id=name,
        qty=D(qty),
        cost=D(cost),
        cost_base=D(base or 0),
        acquired_on=DAY,
        currency=currency,
        base_unknown=base is None,
    )


def taken(held: list[Lot], method: LotMethod, qty: str = "10", currency: str = "USD") -> list[Any]:
    proceeds = Value(amount=D("100.00"), base=D("90.00"), currency=currency)
    moves = dispose(held, "S", D(qty), method=method, proceeds=proceeds, on=DAY)
    return [(m.lot_id, m.cost, m.cost_base) for m in moves]


def test_highest_cost_first_goes_by_trade_currency_while_a_base_cost_is_unknown() -> None:
    held = [lot("A", "100.00", "95.00"), lot("B", "300.00", None), lot("C", "200.00", "180.00")]
    assert [t[0] for t in taken(held, LotMethod.HIFO, "30")] == ["B", "C", "A"]


def test_highest_cost_first_takes_known_lots_first_where_currencies_differ() -> None:
    held = [lot("A", "900.00", None), lot("B", "10.00", "9.00", "EUR"), lot("C", "8.00", None)]
    assert [t[0] for t in taken(held, LotMethod.HIFO, "30")] == ["B", "A", "C"]


def test_average_cost_is_taken_in_each_currency_and_in_the_base_over_all() -> None:
    held = [lot("A", "501.00", "455.45"), lot("B", "451.00", "451.00", "EUR")]
    moves = taken(held, LotMethod.AVERAGE, "10", "EUR")
    assert moves[0] == ("A", D("-501.00"), D("-453.22"))
    assert sorted(moves[1:]) == [("A", D(0), D("-2.23")), ("B", D(0), D("2.23"))]


def test_average_cost_keeps_unknown_lots_in_a_pool_of_their_own() -> None:
    held = [lot("A", "100.00", "90.00"), lot("B", "300.00", None), lot("C", "200.00", "180.00")]
    moves = taken(held, LotMethod.AVERAGE, "10")
    assert moves[0] == ("A", D("-150.00"), D("-135.00"))
    assert moves[1:] == [("A", D("50.00"), D("45.00")), ("C", D("-50.00"), D("-45.00"))]


# one security bought in two currencies


TEN_USD = fill("T1", "10", "50.00")
TEN_EUR = fill("T2", "10", "45.00", currency="EUR", order="O2")
HALF = fill("T3", "10", "45.00", SELL, order="O3", currency="EUR")


async def test_figures_in_a_currency_are_only_those_in_it() -> None:
    book = Book()
    book.told(TEN_USD, RATE)
    book.told(TEN_EUR, RATE)
    row = await book.row()
    assert row.cost_base == D("906.45")
    assert positions.figures(row) == [("EUR", D("451.00"), 0), ("USD", D("501.00"), 0)]
    book.told(HALF, RATE)
    row = await book.row()
    assert positions.figures(row) == [("EUR", D("451.00"), 0)]
    assert (row.realized_base, row.cost_base, row.crossed) == (D("-6.45"), D("451.00"), 10)
    (sale,) = (x for x in book.events if isinstance(x, TradeBooked) and x.side is SELL)
    assert [(m.currency, m.cost, m.gain) for m in sale.lots] == [("USD", D("-501.00"), 0)]


async def test_a_bust_of_a_sale_across_currencies_brings_the_lot_back_in_its_own() -> None:
    book = Book()
    for command in (TEN_USD, TEN_EUR, HALF):
        last = book.told(command, RATE)
    before = {lot.lot_id: lot for lot in given(account, *book.events[:-1]).state.lots[X]}
    book.told(bust(last[-1]), RATE)
    assert {lot.lot_id: lot for lot in book.state.lots[X]} == before
    row = await book.row()
    assert positions.figures(row) == [("EUR", D("451.00"), 0), ("USD", D("501.00"), 0)]
    assert (row.realized_base, row.crossed) == (0, 0)


async def test_another_choice_of_lots_moves_the_figures_to_their_currency() -> None:
    book = Book()
    for command in (TEN_USD, TEN_EUR, HALF):
        book.told(command, RATE)
    book.told(SelectLots(account_id=A1, trade_id="T3", lots={"T2": D(10)}), RATE)
    row = await book.row()
    assert positions.figures(row) == [("EUR", 0, D("-2.00")), ("USD", D("501.00"), 0)]
    assert (row.crossed, row.realized_base) == (0, D("-2.00"))


async def test_a_yen_lot_sold_in_part_in_dollars_costs_whole_yen() -> None:
    book = Book()
    both = Fixing(rate_date=DAY, rates={"USD": D("1.1"), "JPY": D(160)})
    book.told(fill("T1", "3", "1001", currency="JPY", gross=D(3003)), both)
    book.told(fill("T2", "1", "9.00", SELL, order="O2"), both)
    (left,) = book.state.lots[X]
    assert left.cost == left.cost.to_integral_value() and left.currency == "JPY"


# the saga that sends fixings to accounts


def fixed(**rates: str) -> Any:
    return RatesFixed(source="ecb", rate_date=DAY, rates={k: D(v) for k, v in rates.items()})


def booked() -> TradeBooked:
    book = Book()
    (event,) = book.told(BUY)
    assert isinstance(event, TradeBooked)
    return event


def test_a_fixing_is_sent_once_to_the_accounts_that_wait_for_it() -> None:
    story = following(base_cost, booked())
    story.then(fixed(CHF="0.95"))
    story.sends()
    story.then(fixed(USD="1.1"))
    story.sends(ASK)
    book = Book()
    book.told(BUY)
    (statement,) = book.told(ASK, RATE)
    story.then(statement, fixed(USD="1.2"))
    story.sends()
    assert story.state.trades == {}


def test_a_trade_just_after_its_fixing_gets_it_at_once() -> None:
    story = following(base_cost, fixed(USD="1.1"))
    story.then(booked())
    story.sends(ASK)


def test_trades_with_a_rate_are_no_business_of_the_saga() -> None:
    book = Book()
    (known,) = book.told(BUY, RATE)
    (envelope,) = log_of([("account-A1", known)]).envelopes
    assert base_cost.correlate(envelope) is None
