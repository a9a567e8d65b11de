"""The order state machine against FIX 4.4's published order state change matrices."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import reduce
from typing import Any

import pytest
from msgspec.structs import replace

from domain import order
from domain.order import commands as c
from domain.order.commands import VenueStatus
from domain.order.refusals import OrderRefusal
from domain.order.status import PRECEDENCE, ord_status
from domain.shared.fix import CxlRejResponseTo, TimeInForce
from domain.shared.message import Command, Event, Refused, Seen
from tests.conformance.fix_matrix import Scenario
from tests.conformance.fix_orders import SCENARIOS
from tests.unit.domain import orders

CANCEL, REPLACE = CxlRejResponseTo.CANCEL, CxlRejResponseTo.REPLACE


class Venue:
    """Turns the steps of a matrix into our commands, one minute apart."""

    def __init__(self, scenario: Scenario) -> None:
        self.state, self.history = order.INITIAL, list[Event]()
        self.seen, self.tif = orders.desk(), TimeInForce(scenario.time_in_force)

    def run(self, action: str) -> str:
        """Run the step; returns the refusal, or ""."""
        self.seen = replace(self.seen, now=self.seen.now + timedelta(minutes=1))
        self.seen = replace(self.seen, effective_at=self.seen.now)
        for command in self._commands(*action.split()):
            decision = order.decide(command, self.state, self.seen)
            if isinstance(decision, Refused):
                return str(decision.refusal)
            self.history += decision
            self.state = reduce(order.evolve, decision, self.state)
        return ""

    def _commands(self, verb: str, *args: str) -> tuple[Command, ...]:
        return SAYS[verb](self, *args) if verb in SAYS else (self._status(verb),)

    def _order(self, qty: str) -> tuple[Command, ...]:
        far = orders.NOW + timedelta(days=30)
        expiry = {"expire_at": far} if self.tif is TimeInForce.GTD else {}
        placed = orders.place(qty=Decimal(qty), time_in_force=self.tif, **expiry)
        return (placed, c.ReleaseOrder(order_id="O1"))

    def _replace(self, *args: str) -> tuple[Command, ...]:
        terms = {"limit_px": Decimal(args[1])} if args[0] == "@" else {"qty": Decimal(args[0])}
        return (c.ReplaceOrder(order_id="O1", **terms), c.ReleaseOrder(order_id="O1"))

    def _rejected(self) -> Command:
        pending = self.state.pending(CANCEL) or self.state.pending(REPLACE)
        return c.RecordCancelReject(order_id="O1", cl_ord_id=pending)

    def _replaced(self) -> Command:
        return c.RecordReplaced(order_id="O1", cl_ord_id=self.state.pending(REPLACE))

    def _trade(self, qty: str, _: str, px: str, exec_id: str) -> Command:
        return self._execution(c.RecordFill, qty, px, exec_id=exec_id)

    def _correct(self, ref: str, _: str, qty: str, *args: str) -> Command:
        _, px, exec_id = args
        ids = {"exec_id": exec_id, "exec_ref_id": ref}
        return self._execution(c.RecordTradeCorrect, qty, px, **ids)

    def _status(self, status: str, qty: str = "") -> Command:
        new_qty = Decimal(qty) if qty else None
        return c.RecordStatus(order_id="O1", status=VenueStatus(status), qty=new_qty)

    def _execution(self, kind: Any, qty: str, px: str, **ids: str) -> Command:
        report: Command = kind(
            order_id="O1",
            venue_order_id="V1",
            last_qty=Decimal(qty),
            last_px=Decimal(px),
            transact_time=self.seen.now,
            trade_date=orders.TODAY,
            settl_date=orders.TODAY + timedelta(days=2),
            **ids,
        )
        return report

    def _bust(self, ref: str) -> Command:
        return c.RecordTradeCancel(
            order_id="O1",
            venue_order_id="V1",
            exec_id=f"H{ref}",
            exec_ref_id=ref,
            trade_date=orders.TODAY,
            settl_date=orders.TODAY + timedelta(days=2),
        )


SAYS: dict[str, Callable[..., tuple[Command, ...]]] = {
    "order": Venue._order,
    "new": lambda _: (c.RecordAck(order_id="O1", venue_order_id="V1"),),
    "reject": lambda _: (c.RecordReject(order_id="O1"),),
    "cancel": lambda _: (c.CancelOrder(order_id="O1", reason="client"),),
    "replace": Venue._replace,
    "pending": lambda _: (),
    "canceled": lambda _: (c.RecordCanceled(order_id="O1"),),
    "expired": lambda _: (c.RecordExpired(order_id="O1"),),
    "replaced": lambda venue: (venue._replaced(),),
    "cancel-reject": lambda venue: (venue._rejected(),),
    "trade": lambda venue, *args: (venue._trade(*args),),
    "correct": lambda venue, *args: (venue._correct(*args),),
    "bust": lambda venue, ref: (venue._bust(ref),),
    "done": lambda venue: (venue._status("done_for_day"),),
    "restated": lambda venue, qty="": (venue._status("restated", qty),),
}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.ref)
def test_every_step_of_the_matrix_shows_its_row(scenario: Scenario) -> None:
    venue = Venue(scenario)
    for number, step in enumerate(scenario.steps, 1):
        refusal = venue.run(step.action)
        at, state = f"{scenario.ref} step {number}: {step.action}", venue.state
        assert refusal == step.refusal, at
        shown = (ord_status(state), state.qty, state.cum_qty, state.leaves_qty)
        assert shown == (step.shown, step.qty, step.cum_qty, step.leaves_qty), at
        assert step.avg_px in (None, state.avg_px), at


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.ref)
def test_the_history_alone_gives_the_same_order(scenario: Scenario) -> None:
    venue = Venue(scenario)
    for step in scenario.steps:
        venue.run(step.action)
    assert reduce(order.evolve, venue.history, order.INITIAL) == venue.state


def test_a_cancel_of_an_unknown_order_is_refused_as_unknown() -> None:
    """B.1.f: the reject tells OrdStatus Rejected and OrderID NONE."""
    command = c.CancelOrder(order_id="O9", reason="client")
    decision = order.decide(command, order.INITIAL, Seen())
    assert isinstance(decision, Refused)
    assert decision.refusal is OrderRefusal.ORDER_UNKNOWN


def test_precedence_is_the_published_table() -> None:
    ranks = [rank for rank, _, _ in PRECEDENCE]
    assert ranks == sorted(ranks, reverse=True)
    assert {str(status): rank for rank, status, _ in PRECEDENCE} == {
        "PENDING_CANCEL": 12,
        "PENDING_REPLACE": 11,
        "DONE_FOR_DAY": 10,
        "CALCULATED": 9,
        "FILLED": 8,
        "STOPPED": 7,
        "SUSPENDED": 6,
        "CANCELED": 5,
        "EXPIRED": 5,
        "PARTIALLY_FILLED": 4,
        "REJECTED": 2,
        "NEW": 2,
        "PENDING_NEW": 2,
    }
