"""Releasing, cancelling and replacing an order, sentence by sentence."""

from decimal import Decimal
from functools import reduce
from typing import Any

import pytest

from domain import order
from domain.order import commands as c
from domain.order import events as e
from domain.order.refusals import OrderRefusal as R
from domain.order.status import ord_status
from domain.shared.fix import CxlRejResponseTo, OrdRejReason, OrdStatus, OrdType, Side
from domain.shared.message import Event
from tests.unit.domain.orders import NOW, TODAY, desk, owning, place
from tests.unit.domain.scenario import given

D = Decimal
CANCEL, REPLACE = CxlRejResponseTo.CANCEL, CxlRejResponseTo.REPLACE


def decided(command: Any, **seen: Any) -> Event:
    (event,) = given(order).when(command, seen=desk(**seen)).decision
    return event


placed = decided(place())
released = e.OrderReleased(order_id="O1", cl_ord_id="O1.c1")
accepted = e.OrderAccepted(order_id="O1", venue_order_id="V1")
working = (placed, released, accepted)
canceled = e.OrderCanceled(order_id="O1", account_id="A1", reason="client", client_id="C1")
canceled_there = e.OrderCanceled(order_id="O1", account_id="A1", text="halted", client_id="C1")
expired = e.OrderExpired(order_id="O1", account_id="A1")
cancel = c.CancelOrder(order_id="O1", reason="client")
cancel_requested = e.CancelRequested(
    order_id="O1", cl_ord_id="O1.c2", orig_cl_ord_id="O1.c1", reason="client", client_id="C1"
)
replace_requested = e.ReplaceRequested(
    order_id="O1",
    account_id="A1",
    cl_ord_id="O1.c2",
    orig_cl_ord_id="O1.c1",
    qty=D(120),
    limit_px=D("50.5"),
    hold_px=D("50.5"),
    hold_amount=D("6066.06"),
)
replace_released = e.ReplaceReleased(order_id="O1", cl_ord_id="O1.c2")
replaced = e.OrderReplaced(
    order_id="O1",
    account_id="A1",
    cl_ord_id="O1.c2",
    qty=D(120),
    limit_px=D("50.5"),
    hold_px=D("50.5"),
    hold_amount=D("6066.06"),
)


def filled(qty: int, number: int = 1) -> e.OrderFilled:
    return e.OrderFilled(
        order_id="O1",
        account_id="A1",
        instrument_id="AAPL",
        isin="US0378331005",
        side=Side.BUY,
        exec_id=f"X{number}",
        trade_id=f"O1.t{number}",
        venue_order_id="V1",
        last_qty=D(qty),
        last_px=D(50),
        currency="USD",
        gross=D(qty * 50),
        transact_time=NOW,
        trade_date=TODAY,
        settl_date=TODAY,
    )


def to(**terms: Decimal) -> c.ReplaceOrder:
    return c.ReplaceOrder(order_id="O1", **terms)


def status(*events: Event) -> OrdStatus:
    return ord_status(reduce(order.evolve, events, order.INITIAL))


class TestRelease:
    command = c.ReleaseOrder(order_id="O1")

    def test_a_reserved_order_leaves_under_a_minted_id(self) -> None:
        given(order, placed).when(self.command).then(released)

    def test_it_leaves_once(self) -> None:
        given(order, placed, released).when(self.command).then()

    def test_a_pending_replace_leaves_next_and_once(self) -> None:
        given(order, *working, replace_requested).when(self.command).then(replace_released)
        given(order, *working, replace_requested, replace_released).when(self.command).then()

    def test_what_was_canceled_meanwhile_does_not_leave(self) -> None:
        given(order, placed, canceled).when(self.command).then()

    def test_a_replace_of_an_order_that_expired_meanwhile_does_not_leave(self) -> None:
        given(order, *working, replace_requested, expired).when(self.command).then()


class TestReject:
    command = c.RejectOrder(
        order_id="O1", ord_rej_reason=OrdRejReason.EXCEEDS_LIMIT, text="insufficient_funds"
    )
    rejected = e.OrderRejected(
        order_id="O1",
        account_id="A1",
        ord_rej_reason=OrdRejReason.EXCEEDS_LIMIT,
        text="insufficient_funds",
    )

    def test_an_order_without_funds_is_rejected_before_it_leaves(self) -> None:
        state = given(order, placed).when(self.command).then(self.rejected)
        assert (ord_status(state), state.leaves_qty) == (OrdStatus.REJECTED, 0)

    def test_an_order_that_has_left_is_not_ours_to_reject(self) -> None:
        given(order, placed, released).when(self.command).then()

    def test_the_venue_rejects_once(self) -> None:
        report = c.RecordReject(order_id="O1", reason="unknown symbol")
        event = e.OrderRejected(
            order_id="O1",
            account_id="A1",
            ord_rej_reason=OrdRejReason.OTHER,
            text="unknown symbol",
        )
        given(order, placed, released).when(report).then(event)
        given(order, placed, released, event).when(report).then()


class TestAck:
    def test_the_venues_order_id_is_kept(self) -> None:
        report = c.RecordAck(order_id="O1", venue_order_id="V1")
        state = given(order, placed, released).when(report).then(accepted)
        assert state.venue_order_id == "V1"

    def test_reported_twice_it_changes_nothing(self) -> None:
        given(order, *working).when(c.RecordAck(order_id="O1", venue_order_id="V1")).then()


class TestCancel:
    def test_before_release_it_cancels_at_once(self) -> None:
        given(order, placed).when(cancel).then(canceled)

    def test_afterwards_the_venue_is_asked(self) -> None:
        state = given(order, *working).when(cancel).then(cancel_requested)
        assert ord_status(state) is OrdStatus.PENDING_CANCEL
        assert state.leaves_qty == 100

    def test_one_request_at_a_time(self) -> None:
        given(order, *working, cancel_requested).when(cancel).refused(
            R.CANCEL_PENDING, cl_ord_id="O1.c2"
        )

    @pytest.mark.parametrize("end", [canceled, expired, filled(100)])
    def test_an_order_with_nothing_left_is_not_open(self, end: Event) -> None:
        given(order, *working, end).when(cancel).refused(R.ORDER_NOT_OPEN)

    def test_an_unknown_order_is_refused(self) -> None:
        given(order).when(cancel).refused(R.ORDER_UNKNOWN, order_id="O1")

    def test_it_refers_to_a_replace_that_has_left(self) -> None:
        given(order, *working, replace_requested, replace_released).when(cancel).then(
            e.CancelRequested(
                order_id="O1",
                cl_ord_id="O1.c3",
                orig_cl_ord_id="O1.c2",
                reason="client",
                client_id="C1",
            )
        )

    def test_but_not_to_one_that_still_waits_for_funds(self) -> None:
        given(order, *working, replace_requested).when(cancel).then(
            e.CancelRequested(
                order_id="O1",
                cl_ord_id="O1.c3",
                orig_cl_ord_id="O1.c1",
                reason="client",
                client_id="C1",
            )
        )

    def test_a_venue_may_cancel_unasked_and_twice(self) -> None:
        report = c.RecordCanceled(order_id="O1", reason="halted")
        given(order, *working).when(report).then(canceled_there)
        given(order, *working, canceled_there).when(report).then()

    def test_a_cancel_ends_a_pending_replace_too(self) -> None:
        events = (*working, replace_requested, replace_released, canceled)
        assert status(*events) is OrdStatus.CANCELED

    def test_a_refusal_after_the_cancel_changes_nothing(self) -> None:
        report = c.RecordCancelReject(order_id="O1", cl_ord_id="O1.c2", reason="unknown order")
        given(order, *working, cancel_requested, canceled).when(report).then()

    def test_a_filled_order_that_asks_for_more_can_still_be_canceled(self) -> None:
        before = (*working, filled(100), replace_requested, replace_released)
        given(order, *before).when(cancel).then(
            e.CancelRequested(
                order_id="O1",
                cl_ord_id="O1.c3",
                orig_cl_ord_id="O1.c2",
                reason="client",
                client_id="C1",
            )
        )

    def test_a_refused_cancel_leaves_the_order_as_it_was(self) -> None:
        report = c.RecordCancelReject(order_id="O1", cl_ord_id="O1.c2", reason="too late")
        event = e.CancelRejected(
            order_id="O1", cl_ord_id="O1.c2", response_to=CANCEL, reason="too late"
        )
        state = given(order, *working, cancel_requested).when(report).then(event)
        assert ord_status(state) is OrdStatus.NEW
        given(order, *working, cancel_requested, event).when(report).then()

    def test_a_refusal_of_a_request_that_we_do_not_know_is_recorded_once(self) -> None:
        report = c.RecordCancelReject(order_id="O1", cl_ord_id="?", response_to=REPLACE)
        event = e.CancelRejected(order_id="O1", cl_ord_id="?", response_to=REPLACE)
        given(order, *working).when(report).then(event)
        given(order, *working, event).when(report).then()


class TestReplace:
    asked = to(qty=D(120), limit_px=D("50.50"))

    def test_new_terms_are_asked_for_and_the_old_ones_stay(self) -> None:
        state = given(order, *working).when(self.asked, seen=desk()).then(replace_requested)
        assert ord_status(state) is OrdStatus.PENDING_REPLACE
        assert (state.qty, state.limit_px, state.leaves_qty) == (100, 50, 100)

    def test_the_venue_confirms_and_they_are_in_force(self) -> None:
        report = c.RecordReplaced(order_id="O1", cl_ord_id="O1.c2")
        before = (*working, replace_requested, replace_released)
        state = given(order, *before).when(report).then(replaced)
        assert (state.qty, state.limit_px, state.cl_ord_id) == (120, D("50.5"), "O1.c2")
        assert ord_status(state) is OrdStatus.NEW
        given(order, *before, replaced).when(report).then()

    def test_without_funds_it_never_leaves(self) -> None:
        command = c.RefuseReplace(order_id="O1", text="insufficient_funds")
        event = e.CancelRejected(
            order_id="O1", cl_ord_id="O1.c2", response_to=REPLACE, reason="insufficient_funds"
        )
        state = given(order, *working, replace_requested).when(command).then(event)
        assert ord_status(state) is OrdStatus.NEW
        before = (*working, replace_requested, replace_released)
        given(order, *before).when(command).then()  # too late: the venue has it

    def test_the_venues_terms_outrank_ours(self) -> None:
        report = c.RecordReplaced(
            order_id="O1", cl_ord_id="O1.c2", qty=D(110), limit_px=D(51), venue_order_id="V2"
        )
        state = given(order, *working, replace_requested).when(report).after()
        assert (state.qty, state.limit_px, state.venue_order_id) == (110, 51, "V2")

    def test_quantity_never_falls_below_what_is_filled(self) -> None:
        smaller = given(order, *working).when(to(qty=D(60)), seen=desk()).decision
        report = c.RecordReplaced(order_id="O1", cl_ord_id="O1.c2")
        state = given(order, *working, *smaller, filled(80)).when(report).after()
        assert (state.qty, ord_status(state)) == (80, OrdStatus.FILLED)

    def test_an_unsolicited_replacement_is_recorded(self) -> None:
        report = c.RecordReplaced(order_id="O1", cl_ord_id="desk-1", qty=D(90))
        state = given(order, *working).when(report).after()
        assert (state.qty, state.limit_px, state.hold_amount) == (90, 50, D("4504.50"))

    def test_a_confirmation_after_a_rejection_counts(self) -> None:
        no = e.CancelRejected(order_id="O1", cl_ord_id="O1.c2", response_to=REPLACE)
        report = c.RecordReplaced(order_id="O1", cl_ord_id="O1.c2")
        given(order, *working, replace_requested, replace_released, no).when(report).then(replaced)

    @pytest.mark.parametrize(
        ("terms", "refusal"),
        [
            ({"qty": D(100)}, R.NOTHING_CHANGES),
            ({}, R.NOTHING_CHANGES),
            ({"limit_px": D("50.00"), "qty": D("100.0")}, R.NOTHING_CHANGES),
            ({"qty": D(0)}, R.QTY_NOT_POSITIVE),
            ({"qty": D("NaN")}, R.QTY_NOT_POSITIVE),
            ({"qty": D("100.5")}, R.QTY_INCREMENT),
            ({"qty": D(39)}, R.QTY_BELOW_FILLED),
            ({"limit_px": D(-1)}, R.PX_NOT_POSITIVE),
            ({"limit_px": D("50.001")}, R.TICK_SIZE),
        ],
    )
    def test_terms_that_do_not_fit_are_refused(self, terms: dict[str, Decimal], refusal: R) -> None:
        given(order, *working, filled(40)).when(to(**terms), seen=desk()).refused(refusal)

    def test_a_market_order_has_no_limit_to_replace(self) -> None:
        market = decided(place(ord_type=OrdType.MARKET, limit_px=None))
        given(order, market, released).when(to(limit_px=D(51)), seen=desk()).refused(
            R.LIMIT_PX_NOT_ALLOWED
        )
        (bigger,) = given(order, market, released).when(to(qty=D(200)), seen=desk()).decision
        assert (bigger.hold_px, bigger.limit_px) == (D("52.5"), None)

    def test_one_replace_at_a_time_and_none_under_a_cancel(self) -> None:
        given(order, *working, replace_requested).when(self.asked).refused(R.REPLACE_PENDING)
        given(order, *working, cancel_requested).when(self.asked).refused(R.CANCEL_PENDING)

    @pytest.mark.parametrize("end", [canceled, expired])
    def test_an_order_that_is_over_is_not_open(self, end: Event) -> None:
        given(order, *working, end).when(self.asked).refused(R.ORDER_NOT_OPEN)

    def test_a_filled_order_takes_more_quantity_and_nothing_else(self) -> None:
        full = (*working, filled(100))
        assert given(order, *full).when(to(qty=D(120)), seen=desk()).after().pending(REPLACE)
        given(order, *full).when(to(limit_px=D(51))).refused(R.ORDER_NOT_OPEN)

    def test_a_sale_holds_no_cash_for_its_replacement(self) -> None:
        sale = decided(place(side=Side.SELL), account=owning(200))
        (event,) = given(order, sale, released).when(to(qty=D(150)), seen=desk()).decision
        assert event.hold_amount == 0

    def test_an_unknown_order_is_refused(self) -> None:
        given(order).when(self.asked).refused(R.ORDER_UNKNOWN)


class TestStates:
    def test_the_venue_expires_an_order_once(self) -> None:
        report = c.RecordExpired(order_id="O1")
        given(order, *working).when(report).then(expired)
        given(order, *working, expired).when(report).then()

    def test_a_day_order_that_is_done_for_the_day_expires(self) -> None:
        report = c.RecordStatus(order_id="O1", status=c.VenueStatus.DONE_FOR_DAY)
        done = e.OrderDoneForDay(order_id="O1", at=NOW)
        state = given(order, *working).when(report, seen=desk()).then(done, expired)
        assert (ord_status(state), state.leaves_qty) == (OrdStatus.DONE_FOR_DAY, 0)
        given(order, *working, done, expired).when(report, seen=desk()).then()

    def test_a_filled_day_order_has_nothing_left_to_expire(self) -> None:
        report = c.RecordStatus(order_id="O1", status=c.VenueStatus.DONE_FOR_DAY)
        done = e.OrderDoneForDay(order_id="O1", at=NOW)
        given(order, *working, filled(100)).when(report, seen=desk()).then(done)

    @pytest.mark.parametrize("state", ["stopped", "suspended", "calculated"])
    def test_a_state_is_recorded_once(self, state: str) -> None:
        report = c.RecordStatus(order_id="O1", status=c.VenueStatus(state))
        first = given(order, *working).when(report)
        assert str(ord_status(first.after())) == state.upper()
        given(order, *working, *first.decision).when(report).then()

    def test_a_restatement_without_news_changes_nothing(self) -> None:
        for qty in (None, D(100)):
            report = c.RecordStatus(order_id="O1", status=c.VenueStatus.RESTATED, qty=qty)
            given(order, *working).when(report).then()

    def test_a_restated_quantity_never_falls_below_what_is_filled(self) -> None:
        report = c.RecordStatus(order_id="O1", status=c.VenueStatus.RESTATED, qty=D(50))
        state = given(order, *working, filled(80)).when(report).after()
        assert (state.qty, state.leaves_qty) == (80, 0)

    def test_a_restated_quantity_must_be_one(self) -> None:
        report = c.RecordStatus(order_id="O1", status=c.VenueStatus.RESTATED, qty=D("NaN"))
        given(order, *working).when(report).refused(R.REPORT_INVALID)


@pytest.mark.parametrize(
    "report",
    [
        c.ReleaseOrder(order_id="O1"),
        c.RecordAck(order_id="O1", venue_order_id="V1"),
        c.RecordReject(order_id="O1"),
        c.RecordCanceled(order_id="O1"),
        c.RecordCancelReject(order_id="O1", cl_ord_id="O1.c1"),
        c.RecordReplaced(order_id="O1", cl_ord_id="O1.c1"),
        c.RecordExpired(order_id="O1"),
        c.RecordStatus(order_id="O1", status=c.VenueStatus.STOPPED),
    ],
    ids=lambda report: type(report).__name__,
)
def test_a_report_about_an_unknown_order_goes_to_suspense(report: Any) -> None:
    given(order).when(report).refused(R.ORDER_UNKNOWN, order_id="O1")
    assert order.reads(report) == ()


def test_the_home_of_an_order_is_its_account() -> None:
    assert order.home(given(order, placed).state, "order-O1") == "A1"
    assert order.home(order.INITIAL, "order-O1") == "order-O1"
