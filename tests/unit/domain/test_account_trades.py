"""Holds, executions on trade date, settlement, busts, choice of lots, transfers."""

from datetime import date
from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain import account
from domain.account.cash import ReturnDeposit
from domain.account.holds import ReleaseHold
from domain.account.obligations import RecordFailing
from domain.account.refusals import AccountRefusal as R
from domain.account.selection import SelectLots
from domain.account.standing import AccountRestricted, ChangeLotMethod
from domain.account.state import State
from domain.account.trades import reverse_id
from domain.account.transfers import (
    CompleteTransfer,
    ReceiveCash,
    ReceiveSecurities,
    SecuritiesTransferredOut,
    TransferCash,
    TransferSecurities,
    UndoTransfer,
)
from domain.rules.lots import LotMove
from domain.shared.fix import Side
from tests.unit.domain.accounts import (
    A1,
    DAY,
    NEXT,
    OPENED,
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
from tests.unit.domain.scenario import given

D = Decimal
SELL = Side.SELL


def rich(**terms: object) -> Book:
    return Book(opened(**terms), deposited("100000.00"))


# holds


def test_a_purchase_holds_cash_and_a_sale_holds_shares() -> None:
    book = rich()
    event = book.send(reserve())
    assert (event.unit, event.amount, event.added, event.qty) == ("USD", D(5005), D(5005), D(100))
    book.send(fill("T1", "100", "49.90"))
    event = book.send(reserve("O2", "40", "0", SELL))
    assert (event.unit, event.amount) == (X, D(40))
    assert book.state.sellable(X) == D(60)


def test_lacking_cash_is_refused_with_the_figures() -> None:
    book = Book(OPENED, deposited("6000.00"))
    book.send(reserve())
    result = book.send(reserve("O2", "100", "995.01"))
    assert result.refusal is R.INSUFFICIENT_FUNDS
    assert result.state == {"required": "995.01", "available": "995.00", "currency": "USD"}
    assert book.send(reserve("O2", "100", "995.00")).added == D("995.00")


def test_shares_cannot_be_sold_twice_nor_short() -> None:
    book = rich()
    book.send(fill("T1", "100", "10.00"))
    book.send(reserve("O2", "60", "0", SELL))
    result = book.send(reserve("O3", "41", "0", SELL))
    assert result.refusal is R.SHORT_SALE_NOT_PERMITTED
    assert result.state == {"isin": X, "required": "41", "available": "40"}
    short = book.send(reserve("O3", "1", "0", Side.SELL_SHORT))
    assert short.refusal is R.SHORT_SALE_NOT_PERMITTED


def test_the_same_reservation_again_changes_nothing() -> None:
    book = rich()
    book.send(reserve())
    assert book.send(reserve()) == ()


def test_a_replace_holds_for_what_is_not_filled_yet() -> None:
    book = rich()
    book.send(reserve())
    book.send(fill("T1", "40", "49.90"))
    assert book.state.cash("USD").reserved == D("3003.00")
    larger = book.send(reserve(qty="200", amount="10010.00", qty_done=D(40)))
    assert (larger.amount, larger.added, larger.qty) == (D("8008.00"), D("5005.00"), D(160))
    smaller = book.send(reserve(qty="50", amount="2502.50", qty_done=D(40)))
    assert (smaller.amount, smaller.qty) == (D("500.50"), D(10))
    assert smaller.added < 0


def test_a_fill_on_its_way_keeps_its_hold_through_a_replace() -> None:
    """The order has 40 filled but none booked; `qty_done` counts booked trades only."""
    book = rich()
    book.send(reserve())
    assert book.send(reserve(qty="100", amount="6006.00", qty_done=D(0))).amount == D("6006.00")
    book.send(fill("T1", "40", "49.90"))
    assert book.state.cash("USD").reserved == D("3603.60")


def test_a_forgotten_order_still_counts_what_was_booked_before() -> None:
    book = rich()
    book.send(reserve())
    first = book.send(fill("T1", "100", "49.90"))
    book.send(confirm("T1", "100", str(first.gross)))
    assert book.state.orders == {}
    book.send(fill("T2", "40", "49.90"))
    raised = book.send(reserve(qty="200", amount="10010.00", qty_done=D(140)))
    assert (raised.amount, raised.qty) == (D("3003.00"), D(60))


def test_a_hold_shrinks_even_where_nothing_is_available() -> None:
    book = Book(OPENED, deposited("5005.00"))
    book.send(reserve())
    book.send(ReturnDeposit(account_id=A1, amount=D(5005), currency="USD", reference="P1"))
    assert book.send(reserve(qty="50", amount="2502.50")).added == D("-2502.50")


def test_the_hold_goes_pro_rata_and_the_rest_at_the_orders_end() -> None:
    book = rich()
    book.send(reserve(qty="3", amount="100.00"))
    assert book.send(fill("T1", "1", "30.00")).hold_released == D("33.33")
    event = book.send(ReleaseHold(account_id=A1, order_id="O1"))
    assert (event.unit, event.amount) == ("USD", D("66.67"))
    assert book.send(ReleaseHold(account_id=A1, order_id="O1")) == ()
    assert book.state.cash("USD").reserved == 0


def test_the_last_fill_takes_the_remainder_of_the_hold() -> None:
    book = rich()
    book.send(reserve(qty="3", amount="100.00"))
    released = [book.send(fill(f"T{n}", "1", "30.00")).hold_released for n in range(3)]
    assert sum(released) == D("100.00")
    assert book.send(ReleaseHold(account_id=A1, order_id="O1")) == ()


@pytest.mark.parametrize(
    ("terms", "refusal"),
    [
        ({"qty": "0"}, R.QTY_NOT_POSITIVE),
        ({"qty": "-1"}, R.QTY_NOT_POSITIVE),
        ({"qty": "NaN"}, R.QTY_INEXACT),
        ({"qty": "0.000000001"}, R.QTY_INEXACT),
        ({"qty": "1E+30"}, R.AMOUNT_TOO_LARGE),
        ({"amount": "NaN"}, R.AMOUNT_INEXACT),
        ({"amount": "0"}, R.AMOUNT_NOT_POSITIVE),
    ],
)
def test_a_reservation_of_nonsense_is_refused(terms: dict[str, str], refusal: R) -> None:
    assert rich().send(reserve(**terms)).refusal is refusal


# trade date


def test_a_purchase_opens_a_lot_at_cost_with_its_charges() -> None:
    book = rich()
    event = book.send(fill("T1", "100", "49.90"))
    assert event.charges[0].amount == D("4.99")
    assert book.lots() == {"T1": (D(100), D("4994.99"))}
    assert book.state.obligations["T1"].amount == D("4990.00")
    assert book.state.settled_qty(X) == 0


def test_a_sale_takes_lots_by_the_accounts_method_and_nets_its_charges() -> None:
    book = rich(lot_method="LIFO")
    book.send(fill("T1", "10", "10.00"))
    book.send(fill("T2", "10", "20.00", trade_date=NEXT))
    event = book.send(fill("T3", "15", "30.00", SELL, order="O2"))
    assert [(m.lot_id, m.qty) for m in event.lots] == [("T2", D(-10)), ("T1", D(-5))]
    assert sum(m.proceeds for m in event.lots) == D("449.00")  # 450.00 - 1.00
    assert sum(m.gain for m in event.lots) == D("449.00") - D("200.00") - D("50.50")


def test_a_method_changed_counts_for_later_sales() -> None:
    book = rich()
    book.send(fill("T1", "10", "10.00"))
    book.send(fill("T2", "10", "20.00", trade_date=NEXT))
    book.send(ChangeLotMethod(account_id=A1, lot_method="LIFO"))
    assert book.send(fill("T3", "10", "30.00", SELL)).lots[0].lot_id == "T2"


def test_us_sales_pay_the_levy_to_its_authority() -> None:
    book = rich()
    book.send(fill("T1", "100", "49.90"))
    event = book.send(fill("T2", "40", "60.00", SELL, order="O2", country="US"))
    assert [(x.kind, x.amount, x.authority) for x in event.charges] == [
        ("commission", D("2.40"), ""),
        ("section_31", D("0.07"), "SEC31"),
    ]


def test_the_minimum_is_charged_once_an_order() -> None:
    book = rich()
    book.send(reserve(qty="40", amount="500.00"))
    taken = [book.send(fill(f"T{n}", "10", "10.00")).charges for n in range(4)]
    assert [sum(x.amount for x in part) for part in taken] == [D("1.00"), 0, 0, 0]


def test_a_refill_after_a_bust_is_charged_as_if_the_busted_fill_had_not_been() -> None:
    book = rich()
    book.send(reserve(qty="20", amount="500.00"))
    book.send(fill("T1", "10", "10.00"))
    second = book.send(fill("T2", "10", "10.00"))
    book.send(bust(second))
    assert book.send(fill("T3", "10", "10.00")).charges == ()


def test_a_refill_pays_on_what_counts_not_on_what_was_busted() -> None:
    book = rich()
    book.send(reserve(qty="20", amount="21000.00"))
    book.send(fill("T1", "10", "1000.00"))
    book.send(bust(book.send(fill("T2", "10", "1000.00"))))
    assert [x.amount for x in book.send(fill("T3", "10", "1000.00")).charges] == [D("10.00")]


def test_an_order_is_forgotten_when_it_is_filled_and_settled() -> None:
    book = rich()
    book.send(reserve(qty="10", amount="101.00"))
    book.send(fill("T1", "10", "10.00"))
    assert "O1" in book.state.orders
    book.send(confirm("T1", "10", "100.00"))
    assert book.state.orders == {}


def test_a_trade_in_another_currency_costs_base_currency_at_the_last_fixing() -> None:
    book = Book(OPENED, deposited("5000.00", "EUR"))
    event = book.send(fill("T1", "10", "100.00", currency="EUR"))
    assert event.base_rate == D("1.1")
    assert (event.lots[0].cost, event.lots[0].cost_base) == (D("1001.00"), D("1101.10"))


def test_a_trade_without_a_fixing_is_booked_and_says_so() -> None:
    event = rich().send(fill("T1", "10", "100.00", currency="CHF", gross=D("1000.00")))
    assert (event.base_rate, event.lots[0].cost_base) == (0, 0)
    assert event.in_debit


def test_the_same_execution_again_is_not_booked_again() -> None:
    book = rich()
    book.send(fill("T1", "10", "10.00"))
    assert book.send(fill("T1", "10", "10.00")) == ()


def test_an_over_fill_is_booked_and_flagged() -> None:
    book = Book(OPENED, deposited("101.00"))
    book.send(reserve(qty="10", amount="101.00"))
    event = book.send(fill("T1", "15", "10.00"))
    assert (event.unreserved, event.in_debit, event.hold_released) == (D(5), True, D("101.00"))
    assert book.state.cash("USD").traded == D("-50.00")


def test_a_sale_beyond_the_lots_is_booked_and_the_next_purchase_covers_it() -> None:
    book = rich()
    book.send(fill("T1", "10", "10.00"))
    event = book.send(fill("T2", "15", "20.00", SELL, order="O2"))
    assert event.oversold == D(5)
    assert book.state.qty(X) == D(-5)
    assert book.state.sellable(X) == D(-5)
    cover = book.send(fill("T3", "8", "18.00", order="O3"))
    assert [(m.lot_id, m.qty) for m in cover.lots] == [("T2", D(5)), ("T3", D(3))]
    assert list(book.lots()) == ["T3"]


def test_selling_what_was_bought_on_unsettled_proceeds_is_flagged() -> None:
    book = Book(OPENED, deposited("1001.00"))
    book.send(fill("T1", "10", "100.00"))
    book.send(confirm("T1", "10", "1000.00"))
    book.send(fill("T2", "10", "120.00", SELL, order="O2"))
    book.send(fill("T3", "5", "200.00", order="O3"))
    event = book.send(fill("T4", "5", "210.00", SELL, order="O4"))
    assert event.free_riding
    paid = rich()
    paid.send(fill("T1", "10", "100.00"))
    assert not paid.send(fill("T2", "10", "120.00", SELL, order="O2")).free_riding


@pytest.mark.parametrize(
    "terms",
    [
        {"qty": "NaN"},
        {"qty": "0"},
        {"gross": D("NaN")},
        {"gross": D("0.001")},
        {"gross": D("1E+30")},
        {"currency": "XXX"},
    ],
)
def test_figures_that_cannot_be_stored_are_no_trade(terms: dict[str, object]) -> None:
    fields = {"qty": "10", "gross": D("100.00")} | terms
    qty = str(fields.pop("qty"))
    command = replace(fill("T1", "10", "10.00", **fields), qty=D(qty))
    decision = account.decide(command, rich().state, at())
    assert isinstance(decision, account.refusals.Refused)


def test_a_trade_of_no_account_goes_to_suspense() -> None:
    given(account).when(fill("T1", "1", "1.00"), seen=at()).refused(R.ACCOUNT_UNKNOWN)


# settlement


def test_a_sale_settles_in_parts_and_the_last_takes_the_remainder() -> None:
    book = rich()
    book.send(fill("T1", "100", "49.90"))
    book.send(fill("T2", "40", "60.00", SELL, order="O2"))
    first = book.send(confirm("T2", "24", "1440.00", "C1"))
    assert (first.side, first.rest_qty, first.amount) == (SELL, D(16), D("1440.00"))
    assert book.send(confirm("T2", "24", "1440.00", "C1")) == ()
    failing = RecordFailing(account_id=A1, obligation_id="T2", reason="LACK")
    assert book.send(failing).rest_qty == D(16)
    assert book.send(failing) == ()
    last = book.send(confirm("T2", "16", "959.99", "C2"))
    assert (last.amount, last.difference, last.rest_qty) == (D("960.00"), D("-0.01"), 0)
    assert book.send(confirm("T2", "16", "960.00", "C3")).refusal is R.OBLIGATION_UNKNOWN
    assert book.send(failing) == ()


def test_more_than_is_open_settles_what_is_open_and_tells_the_rest() -> None:
    book = rich()
    book.send(fill("T1", "10", "10.00"))
    event = book.send(confirm("T1", "12", "120.00"))
    assert (event.qty, event.excess_qty) == (D(10), D(2))
    assert (event.amount, event.difference) == (D("100.00"), D("20.00"))


@pytest.mark.parametrize(
    ("qty", "amount", "refusal"),
    [
        ("0", "1", R.QTY_NOT_POSITIVE),
        ("NaN", "1", R.QTY_INEXACT),
        ("1", "NaN", R.AMOUNT_INEXACT),
        ("1", "-1", R.AMOUNT_NOT_POSITIVE),
    ],
)
def test_a_confirmation_of_nonsense_is_refused(qty: str, amount: str, refusal: R) -> None:
    book = rich()
    book.send(fill("T1", "10", "10.00"))
    assert book.send(confirm("T1", qty, amount)).refusal is refusal


def test_a_booking_keeps_the_country_of_its_market() -> None:
    assert rich().send(fill("T1", "10", "10.00", market_country="GB")).market_country == "GB"


# busts


def test_a_bust_before_settlement_is_the_exact_mirror() -> None:
    book = rich()
    before = book.state
    event = book.send(bust(book.send(fill("T3", "10", "50.00"))))
    assert (event.open_qty, event.open_amount, event.reverse_id) == (D(10), D("500.00"), "")
    assert replace(book.state, orders=before.orders) == before


def test_a_bust_after_settlement_opens_a_reverse_obligation() -> None:
    book = rich()
    booked = book.send(fill("T4", "10", "50.00"))
    book.send(confirm("T4", "10", "500.00"))
    event = book.send(bust(booked))
    assert (event.reverse_id, event.reverse_qty, event.reverse_amount) == (
        "T4R",
        D(10),
        D("500.00"),
    )
    reverse = book.state.obligations["T4R"]
    assert (reverse.side, reverse.settl_date) == (SELL, date(2024, 6, 6))
    assert book.send(bust(booked)) == ()
    book.send(confirm("T4R", "10", "500.00"))
    assert book.state.cash("USD").settled == D("100000.00")
    assert book.lots() == {}


def test_a_bust_of_a_half_settled_trade_undoes_each_half_where_it_is_booked() -> None:
    book = rich()
    booked = book.send(fill("T4", "10", "50.00"))
    book.send(confirm("T4", "4", "200.00"))
    event = book.send(bust(booked))
    assert (event.open_qty, event.reverse_qty) == (D(6), D(4))
    assert (event.open_amount, event.reverse_amount) == (D("300.00"), D("200.00"))
    assert set(book.state.obligations) == {"T4R"}


def test_a_purchase_is_busted_although_its_lot_was_sold() -> None:
    book = rich()
    booked = book.send(fill("T1", "100", "49.90"))
    book.send(fill("T2", "40", "60.00", SELL, order="O2"))
    book.send(bust(booked))
    assert book.lots() == {"T2": (D(-40), D("-2397.60"))}  # sold short: the cost is the proceeds
    cover = book.send(fill("T5", "40", "55.00", order="O5"))
    assert cover.lots[0].lot_id == "T2"
    assert set(book.lots()) == set()


def test_a_busted_sale_into_debit_is_flagged() -> None:
    book = Book(OPENED, deposited("1001.00"))
    book.send(fill("T1", "10", "100.00"))
    sale = book.send(fill("T2", "10", "120.00", SELL, order="O2"))
    book.send(fill("T3", "10", "110.00", order="O3"))
    assert book.send(bust(sale)).in_debit


def test_reverse_ids_stay_within_sixty_four_characters() -> None:
    assert reverse_id("T4") == "T4R"
    assert len(reverse_id("x" * 64)) <= 64
    assert reverse_id("x" * 64) != reverse_id("x" * 63 + "y")


# choice of lots


def two_lots() -> Book:
    book = rich()
    book.send(fill("T1", "10", "10.00"))
    book.send(fill("T2", "10", "20.00", order="O2", trade_date=NEXT))
    book.send(fill("T3", "5", "30.00", SELL, order="O3"))
    return book


def select(**lots: str) -> SelectLots:
    return SelectLots(account_id=A1, trade_id="T3", lots={k: D(v) for k, v in lots.items()})


def test_the_client_chooses_the_lots_of_a_sale() -> None:
    book = two_lots()
    event = book.send(select(T2="4", T1="1"))
    assert (event.order_id, event.isin) == ("O3", X)
    assert book.lots() == {"T1": (D(9), D("90.90")), "T2": (D(6), D("120.60"))}
    picks = book.state.obligations["T3"].lots
    assert {m.lot_id: m.qty for m in picks} == {"T1": D(-1), "T2": D(-4)}
    assert sum(m.proceeds for m in picks) == D("149.00")
    assert sum(m.gain for m in event.lots) == sum(m.gain for m in picks) - D("98.50")
    assert book.send(select(T1="1", T2="4")) == ()


def test_a_choice_that_does_not_fit_is_refused_with_what_is_there() -> None:
    book = two_lots()
    result = book.send(select(T2="4"))
    assert result.refusal is R.LOTS_DO_NOT_MATCH
    assert result.state == {"qty": "5", "T1": "10", "T2": "10"}
    assert book.send(select(T2="NaN")).refusal is R.QTY_INEXACT
    assert book.send(select(T2="6", T1="-1")).refusal is R.QTY_NOT_POSITIVE


def test_lots_are_chosen_until_settlement_date() -> None:
    book = two_lots()
    assert book.send(select(T2="5"), at(date(2024, 6, 5))).refusal is R.TRADE_SETTLED
    book.send(confirm("T3", "5", "150.00"))
    assert book.send(select(T2="5")).refusal is R.TRADE_UNKNOWN
    purchase = SelectLots(account_id=A1, trade_id="T1", lots={"T1": D(10)})
    assert book.send(purchase).refusal is R.TRADE_UNKNOWN


def test_a_bust_restores_the_lots_as_they_were_chosen_last() -> None:
    book = rich()
    book.send(fill("T1", "10", "10.00"))
    book.send(fill("T2", "10", "20.00", order="O2", trade_date=NEXT))
    before = book.lots()
    sale = book.send(fill("T3", "5", "30.00", SELL, order="O3"))
    book.send(select(T2="5"))
    book.send(bust(sale))
    assert book.lots() == before


# transfers


def send_cash(amount: str = "100.00", to: str = "A2") -> TransferCash:
    return TransferCash(
        transfer_id="X1", account_id=A1, to_account_id=to, currency="USD", amount=D(amount)
    )


def send_shares(qty: str = "26") -> TransferSecurities:
    return TransferSecurities(
        transfer_id="X2", account_id=A1, to_account_id="A2", instrument_id="I1", isin=X, qty=D(qty)
    )


def holder() -> Book:
    book = rich()
    book.send(fill("T1", "126", "21.20"))
    book.send(confirm("T1", "126", "2671.20"))
    return book


def test_cash_leaves_and_arrives_and_the_transfer_ends() -> None:
    book = rich()
    event = book.send(send_cash())
    assert book.state.cash("USD").traded == D("99900.00")
    assert book.send(send_cash()).refusal is R.TRANSFER_EXISTS
    other = Book(opened(account_id="A2"))
    arrived = other.send(
        ReceiveCash(
            account_id="A2",
            transfer_id="X1",
            from_account_id=A1,
            currency=event.currency,
            amount=event.amount,
        )
    )
    assert arrived.amount == D("100.00")
    done = CompleteTransfer(account_id=A1, transfer_id="X1")
    assert book.send(done).transfer_id == "X1"
    assert book.send(done) == ()
    assert book.state.transfers == {}


def test_a_refused_transfer_is_undone() -> None:
    book = holder()
    before = book.state
    book.send(send_cash())
    book.send(send_shares())
    for transfer in ("X1", "X2"):
        book.send(UndoTransfer(account_id=A1, transfer_id=transfer, reason="closed"))
    assert book.state == before
    again = book.send(UndoTransfer(account_id=A1, transfer_id="X1", reason="closed"))
    assert again.refusal is R.TRANSFER_UNKNOWN


def test_shares_move_with_lot_cost_and_dates() -> None:
    book = holder()
    event = book.send(send_shares())
    assert (event.currency, event.base_currency) == ("USD", "USD")
    assert [(m.lot_id, m.qty, m.gain) for m in event.lots] == [("T1", D(-26), 0)]
    taken = -event.lots[0].cost
    other = Book(opened(account_id="A2"))
    arrived = other.send(receive(event))
    assert [(m.lot_id, m.qty, m.cost) for m in arrived.lots] == [("T1", D(26), taken)]
    assert arrived.lots[0].acquired_on == DAY
    assert other.lots() == {"T1": (D(26), taken)}
    assert book.lots()["T1"][1] + taken == D("2673.87")


def receive(event: SecuritiesTransferredOut) -> ReceiveSecurities:
    return ReceiveSecurities(
        account_id="A2",
        transfer_id=event.transfer_id,
        from_account_id=A1,
        instrument_id=event.instrument_id,
        isin=event.isin,
        currency=event.currency,
        lots=event.lots,
        base_currency=event.base_currency,
    )


def test_at_average_cost_only_the_shares_arrive() -> None:
    book = rich(lot_method="AVERAGE")
    for n, px in enumerate(("10.00", "30.00")):
        book.send(fill(f"T{n}", "10", px, order=f"O{n}"))
        book.send(confirm(f"T{n}", "10", f"{D(px) * 10}"))
    event = book.send(send_shares("10"))
    other = Book(opened(account_id="A2"))
    other.send(receive(event))
    assert other.lots() == {"T0": (D(10), D("201.00"))}
    assert book.lots() == {"T1": (D(10), D("201.00"))}


def test_another_base_currency_computes_base_cost_again() -> None:
    event = holder().send(send_shares())
    other = Book(opened(account_id="A2", base_currency="EUR"))
    arrived = other.send(receive(event))
    assert arrived.lots[0].cost_base == (arrived.lots[0].cost / D("1.1")).quantize(D("0.01"))


def test_only_settled_cash_and_shares_leave() -> None:
    book = rich()
    book.send(fill("T1", "126", "21.20"))
    result = book.send(send_shares())
    assert result.refusal is R.INSUFFICIENT_SHARES
    assert result.state == {"isin": X, "required": "26", "available": "0"}
    assert book.send(send_cash("99000.00")).refusal is R.INSUFFICIENT_FUNDS


def test_held_shares_do_not_leave() -> None:
    book = holder()
    book.send(reserve("O2", "101", "0", SELL))
    assert book.send(send_shares()).state["available"] == "25"


@pytest.mark.parametrize(
    ("to", "status", "refusal"),
    [
        (A1, "open", R.SAME_ACCOUNT),
        ("A2", "", R.ACCOUNT_UNKNOWN),
        ("A2", "closed", R.ACCOUNT_NOT_OPEN),
        ("A2", "blocked", R.ACCOUNT_NOT_OPEN),
    ],
)
def test_a_transfer_needs_another_open_account(to: str, status: str, refusal: R) -> None:
    seen = at(**{"account-A2": State(account_id="A2", status=status)})
    assert rich().send(send_cash(to=to), seen).refusal is refusal


def test_a_closed_account_receives_no_transfer() -> None:
    closed = AccountRestricted(account_id="A2", status="closed")
    other = Book(opened(account_id="A2"), closed)
    cash = ReceiveCash(
        account_id="A2", transfer_id="X1", from_account_id=A1, currency="USD", amount=D(1)
    )
    assert other.send(cash).refusal is R.ACCOUNT_NOT_OPEN
    lots = (LotMove(lot_id="L", qty=D(1), cost=D(1), cost_base=D(1), acquired_on=DAY),)
    shares = ReceiveSecurities(
        account_id="A2",
        transfer_id="X2",
        from_account_id=A1,
        instrument_id="I1",
        isin=X,
        currency="USD",
        lots=lots,
    )
    assert other.send(shares).refusal is R.ACCOUNT_NOT_OPEN
    assert Book(opened(account_id="A2")).send(replace(shares, lots=())).refusal is (
        R.QTY_NOT_POSITIVE
    )
