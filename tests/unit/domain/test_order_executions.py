"""Executions: fills, busts and corrections, in any order and with repeats."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from msgspec.structs import replace

from domain import order
from domain.order import commands as c
from domain.order import events as e
from domain.order.refusals import OrderRefusal as R
from domain.order.state import Order
from domain.order.status import ord_status
from domain.shared.fix import ExecType, OrdStatus, Side
from domain.shared.ids import child_id
from domain.shared.message import Event
from tests.unit.domain.orders import ISIN, NOW, TODAY, desk, listed, place
from tests.unit.domain.scenario import given

D = Decimal
SETTLED = date(2020, 3, 4)
placed = given(order).when(place(), seen=desk()).decision[0]
working = (
    placed,
    e.OrderReleased(order_id="O1", cl_ord_id="O1.c1"),
    e.OrderAccepted(order_id="O1", venue_order_id="V1"),
)
canceled = e.OrderCanceled(order_id="O1", account_id="A1")


def fill(qty: str = "40", exec_id: str = "X1", px: str = "49.90", **more: Any) -> c.RecordFill:
    result: dict[str, Any] = {
        "order_id": "O1",
        "venue_order_id": "V1",
        "exec_id": exec_id,
        "last_qty": D(qty),
        "last_px": D(px),
        "transact_time": NOW,
        "trade_date": TODAY,
        "settl_date": SETTLED,
    }
    return c.RecordFill(**(result | more))


def bust(ref: str = "X1", exec_id: str = "H1", **more: Any) -> c.RecordTradeCancel:
    result: dict[str, Any] = {
        "order_id": "O1",
        "venue_order_id": "V1",
        "exec_id": exec_id,
        "exec_ref_id": ref,
        "trade_date": TODAY,
        "settl_date": SETTLED,
        "reason": "erroneous",
    }
    return c.RecordTradeCancel(**(result | more))


def correct(
    ref: str = "X1", exec_id: str = "G1", qty: str = "30", px: str = "49.00", minute: int = 1
) -> c.RecordTradeCorrect:
    return c.RecordTradeCorrect(
        order_id="O1",
        venue_order_id="V1",
        exec_id=exec_id,
        exec_ref_id=ref,
        last_qty=D(qty),
        last_px=D(px),
        transact_time=NOW + timedelta(minutes=minute),
        trade_date=TODAY,
        settl_date=SETTLED,
    )


def filled(qty: str = "40", number: int = 1, **changes: Any) -> e.OrderFilled:
    event = e.OrderFilled(
        order_id="O1",
        account_id="A1",
        instrument_id="AAPL",
        isin=ISIN,
        side=Side.BUY,
        exec_id=f"X{number}",
        trade_id=f"O1.t{number}",
        venue_order_id="V1",
        last_qty=D(qty),
        last_px=D("49.9"),
        currency="USD",
        gross=D(qty) * D("49.90"),
        transact_time=NOW,
        trade_date=TODAY,
        settl_date=SETTLED,
        country="US",
    )
    return replace(event, **changes)


def undone(by: str = "H1", kind: ExecType = ExecType.TRADE_CANCEL) -> e.TradeCanceled:
    return e.TradeCanceled(
        order_id="O1",
        account_id="A1",
        exec_id=by,
        exec_type=kind,
        exec_ref_id="X1",
        venue_order_id="V1",
        trade_date=TODAY,
        trade_id="O1.t1",
        last_qty=D(40),
        last_px=D("49.9"),
        settl_date=SETTLED,
        reason="erroneous" if kind is ExecType.TRADE_CANCEL else "",
    )


corrected = filled("30", 2, exec_id="G1", exec_ref_id="X1", last_px=D(49), gross=D("1470.00"))
corrected = replace(corrected, transact_time=NOW + timedelta(minutes=1))


def after(*commands: Any, start: tuple[Event, ...] = working) -> Order:
    """The order after these commands; none of them may be refused."""
    events = list(start)
    for command in commands:
        step = given(order, *events).when(command, seen=desk())
        step.after()
        events += step.decision
    state = given(order, *events).state
    assert isinstance(state, Order)
    return state


def figures(state: Order) -> tuple[Any, ...]:
    return (state.cum_qty, state.leaves_qty, state.avg_px, ord_status(state))


class TestFills:
    def test_a_fill_is_recorded_with_its_money(self) -> None:
        state = given(order, *working).when(fill()).then(filled())
        assert figures(state) == (40, 60, D("49.9"), OrdStatus.PARTIALLY_FILLED)

    def test_the_venues_report_is_kept(self) -> None:
        report = fill(last_mkt="XNAS", last_capacity="1", last_liquidity="2", contra="MM1")
        (event,) = given(order, *working).when(report).decision
        assert (event.last_mkt, event.last_capacity) == ("XNAS", "1")
        assert (event.last_liquidity, event.contra) == ("2", "MM1")

    def test_the_same_execution_counts_once(self) -> None:
        given(order, *working, filled()).when(fill()).then()

    def test_an_exec_id_is_unique_within_a_day_and_an_order_only(self) -> None:
        day = timedelta(days=1)
        tomorrow = fill(trade_date=TODAY + day, settl_date=SETTLED + day)
        assert after(fill(), tomorrow, fill(venue_order_id="V2", qty="10")).cum_qty == 90

    def test_ids_that_hold_separators_are_kept_apart(self) -> None:
        one, other = (
            fill(exec_id="1:V", venue_order_id="V"),
            fill(exec_id="1", venue_order_id="V:V"),
        )
        assert after(one, other).cum_qty == 80

    def test_the_average_price_has_more_than_six_decimals(self) -> None:
        state = after(fill("1", "X1", "1"), fill("2", "X2", "2"))
        assert state.avg_px == D("1.6666666667")

    def test_a_fill_beyond_the_order_is_flagged_not_dropped(self) -> None:
        state = (
            given(order, *working, filled("80"))
            .when(fill("40", "X2"))
            .then(filled("40", 2, excess_qty=D(20)))
        )
        assert figures(state)[:2] == (120, 0)
        given(order, *working, filled("120")).when(fill("40", "X2")).then(
            filled("40", 2, excess_qty=D(40))
        )

    def test_a_fill_after_the_end_is_flagged_late_and_counts(self) -> None:
        state = given(order, *working, canceled).when(fill()).then(filled(late=True))
        assert figures(state)[:2] == (40, 0)
        assert ord_status(state) is OrdStatus.CANCELED

    def test_every_end_makes_a_fill_late(self) -> None:
        done = e.OrderDoneForDay(order_id="O1", at=NOW)
        expired = e.OrderExpired(order_id="O1", account_id="A1")
        for end in (expired, done):  # a day order
            (event,) = given(order, *working, end).when(fill()).decision
            assert event.late

    def test_a_fill_may_come_before_the_acknowledgement(self) -> None:
        state = given(order, *working[:2]).when(fill()).then(filled())
        assert (state.venue_order_id, state.accepted) == ("V1", False)

    def test_a_good_till_cancel_order_is_on_again_with_the_next_days_first_fill(self) -> None:
        gtc = replace(placed, time_in_force="GTC")
        done = e.OrderDoneForDay(order_id="O1", at=NOW)
        start = (gtc, *working[1:], done)
        assert ord_status(after(fill(), start=start)) is OrdStatus.DONE_FOR_DAY
        next_day = fill(transact_time=NOW + timedelta(hours=18))
        assert ord_status(after(next_day, start=start)) is OrdStatus.PARTIALLY_FILLED

    def test_money_is_rounded_once_in_the_settlement_currency(self) -> None:
        pence = replace(listed, currency="GBX", settlement_currency="GBP", price_factor=D("0.01"))
        (event,) = given(order).when(place(), seen=desk(listing=(pence,))).decision
        (fill_,) = given(order, event, *working[1:]).when(fill("3", px="101.5")).decision
        assert (fill_.gross, fill_.currency) == (D("3.04"), "GBP")  # 3.045, half to even

    def test_times_are_kept_in_utc(self) -> None:
        tokyo = datetime.fromisoformat("2020-03-03T00:00:00.123456+09:00")
        (event,) = given(order, *working).when(fill(transact_time=tokyo)).decision
        assert event.transact_time == tokyo and event.transact_time.tzinfo is UTC
        (event,) = given(order, *working).when(fill(transact_time=datetime(2020, 3, 2))).decision
        assert event.transact_time == datetime(2020, 3, 2, tzinfo=UTC)

    @pytest.mark.parametrize("qty", ["0", "-1", "NaN", "Infinity", "0.000000001", "1E+15"])
    def test_a_quantity_that_cannot_be_held_goes_to_suspense(self, qty: str) -> None:
        given(order, *working).when(fill(qty)).refused(R.REPORT_INVALID, last_qty=D(qty))
        given(order, *working).when(correct(qty=qty)).refused(R.REPORT_INVALID)

    @pytest.mark.parametrize("px", ["-0.01", "NaN", "Infinity", "0.00000000001", "1E+15"])
    def test_a_price_that_cannot_be_held_goes_to_suspense(self, px: str) -> None:
        given(order, *working).when(fill(px=px)).refused(R.REPORT_INVALID, last_px=D(px))

    def test_the_same_execution_with_other_figures_is_flagged_once(self) -> None:
        other = given(order, *working, filled()).when(fill("41"))
        (event,) = other.decision
        assert (event.exec_type, event.last_qty) == (ExecType.TRADE, 41)
        assert other.after().cum_qty == 40
        given(order, *working, filled(), event).when(fill("41")).then()


class TestBusts:
    def test_a_busted_execution_counts_zero(self) -> None:
        state = given(order, *working, filled()).when(bust()).then(undone())
        assert figures(state) == (0, 100, 0, OrdStatus.NEW)

    def test_filled_may_go_back(self) -> None:
        assert figures(after(fill("100")))[3] is OrdStatus.FILLED
        assert figures(after(fill("100"), bust())) == (0, 100, 0, OrdStatus.NEW)

    def test_reported_twice_it_undoes_once(self) -> None:
        given(order, *working, filled(), undone()).when(bust()).then()
        given(order, *working, filled(), undone()).when(bust(exec_id="H2")).then()

    def test_the_busted_execution_reported_again_stays_busted(self) -> None:
        given(order, *working, filled(), undone()).when(fill()).then()

    def test_before_its_execution_it_is_parked_and_applied_when_that_comes(self) -> None:
        parked = e.ReportParked(
            order_id="O1",
            exec_id="H1",
            exec_ref_id="X1",
            exec_type=ExecType.TRADE_CANCEL,
            venue_order_id="V1",
            trade_date=TODAY,
            settl_date=SETTLED,
            reason="erroneous",
        )
        given(order, *working).when(bust()).then(parked)
        given(order, *working, parked).when(bust()).then()
        state = given(order, *working, parked).when(fill()).then(filled(), undone())
        assert (figures(state)[0], state.parked) == (0, ())

    def test_with_a_correction_parked_too_nothing_is_booked_twice(self) -> None:
        events = list(working)
        for report in (correct(), bust()):
            events += given(order, *events).when(report).decision
        step = given(order, *events).when(fill())
        kinds = [type(event) for event in step.decision]
        assert kinds == [e.OrderFilled, e.TradeCanceled, e.ReportParked]
        assert (step.after().cum_qty, step.after().parked) == (0, ())

    def test_it_waits_for_its_own_day(self) -> None:
        state = after(bust(trade_date=TODAY - timedelta(days=1)), fill())
        assert (state.cum_qty, len(state.parked)) == (40, 1)


class TestCorrections:
    def test_a_correction_undoes_the_old_trade_and_books_a_new_one(self) -> None:
        state = (
            given(order, *working, filled())
            .when(correct())
            .then(undone("G1", ExecType.TRADE_CORRECT), corrected)
        )
        assert figures(state) == (30, 70, 49, OrdStatus.PARTIALLY_FILLED)

    def test_reported_twice_it_corrects_once(self) -> None:
        events = (*working, filled(), undone("G1", ExecType.TRADE_CORRECT), corrected)
        given(order, *events).when(correct()).then()

    def test_the_later_of_two_counts_whichever_comes_first(self) -> None:
        older, newer = correct(minute=1), correct(exec_id="G2", qty="20", minute=2)
        assert after(fill(), older, newer).cum_qty == 20
        assert after(fill(), newer, older).cum_qty == 20

    def test_a_correction_of_the_correction_counts_whatever_its_time(self) -> None:
        second = correct("G1", "G2", "20", minute=-5)
        assert after(fill(), correct(), second).cum_qty == 20

    def test_a_superseded_correction_may_still_be_corrected(self) -> None:
        old, new = correct(minute=1), correct(exec_id="G2", qty="20", minute=2)
        third = correct("G1", "G3", "10", minute=3)
        for result in permutations((old, new, third)):
            assert after(fill(), *result).cum_qty == 10

    def test_a_bust_of_any_link_undoes_the_chain(self) -> None:
        for ref in ("X1", "G1"):
            assert after(fill(), correct(), bust(ref)).cum_qty == 0

    def test_a_bust_outranks_a_correction_that_comes_later(self) -> None:
        state = after(fill(), bust(), correct())
        assert (state.cum_qty, state.parked) == (0, ())

    def test_a_late_fills_correction_is_late_and_an_early_ones_is_not(self) -> None:
        assert after(fill(), correct(), start=(*working, canceled)).fills[0].late
        events = (*working, filled(), canceled)
        (_, event) = given(order, *events).when(correct()).decision
        assert event.late is False

    def test_a_correction_that_names_itself_is_flagged_not_applied(self) -> None:
        itself = correct("X1", "X1")
        for result in permutations((fill(), itself)):
            state = after(*result)
            assert (state.cum_qty, state.parked) == (40, ())

    def test_the_excess_of_a_correction_leaves_out_what_it_replaces(self) -> None:
        (_, event) = given(order, *working, filled("80")).when(correct(qty="110")).decision
        assert event.excess_qty == 10

    def test_in_every_order_the_figures_are_the_same(self) -> None:
        result = (fill(), correct(), correct("G1", "G2", "20", "48"), fill("5", "X2"), bust("X2"))
        seen = {figures(after(*sequence)) for sequence in permutations(result)}
        assert seen == {(20, 80, 48, OrdStatus.PARTIALLY_FILLED)}


@pytest.mark.parametrize("report", [fill(), bust(), correct()], ids=lambda r: type(r).__name__)
def test_an_execution_of_an_unknown_order_goes_to_suspense(report: Any) -> None:
    given(order).when(report).refused(R.ORDER_UNKNOWN, order_id="O1")


def test_minted_ids_are_bounded_and_apart() -> None:
    long, longer = "a" * 64, "a" * 63 + "b"
    ids = {
        child_id(o, f".{k}{n}")
        for o in (long, longer, "O1", "O1.c1")
        for k in "ct"
        for n in (1, 10**6)
    }
    assert len(ids) == 16
    assert max(len(i) for i in ids) <= 64
    assert child_id("O1", ".t7") == "O1.t7"
