"""An order under a venue that reports in any order, twice, late, too much and with corrections."""

from datetime import timedelta
from decimal import Decimal
from functools import reduce
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from domain import order
from domain.order import commands as c
from domain.order import events as e
from domain.order.state import Order
from domain.order.status import ord_status
from domain.shared.fix import CxlRejResponseTo, OrdRejReason, OrdStatus, OrdType, Side, TimeInForce
from domain.shared.message import Command, Event, Refused
from tests.unit.domain.orders import NOW, TODAY, desk, owning, place

D = Decimal
CANCEL, REPLACE = CxlRejResponseTo.CANCEL, CxlRejResponseTo.REPLACE
SEEN = desk(account=owning(1_000))
OUT = {OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED}

qtys = st.integers(1, 120).map(D)
pxs = st.sampled_from([D("49.90"), D(50), D("50.10")])
exec_ids = st.sampled_from("ABCD")  # few ids: duplicates and conflicts are certain
report_ids = st.sampled_from("PQRS")
refs = st.sampled_from("ABCDPQRS")
minutes = st.integers(0, 5)


def execution(kind: Any, qty: D, px: D, *, minute: int = 0, **ids: str) -> Any:
    return kind(
        order_id="O1",
        venue_order_id="V1",
        last_qty=qty,
        last_px=px,
        transact_time=NOW + timedelta(minutes=minute),
        trade_date=TODAY,
        settl_date=TODAY,
        **ids,
    )


def busting(ref: str, exec_id: str) -> c.RecordTradeCancel:
    return c.RecordTradeCancel(
        order_id="O1",
        venue_order_id="V1",
        exec_id=exec_id,
        exec_ref_id=ref,
        trade_date=TODAY,
        settl_date=TODAY,
    )


class UnreliableVenue(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.order, self.history = order.INITIAL, list[Event]()

    def send(self, command: Command) -> None:
        decision = order.decide(command, self.order, SEEN)
        if isinstance(decision, Refused):
            intents = c.CancelOrder | c.ReplaceOrder
            assert isinstance(command, intents), f"a report was refused: {decision}"
            return
        self.history += decision
        self.order = reduce(order.evolve, decision, self.order)
        if not isinstance(command, c.ReleaseOrder | c.CancelOrder):  # these may act once more
            again = order.decide(command, self.order, SEEN)
            assert isinstance(again, Refused) or again == (), "told twice, it acted twice"

    @initialize(side=st.sampled_from([Side.BUY, Side.SELL]), tif=st.sampled_from(["DAY", "GTC"]))
    def place(self, side: Side, tif: str) -> None:
        command = place(side=side, time_in_force=TimeInForce(tif))
        decision = order.decide(command, self.order, SEEN)
        assert not isinstance(decision, Refused)
        self.history += decision
        self.order = reduce(order.evolve, decision, self.order)

    @rule()
    def release(self) -> None:
        self.send(c.ReleaseOrder(order_id="O1"))

    @rule()
    def acknowledge(self) -> None:
        self.send(c.RecordAck(order_id="O1", venue_order_id="V1"))

    @rule(qty=qtys, px=pxs, exec_id=exec_ids)
    def fill(self, qty: D, px: D, exec_id: str) -> None:
        self.send(execution(c.RecordFill, qty, px, exec_id=exec_id))

    @rule(ref=refs, exec_id=report_ids)
    def bust(self, ref: str, exec_id: str) -> None:
        self.send(busting(ref, exec_id))

    @rule(ref=refs, exec_id=report_ids, qty=qtys, px=pxs, minute=minutes)
    def correct(self, ref: str, exec_id: str, *, qty: D, px: D, minute: int) -> None:
        ids = {"exec_id": exec_id, "exec_ref_id": ref}
        self.send(execution(c.RecordTradeCorrect, qty, px, minute=minute, **ids))

    @rule()
    def ask_to_cancel(self) -> None:
        self.send(c.CancelOrder(order_id="O1", reason="client"))

    @rule(qty=qtys)
    def ask_to_replace(self, qty: D) -> None:
        self.send(c.ReplaceOrder(order_id="O1", qty=qty))

    @rule()
    def no_funds_to_replace(self) -> None:
        self.send(c.RefuseReplace(order_id="O1"))

    @rule(number=st.integers(1, 4))
    def confirm_replace(self, number: int) -> None:
        self.send(c.RecordReplaced(order_id="O1", cl_ord_id=f"O1.c{number}"))

    @rule(number=st.integers(1, 4), kind=st.sampled_from(CxlRejResponseTo))
    def reject_request(self, number: int, kind: CxlRejResponseTo) -> None:
        cl_ord_id = f"O1.c{number}"
        self.send(c.RecordCancelReject(order_id="O1", cl_ord_id=cl_ord_id, response_to=kind))

    @rule(end=st.sampled_from([c.RecordCanceled, c.RecordExpired, c.RecordReject]))
    def end(self, end: Any) -> None:
        self.send(end(order_id="O1"))

    @rule()
    def reject_for_lack_of_funds(self) -> None:
        reason = OrdRejReason.EXCEEDS_LIMIT
        self.send(c.RejectOrder(order_id="O1", ord_rej_reason=reason))

    @rule(status=st.sampled_from(c.VenueStatus), qty=st.none() | qtys)
    def tell_a_state(self, status: c.VenueStatus, qty: D | None) -> None:
        self.send(c.RecordStatus(order_id="O1", status=status, qty=qty))

    @invariant()
    def replay_is_the_truth(self) -> None:
        assert reduce(order.evolve, self.history, order.INITIAL) == self.order

    @invariant()
    def no_execution_counts_twice(self) -> None:
        """Booked trades less undone ones are the trades that count; each trade id occurs once."""
        filled = {f.trade_id: f for f in self.history if isinstance(f, e.OrderFilled)}
        undone = [t.trade_id for t in self.history if isinstance(t, e.TradeCanceled)]
        assert len(filled) == sum(isinstance(f, e.OrderFilled) for f in self.history)
        assert len(undone) == len(set(undone)) and set(undone) <= set(filled)
        standing = [f for trade_id, f in filled.items() if trade_id not in undone]
        assert self.order.cum_qty == sum(f.last_qty for f in standing)
        assert {f.trade_id for f in self.order.fills} == {f.trade_id for f in standing}
        assert len({f.root for f in self.order.fills}) == len(standing)

    @invariant()
    def an_open_order_balances(self) -> None:
        state = self.order
        if state.over or state.filled:
            assert state.leaves_qty == 0
        else:
            assert state.cum_qty + state.leaves_qty == state.qty

    @invariant()
    def status_and_quantities_agree(self) -> None:
        if not self.order.exists:
            return
        status, state = ord_status(self.order), self.order
        assert status not in OUT or state.ended
        assert status is not OrdStatus.FILLED or state.cum_qty >= state.qty
        assert status is not OrdStatus.NEW or (state.cum_qty == 0 and state.leaves_qty > 0)

    @invariant()
    def what_waits_waits_for_something(self) -> None:
        assert not any(p.ref in self.order.executions for p in self.order.parked)

    @invariant()
    def excess_is_told_when_it_happens(self) -> None:
        for event in self.history:
            if isinstance(event, e.OrderFilled):
                assert 0 <= event.excess_qty <= event.last_qty


UnreliableVenue.TestCase.settings = settings(max_examples=100, stateful_step_count=30)
TestUnreliableVenue = UnreliableVenue.TestCase


@st.composite
def chains(draw: st.DrawFn) -> list[Command]:
    """The reports of a day: executions, their corrections one after the other, some busts."""
    result: list[Command] = []
    for name in draw(st.lists(exec_ids, min_size=1, max_size=3, unique=True)):
        result.append(execution(c.RecordFill, draw(qtys), draw(pxs), exec_id=name))
        links = [name]
        for number in range(draw(st.integers(0, 3))):
            ids = {"exec_id": f"{name}{number}", "exec_ref_id": draw(st.sampled_from(links))}
            kind = c.RecordTradeCorrect
            result.append(execution(kind, draw(qtys), draw(pxs), minute=number + 1, **ids))
            links.append(ids["exec_id"])
        if draw(st.booleans()):
            result.append(busting(draw(st.sampled_from(links)), f"H{name}"))
    return result


@settings(max_examples=100)
@given(chains(), st.data())
def test_the_figures_do_not_depend_on_the_order_of_reports(
    told: list[Command], data: st.DataObject
) -> None:
    """In any order, with repeats: the same executions count in the end as in the original order."""
    repeated = data.draw(st.lists(st.sampled_from(told), max_size=3))
    shuffled = data.draw(st.permutations([*told, *repeated]))
    in_order, out_of_order = _after(told), _after(shuffled)
    assert _counted(out_of_order) == _counted(in_order)
    assert out_of_order.parked == () == in_order.parked
    assert (out_of_order.leaves_qty, out_of_order.avg_px) == (in_order.leaves_qty, in_order.avg_px)
    assert ord_status(out_of_order) == ord_status(in_order)


any_decimal = st.sampled_from(
    [D(x) for x in ("0", "-0", "1", "-1", "1E+30", "1E-30", "NaN", "-Infinity", "Infinity", "0.5")]
)


@settings(max_examples=100)
@given(any_decimal, any_decimal, st.sampled_from(Side))
def test_no_numbers_make_a_decision_fail(qty: D, px: D, side: Side) -> None:
    placed = _after([])
    for command in (
        c.ReplaceOrder(order_id="O1", qty=qty, limit_px=px),
        c.RecordReplaced(order_id="O1", cl_ord_id="?", qty=qty, limit_px=px),
        c.RecordStatus(order_id="O1", status=c.VenueStatus.RESTATED, qty=qty),
        execution(c.RecordFill, qty, px, exec_id="A"),
        execution(c.RecordTradeCorrect, qty, px, exec_id="B", exec_ref_id="A"),
    ):
        order.decide(command, placed, SEEN)
    for ord_type in OrdType:
        command = place(side=side, qty=qty, ord_type=ord_type, limit_px=px, stop_px=px)
        order.decide(command, order.INITIAL, SEEN)


def _after(commands: list[Command]) -> Order:
    state = order.INITIAL
    ack = c.RecordAck(order_id="O1", venue_order_id="V1")
    for command in (place(), c.ReleaseOrder(order_id="O1"), ack, *commands):
        decision = order.decide(command, state, SEEN)
        assert not isinstance(decision, Refused)
        state = reduce(order.evolve, decision, state)
    return state


def _counted(state: Order) -> set[tuple[str, D, D]]:
    return {(f.exec_id, f.last_qty, f.last_px) for f in state.fills}
