"""The order saga: it reserves, releases the order, books, busts, and releases the hold."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from domain.account.busts import Booked, BustTrade, Reopened, Sibling, TradeBusted
from domain.account.holds import Counted, FundsReserved, HoldReleased, ReleaseHold, ReserveForOrder
from domain.account.rematching import LotsRematched
from domain.account.selection import LotsSelected
from domain.account.trades import BookTrade, TradeBooked
from domain.order.commands import RefuseReplace, RejectOrder, ReleaseOrder
from domain.order.events import (
    CancelRejected,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderPlaced,
    OrderRejected,
    OrderReleased,
    OrderReplaced,
    OrderRestated,
    ReplaceReleased,
    ReplaceRequested,
    TradeCanceled,
)
from domain.rules.charges import Charge
from domain.rules.lots import LotMove
from domain.shared.fix import CxlRejResponseTo, ExecType, OrdRejReason, OrdType, Side
from sagas import order
from tests.unit.sagas.scenario import NOON, following

ISIN = "US0378331005"
TODAY, SETTLES = date(2024, 3, 4), date(2024, 3, 6)
RELEASE = (ReleaseOrder(order_id="O1"),)
GIVE_BACK = ReleaseHold(account_id="A1", order_id="O1")

placed = OrderPlaced(
    order_id="O1",
    account_id="A1",
    client_id="C1",
    instrument_id="AAPL",
    isin=ISIN,
    mic="XNAS",
    side=Side.BUY,
    qty=Decimal(100),
    ord_type=OrdType.LIMIT,
    limit_px=Decimal("50.00"),
    currency="USD",
    settl_currency="USD",
    hold_px=Decimal("50.00"),
    hold_amount=Decimal("5005.00"),
    received_at=NOON,
)
sale = replace(placed, side=Side.SELL, hold_amount=Decimal(0))
released = OrderReleased(order_id="O1", cl_ord_id="O1.c1")
accepted = OrderAccepted(order_id="O1", venue_order_id="V1")
canceled = OrderCanceled(order_id="O1", account_id="A1")
expired = OrderExpired(order_id="O1", account_id="A1")
rejected = OrderRejected(order_id="O1", account_id="A1", ord_rej_reason=OrdRejReason.OTHER)


def reserve(**changes: Any) -> ReserveForOrder:
    terms: dict[str, Any] = {
        "account_id": "A1",
        "order_id": "O1",
        "side": Side.BUY,
        "isin": ISIN,
        "currency": "USD",
        "qty": Decimal(100),
        "amount": Decimal("5005.00"),
    }
    return ReserveForOrder(**(terms | changes))


def reserved(amount: str, qty: int = 100) -> FundsReserved:
    return FundsReserved(
        account_id="A1",
        order_id="O1",
        unit="USD",
        amount=Decimal(amount),
        added=Decimal(amount),
        qty=Decimal(qty),
    )


def freed(amount: str) -> HoldReleased:
    return HoldReleased(account_id="A1", order_id="O1", unit="USD", amount=Decimal(amount))


def filled(n: int, qty: int) -> OrderFilled:
    return OrderFilled(
        order_id="O1",
        account_id="A1",
        instrument_id="AAPL",
        isin=ISIN,
        side=Side.BUY,
        exec_id=f"E{n}",
        trade_id=f"O1.t{n}",
        venue_order_id="V1",
        last_qty=Decimal(qty),
        last_px=Decimal("49.90"),
        currency="USD",
        gross=Decimal("49.90") * qty,
        transact_time=NOON,
        trade_date=TODAY,
        settl_date=SETTLES,
    )


def lot(qty: int, cost: str, lot_id: str = "L1") -> LotMove:
    return LotMove(
        lot_id=lot_id,
        qty=Decimal(qty),
        cost=Decimal(cost),
        cost_base=Decimal(cost),
        acquired_on=TODAY,
    )


def booked(n: int, qty: int, freed: str = "0") -> TradeBooked:
    return TradeBooked(
        account_id="A1",
        trade_id=f"O1.t{n}",
        order_id="O1",
        exec_id=f"E{n}",
        instrument_id="AAPL",
        isin=ISIN,
        side=Side.BUY,
        qty=Decimal(qty),
        price=Decimal("49.90"),
        currency="USD",
        gross=Decimal("49.90") * qty,
        charges=(Charge(kind="commission", amount=Decimal("5.00")),),
        lots=(lot(qty, "1000.00"),),
        trade_date=TODAY,
        settl_date=SETTLES,
        hold_unit="USD",
        hold_released=Decimal(freed),
    )


def busted_report(n: int, qty: int) -> TradeCanceled:
    return TradeCanceled(
        order_id="O1",
        account_id="A1",
        exec_id=f"E{n}H",
        exec_type=ExecType.TRADE_CANCEL,
        exec_ref_id=f"E{n}",
        venue_order_id="V1",
        trade_date=TODAY,
        trade_id=f"O1.t{n}",
        last_qty=Decimal(qty),
        last_px=Decimal("49.90"),
        settl_date=date(2024, 3, 7),
        reason="erroneous",
    )


def busted(n: int, qty: int) -> TradeBusted:
    was = booked(n, qty)
    return TradeBusted(
        account_id="A1",
        trade_id=was.trade_id,
        order_id="O1",
        exec_id=was.exec_id,
        isin=ISIN,
        side=Side.BUY,
        qty=was.qty,
        currency="USD",
        gross=was.gross,
        lots=(),
        open_qty=was.qty,
        open_amount=was.gross,
        trade_date=TODAY,
    )


def at_venue(qty: int = 100, amount: str = "5005.00") -> Reopened:
    """The terms of an order that may still be executed."""
    return Reopened(
        side=Side.BUY, isin=ISIN, currency="USD", qty=Decimal(qty), amount=Decimal(amount)
    )


def counted(qty: int) -> Counted:
    """The sums of one booked trade of `qty`."""
    return Counted(qty=Decimal(qty), gross=Decimal("49.90") * qty, charged=Decimal("5.00"))


def bust(n: int, qty: int, lots: tuple[LotMove, ...] | None = None, **more: Any) -> BustTrade:
    """A bust for an order at the venue; `more` changes fields."""
    was = booked(n, qty)
    return BustTrade(
        account_id="A1",
        trade_id=was.trade_id,
        order_id="O1",
        booked=Booked(
            exec_id=was.exec_id,
            isin=ISIN,
            side=Side.BUY,
            qty=was.qty,
            currency="USD",
            gross=was.gross,
            charges=was.charges,
            lots=was.lots if lots is None else lots,
            trade_date=TODAY,
        ),
        settl_date=date(2024, 3, 7),
        reason="erroneous",
        **{"reopened": at_venue()} | more,
    )


def asked(
    qty: int = 100, px: str = "50.00", amount: str = "5005.00", n: int = 2
) -> ReplaceRequested:
    return ReplaceRequested(
        order_id="O1",
        account_id="A1",
        cl_ord_id=f"O1.c{n}",
        orig_cl_ord_id="O1.c1",
        qty=Decimal(qty),
        limit_px=Decimal(px),
        hold_px=Decimal(px),
        hold_amount=Decimal(amount),
    )


def replaced(qty: int, amount: str, px: str = "50.00") -> OrderReplaced:
    return OrderReplaced(
        order_id="O1",
        account_id="A1",
        cl_ord_id="O1.c2",
        qty=Decimal(qty),
        limit_px=Decimal(px),
        hold_px=Decimal(px),
        hold_amount=Decimal(amount),
    )


replace_rejected = CancelRejected(
    order_id="O1", cl_ord_id="O1.c2", response_to=CxlRejResponseTo.REPLACE
)
working = (placed, reserved("5005.00"), released, accepted)


def test_a_placed_order_asks_the_account_to_hold() -> None:
    following(order, placed).sends(reserve())


def test_a_sale_holds_shares_and_no_cash() -> None:
    following(order, sale).sends(reserve(side=Side.SELL, amount=Decimal(0)))


def test_the_hold_lets_the_order_leave() -> None:
    following(order, placed, reserved("5005.00")).sends(*RELEASE)


def test_without_funds_the_order_is_rejected_for_exceeding_its_limit() -> None:
    story = following(order, placed).refused("ReserveForOrder", "insufficient_funds")
    story.sends(
        RejectOrder(
            order_id="O1",
            ord_rej_reason=OrdRejReason.EXCEEDS_LIMIT,
            text="insufficient_funds",
        )
    )
    story.then(rejected).sends().has_ended()


def test_an_account_that_is_not_open_rejects_for_another_reason() -> None:
    story = following(order, placed).refused("ReserveForOrder", "account_not_open")
    story.sends(
        RejectOrder(order_id="O1", ord_rej_reason=OrdRejReason.OTHER, text="account_not_open")
    )


def test_an_order_cancelled_before_its_hold_came_frees_it_and_never_leaves() -> None:
    following(order, placed, canceled).sends().then(reserved("5005.00")).sends(GIVE_BACK)


def test_an_order_cancelled_before_its_hold_was_refused_needs_nothing() -> None:
    story = following(order, placed, canceled).refused("ReserveForOrder", "insufficient_funds")
    story.sends().has_ended()


def test_a_fill_is_booked_with_the_order_s_facts() -> None:
    following(order, *working, filled(1, 40)).sends(
        BookTrade(
            account_id="A1",
            trade_id="O1.t1",
            order_id="O1",
            exec_id="E1",
            instrument_id="AAPL",
            isin=ISIN,
            side=Side.BUY,
            qty=Decimal(40),
            price=Decimal("49.90"),
            currency="USD",
            gross=Decimal("1996.00"),
            trade_date=TODAY,
            settl_date=SETTLES,
        )
    )


def test_a_booking_carries_the_market_that_the_order_was_placed_on() -> None:
    german = replace(placed, market_country="DE")
    story = following(order, german, *working[1:], filled(1, 40))
    (booking,) = story.sent
    assert isinstance(booking, BookTrade)
    assert (booking.market_country, booking.country) == ("DE", "US")


def test_a_fill_after_the_end_is_booked_all_the_same() -> None:
    story = following(order, *working, expired, freed("5005.00"), filled(1, 40))
    assert [type(c) for c in story.sent] == [BookTrade]


def test_the_rest_of_the_hold_goes_back_when_the_order_ends() -> None:
    story = following(order, *working, filled(1, 40), booked(1, 40, freed="2002.00"))
    story.sends().then(expired).sends(GIVE_BACK).has_ended(False)
    story.then(freed("3003.00")).sends().has_ended()


def test_the_hold_stays_until_the_last_fill_is_booked() -> None:
    story = following(order, *working, filled(1, 40), canceled).sends()
    story.then(booked(1, 40, freed="2002.00")).sends(GIVE_BACK)


def test_a_filled_order_whose_hold_is_used_up_has_ended_without_a_release() -> None:
    story = following(order, *working, filled(1, 100), booked(1, 100, freed="5005.00"))
    story.sends().has_ended()


def test_a_filled_order_gives_back_what_is_left_of_its_hold() -> None:
    story = following(order, *working, filled(1, 100), booked(1, 100, freed="5000.00"))
    story.sends(GIVE_BACK)


def test_a_bust_undoes_what_was_booked() -> None:
    story = following(order, *working, filled(1, 40), booked(1, 40), busted_report(1, 40))
    story.sends(bust(1, 40)).then(busted(1, 40)).sends()


def test_a_bust_that_overtakes_its_booking_waits_for_it() -> None:
    story = following(order, *working, filled(1, 40), busted_report(1, 40)).sends()
    story.then(booked(1, 40)).sends(bust(1, 40))


def test_a_bust_long_after_the_end_still_finds_the_facts() -> None:
    story = following(order, *working, filled(1, 100), booked(1, 100, freed="5005.00"))
    story.has_ended().then(busted_report(1, 100))
    story.sends(bust(1, 100, before=counted(100))).has_ended(False)
    story.then(busted(1, 100), expired).sends().has_ended()


def test_a_bust_tells_what_the_order_has_open_at_the_venue_and_nothing_once_it_ended() -> None:
    done = (*working, filled(1, 100), booked(1, 100, freed="5005.00"))
    following(order, *done, busted_report(1, 100)).sends(bust(1, 100, before=counted(100)))
    for end in (canceled, expired):
        story = following(order, *done, end, busted_report(1, 100))
        story.sends(bust(1, 100, before=counted(100), reopened=None))


def test_what_a_bust_holds_again_goes_back_when_the_order_ends() -> None:
    again = replace(busted(1, 100), hold_unit="USD", hold_added=Decimal("5005.00"))
    done = (*working, filled(1, 100), booked(1, 100, freed="5005.00"), busted_report(1, 100))
    following(order, *done, again).sends().then(canceled).sends(GIVE_BACK)
    following(order, *done, canceled).sends().then(again).sends(GIVE_BACK)


def test_a_bust_tells_of_the_other_trades_as_they_are_charged_by_now() -> None:
    fee = (Charge(kind="commission", amount=Decimal("1.50")),)
    moves = (lot(-60, "-1000.00"), lot(60, "1000.50"))
    again = LotsRematched(
        account_id="A1",
        trade_id="O1.t2",
        order_id="O1",
        isin=ISIN,
        currency="USD",
        lots=moves,
        restored=1,
        charges=fee,
        because="O9.t1",
    )
    trades = (filled(1, 20), booked(1, 20, "1001.00"), filled(2, 60), booked(2, 60, "3003.00"))
    story = following(order, *working, *trades, again, busted_report(1, 20))
    sibling = Sibling(trade_id="O1.t2", gross=Decimal("2994.00"), charges=fee)
    story.sends(bust(1, 20, siblings=(sibling,)))
    (sent,) = story.then(busted(1, 20), busted_report(2, 60)).sent
    assert (sent.booked.lots, sent.booked.charges) == (moves[1:], fee)


def test_a_bust_undoes_the_lots_that_were_chosen_since() -> None:
    other = LotsSelected(
        account_id="A1",
        trade_id="O1.t1",
        order_id="O1",
        isin=ISIN,
        lots=(lot(-40, "-1000.00"), lot(40, "900.00", "L2")),
    )
    story = following(order, *working, filled(1, 40), booked(1, 40), other, busted_report(1, 40))
    story.sends(bust(1, 40, lots=(lot(40, "900.00", "L2"),)))


def test_a_bust_of_an_unknown_trade_is_left_alone() -> None:
    following(order, *working, busted_report(9, 10)).sends()


def test_a_larger_replace_holds_more_before_it_leaves() -> None:
    story = following(order, *working, asked(qty=120, amount="6006.00"))
    story.sends(reserve(qty=Decimal(120), amount=Decimal("6006.00")))
    story.then(reserved("6006.00", 120)).sends(*RELEASE)
    story.then(ReplaceReleased(order_id="O1", cl_ord_id="O1.c2"), replaced(120, "6006.00"))
    story.sends()


def test_a_replace_that_cannot_be_paid_never_leaves() -> None:
    story = following(order, *working, asked(qty=120, amount="6006.00"))
    story.refused("ReserveForOrder", "insufficient_funds")
    story.sends(RefuseReplace(order_id="O1", text="insufficient_funds"))
    story.then(replace_rejected).sends().has_ended(False)


def test_a_smaller_replace_leaves_at_once_and_frees_the_difference_when_it_is_done() -> None:
    story = following(order, *working, asked(qty=60, amount="3003.00")).sends(*RELEASE)
    story.then(replaced(60, "3003.00")).sends(reserve(qty=Decimal(60), amount=Decimal("3003.00")))


def test_a_replace_the_venue_rejects_gives_back_what_it_held_more() -> None:
    story = following(order, *working, asked(qty=120, amount="6006.00"), reserved("6006.00", 120))
    story.then(replace_rejected).sends(reserve())


def test_only_what_is_booked_and_not_busted_counts_as_done() -> None:
    larger = (asked(qty=120, amount="6006.00"), reserved("6006.00", 120))
    on_its_way = following(order, *working, *larger, filled(1, 40))
    on_its_way.then(replace_rejected).sends(reserve())
    undoing = following(order, *working, *larger, filled(1, 40), booked(1, 40, freed="2002.00"))
    undoing.then(busted_report(1, 40)).sends(bust(1, 40, reopened=at_venue(120, "6006.00")))
    undoing.then(replace_rejected).sends(reserve())
    stands = following(order, *working, *larger, filled(1, 40), booked(1, 40, freed="2002.00"))
    stands.then(replace_rejected).sends(reserve(qty_done=Decimal(40)))


def test_a_rejected_cancel_changes_no_hold() -> None:
    cancel = CancelRejected(order_id="O1", cl_ord_id="O1.c2", response_to=CxlRejResponseTo.CANCEL)
    following(order, *working, cancel).sends()


def test_a_replace_asked_before_the_order_left_waits_until_it_has() -> None:
    story = following(order, placed, asked(qty=120, amount="6006.00")).sends()
    story.then(reserved("5005.00")).sends(*RELEASE)
    story.then(released).sends(reserve(qty=Decimal(120), amount=Decimal("6006.00")))


def test_a_replace_asked_while_a_fill_is_booked_waits_for_the_booking() -> None:
    story = following(order, *working, filled(1, 40), asked(qty=120, amount="6006.00")).sends()
    story.then(booked(1, 40, freed="2002.00"))
    story.sends(reserve(qty=Decimal(120), amount=Decimal("6006.00"), qty_done=Decimal(40)))


def test_the_hold_of_a_filled_order_waits_for_a_pending_replace() -> None:
    larger = (asked(qty=120, amount="6006.00"), reserved("6006.00", 120))
    story = following(order, *working, *larger, filled(1, 100), booked(1, 100, freed="5005.00"))
    story.sends().has_ended(False)
    story.then(replace_rejected).sends(GIVE_BACK)


def test_the_answer_to_an_earlier_hold_does_not_let_a_later_replace_out() -> None:
    story = following(order, *working, asked(qty=60, amount="3003.00"), replaced(60, "3003.00"))
    story.then(asked(qty=200, amount="10010.00", n=3))
    story.sends(reserve(qty=Decimal(200), amount=Decimal("10010.00")))
    story.then(reserved("3003.00", 60)).sends()
    story.then(reserved("10010.00", 200)).sends(*RELEASE)


def test_a_quantity_restated_by_the_venue_moves_the_hold_with_it() -> None:
    restated = OrderRestated(order_id="O1", qty=Decimal(50))
    story = following(order, *working, restated)
    story.sends(reserve(qty=Decimal(50), amount=Decimal("2502.50")))
    story.then(reserved("2502.50", 50), filled(1, 50), booked(1, 50, freed="2502.50"))
    story.has_ended()


def test_a_venue_that_is_silent_for_a_day_becomes_a_case() -> None:
    story = following(order, placed, reserved("5005.00"), released)
    deadline = datetime(2024, 3, 5, 12, tzinfo=UTC) + timedelta(seconds=3)
    story.is_due(deadline, "unanswered").time_passes().sends().is_due(None)


def test_an_answered_order_waits_for_no_deadline() -> None:
    following(order, *working).is_due(None)
    following(order, placed, reserved("1"), released, filled(1, 1)).is_due(None)
    following(order, placed, canceled, released).is_due(None)
