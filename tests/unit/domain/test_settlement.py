"""A settlement instruction is followed until it has settled; confirmations override statuses."""

from datetime import date
from decimal import Decimal
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from domain import settlement
from domain.account.state import Obligation, State
from domain.rules.lots import Lot
from domain.settlement.commands import (
    CancelSettlement,
    InstructSettlement,
    MarkFailing,
    RecordSettlementCancel,
    RecordSettlementConfirmation,
    RecordSettlementStatus,
    ReleaseSettlement,
)
from domain.settlement.events import (
    Advice,
    Partial,
    SettlementCancelDenied,
    SettlementCancelled,
    SettlementCancelRequested,
    SettlementConfirmed,
    SettlementFailing,
    SettlementInstructed,
    SettlementReleased,
    SettlementStatusAdvised,
    StatusKind,
)
from domain.settlement.refusals import SettlementRefusal
from domain.shared.fix import Side
from domain.shared.message import Event, Refused, Seen
from tests.unit.domain.scenario import NOTHING_SEEN, given

DUE = date(2024, 6, 4)
IDS = {"obligation_id": "T2", "account_id": "A1"}
FACTS: dict[str, Any] = {
    **IDS,
    "isin": "US0378331005",
    "side": Side.SELL,
    "qty": Decimal(40),
    "amount": Decimal("2400.00"),
    "currency": "USD",
    "trade_date": date(2024, 6, 3),
    "settl_date": DUE,
    "country": "US",
}
INSTRUCTED = SettlementInstructed(**FACTS)
REQUESTED = SettlementCancelRequested(**IDS, reason="trade_busted")
CANCELLED = SettlementCancelled(**IDS, rest_qty=Decimal(40))
FAILING = SettlementFailing(
    **IDS, reason="LACK", whose="counterparty", rest_qty=Decimal(40), close_of=DUE
)


def advised(kind: str, status: str, reason: str = "") -> SettlementStatusAdvised:
    return SettlementStatusAdvised(
        **IDS, status_kind=StatusKind(kind), status=status, reason=reason
    )


def confirmed(qty: int, rest: int, which: str = "K1", **more: Any) -> SettlementConfirmed:
    return SettlementConfirmed(
        **IDS,
        confirmation_id=which,
        qty=Decimal(qty),
        amount=Decimal(qty * 60).quantize(Decimal("0.01")),
        value_date=DUE,
        rest_qty=Decimal(rest),
        **more,
    )


def confirm(qty: int, which: str = "K1") -> RecordSettlementConfirmation:
    return RecordSettlementConfirmation(
        obligation_id="T2",
        confirmation_id=which,
        qty=Decimal(qty),
        amount=Decimal(qty * 60),
        value_date=DUE,
    )


def fail(**changes: Any) -> MarkFailing:
    return MarkFailing(**{"obligation_id": "T2", "reason": "LACK", "close_of": DUE, **changes})


def test_an_instruction_is_sent_once() -> None:
    scene = given(settlement).when(InstructSettlement(**FACTS))
    assert scene.then(INSTRUCTED).status == "sent"
    given(settlement, INSTRUCTED).when(InstructSettlement(**FACTS)).then()
    assert settlement.home(scene.state, "settlement-T2") == "settlement-T2"
    assert settlement.home(scene.after(), "settlement-T2") == "A1"


@pytest.mark.parametrize(
    "changes",
    [
        {"qty": Decimal(0)},
        {"qty": Decimal("NaN")},
        {"qty": Decimal("1E+400000")},
        {"amount": Decimal("1E+70")},
        {"qty": Decimal("0.000000001")},
        {"amount": Decimal(-1)},
        {"amount": Decimal("1.001")},
        {"currency": "XYZ"},
    ],
)
def test_figures_that_cannot_be_are_not_instructed(changes: dict[str, Any]) -> None:
    given(settlement).when(InstructSettlement(**{**FACTS, **changes})).refused(
        SettlementRefusal.SETTLEMENT_UNUSABLE
    )


def test_the_derived_state_follows_the_statuses_side_by_side() -> None:
    history: list[Event] = [INSTRUCTED]
    for event, status in (
        (advised("processing", "accepted"), "accepted"),
        (advised("matching", "unmatched", "DQUA"), "unmatched"),
        (advised("matching", "matched"), "matched"),
        (advised("settlement", "pending", "FUTU"), "pending"),
        (FAILING, "failing"),
        (confirmed(24, 16, partial=Partial.PAIN), "part_settled"),
        (advised("settlement", "failing", "LACK"), "failing"),
        (confirmed(16, 0, "K2", partial=Partial.PARC), "settled"),
    ):
        history.append(event)
        assert given(settlement, *history).state.status == status
    state = given(settlement, *history).state
    assert state.statuses == {"processing": "accepted", "matching": "matched"}


def test_inferred_matching_counts_where_the_depository_does_not_match() -> None:
    state = given(settlement, INSTRUCTED, advised("inferred_matching", "matched")).state
    assert state.status == "matched"


def test_a_rejected_instruction_has_ended() -> None:
    state = given(settlement, INSTRUCTED, advised("processing", "rejected", "SAFE")).state
    assert (state.status, state.is_open) == ("rejected", False)
    assert state.reasons == {"processing": "SAFE"}


def test_a_status_is_recorded_when_it_is_new() -> None:
    report = RecordSettlementStatus(
        obligation_id="T2", status_kind=StatusKind.SETTLEMENT, status="pending", reason="FUTU"
    )
    pending = advised("settlement", "pending", "FUTU")
    given(settlement, INSTRUCTED).when(report).then(pending)
    given(settlement, INSTRUCTED, pending).when(report).then()


def test_a_status_in_the_custodians_own_words_is_kept() -> None:
    report = RecordSettlementStatus(
        obligation_id="T2", status_kind=StatusKind.PROCESSING, status="XQUE"
    )
    state = given(settlement, INSTRUCTED).when(report).after()
    assert (state.status, state.statuses) == ("sent", {"processing": "XQUE"})


def test_the_whole_settles_at_once() -> None:
    state = given(settlement, INSTRUCTED).when(confirm(40)).then(confirmed(40, 0))
    assert (state.status, state.rest_qty, state.settled_amount) == ("settled", 0, 2400)


def test_it_settles_in_parts_and_the_last_part_says_so() -> None:
    first = confirmed(24, 16, partial=Partial.PAIN)
    last = confirmed(16, 0, "K2", partial=Partial.PARC)
    given(settlement, INSTRUCTED).when(confirm(24)).then(first)
    given(settlement, INSTRUCTED, first).when(confirm(16, "K2")).then(last)


def test_a_confirmation_counts_once() -> None:
    first = confirmed(24, 16, partial=Partial.PAIN)
    given(settlement, INSTRUCTED, first).when(confirm(24)).then()
    settled = (INSTRUCTED, first, confirmed(16, 0, "K2", partial=Partial.PARC))
    given(settlement, *settled).when(confirm(24)).then()
    given(settlement, *settled).when(confirm(16, "K2")).then()


def test_more_than_was_instructed_is_recorded_and_flagged() -> None:
    state = (
        given(settlement, INSTRUCTED)
        .when(confirm(50))
        .then(confirmed(50, 0, excess_qty=Decimal(10)))
    )
    assert (state.status, state.rest_qty) == ("settled", 0)


def test_a_report_about_nothing_of_ours_is_for_the_gateway_to_park() -> None:
    for report in (
        confirm(40),
        fail(),
        RecordSettlementStatus(
            obligation_id="T2", status_kind=StatusKind.MATCHING, status="matched"
        ),
        RecordSettlementCancel(obligation_id="T2", accepted=True),
    ):
        given(settlement).when(report).refused(
            SettlementRefusal.SETTLEMENT_UNKNOWN, obligation_id="T2"
        )


def test_a_confirmation_of_impossible_figures_is_not_booked() -> None:
    for changes in ({"qty": Decimal(0)}, {"amount": Decimal("0.001")}, {"qty": Decimal("NaN")}):
        report = msgspec.structs.replace(confirm(40), **changes)
        given(settlement, INSTRUCTED).when(report).refused(SettlementRefusal.SETTLEMENT_UNUSABLE)


def test_what_is_open_at_the_close_of_its_date_fails_and_ages() -> None:
    given(settlement, INSTRUCTED).when(fail(close_of=date(2024, 6, 3))).then()
    assert given(settlement, INSTRUCTED).when(fail()).then(FAILING).status == "failing"
    given(settlement, INSTRUCTED, FAILING).when(fail(close_of=date(2024, 6, 5))).then()
    another = fail(reason="NCON", whose="ours")
    assert given(settlement, INSTRUCTED, FAILING).when(another).after().whose == "ours"


def test_what_has_ended_does_not_fail() -> None:
    rejected = advised("processing", "rejected")
    for end in (confirmed(40, 0), CANCELLED, rejected):
        given(settlement, INSTRUCTED, end).when(fail()).then()


def test_the_rest_of_a_partial_settlement_fails_again() -> None:
    part = confirmed(24, 16, partial=Partial.PAIN)
    scene = given(settlement, INSTRUCTED, FAILING, part)
    assert scene.state.status == "part_settled"
    (event,) = scene.when(fail()).decision
    assert event.rest_qty == 16


def test_a_cancel_is_asked_once_and_of_both_sides_when_matched() -> None:
    ask = CancelSettlement(obligation_id="T2", reason="trade_busted")
    assert given(settlement, INSTRUCTED).when(ask).then(REQUESTED).status == "cancel_requested"
    given(settlement, INSTRUCTED, REQUESTED).when(ask).then()
    matched = given(settlement, INSTRUCTED, advised("matching", "matched")).when(ask)
    matched.then(SettlementCancelRequested(**IDS, reason="trade_busted", bilateral=True))


def test_a_cancel_is_done_or_denied() -> None:
    done = RecordSettlementCancel(obligation_id="T2", accepted=True)
    denied = RecordSettlementCancel(obligation_id="T2", accepted=False, reason="DSET")
    scene = given(settlement, INSTRUCTED, FAILING, REQUESTED)
    assert scene.when(done).then(CANCELLED).status == "cancelled"
    refusal = SettlementCancelDenied(**IDS, reason="DSET")
    assert scene.when(denied).then(refusal).status == "failing"
    given(settlement, INSTRUCTED).when(denied).then()
    given(settlement, INSTRUCTED, CANCELLED).when(done).then()


def test_settlement_wins_over_a_cancel_asked_or_done() -> None:
    asked = given(settlement, INSTRUCTED, REQUESTED).when(confirm(40))
    assert asked.then(confirmed(40, 0)).status == "settled"
    cancel = RecordSettlementCancel(obligation_id="T2", accepted=True)
    given(settlement, INSTRUCTED, REQUESTED, confirmed(40, 0)).when(cancel).then()
    late = given(settlement, INSTRUCTED, CANCELLED).when(confirm(40))
    assert late.then(confirmed(40, 0, after_cancel=True)).status == "settled"


def test_a_partial_settlement_leaves_the_cancel_of_the_rest_pending() -> None:
    part = confirmed(24, 16, partial=Partial.PAIN)
    state = given(settlement, INSTRUCTED, REQUESTED, part).state
    assert state.status == "cancel_requested"
    done = RecordSettlementCancel(obligation_id="T2", accepted=True)
    (event,) = given(settlement, INSTRUCTED, REQUESTED, part).when(done).decision
    assert event.rest_qty == 16


def test_one_event_a_kind_survives_storage() -> None:
    events = (
        INSTRUCTED,
        SettlementReleased(**IDS),
        advised("matching", "matched"),
        FAILING,
        confirmed(24, 16, partial=Partial.PAIN),
        REQUESTED,
        CANCELLED,
        SettlementCancelDenied(**IDS),
    )
    for event in events:
        assert msgspec.json.decode(msgspec.json.encode(event), type=type(event)) == event
    assert tuple(map(type, events)) == settlement.EVENTS


def test_parts_settle_to_the_same_whole_in_any_order() -> None:
    parts = [confirm(10, "K1"), confirm(25, "K2"), confirm(5, "K3")]
    for order in permutations(parts):
        state = given(settlement, INSTRUCTED).state
        for report in order:
            for event in settlement.decide(report, state, NOTHING_SEEN):
                state = settlement.evolve(state, event)
        assert (state.status, state.settled_qty, state.rest_qty) == ("settled", 40, 0)
        assert state.settled_amount == Decimal(2400)


class TheCustodianSaysAnything(RuleBasedStateMachine):
    """Reports in any order, repeated or late: each confirmation counts once."""

    def __init__(self) -> None:
        super().__init__()
        self.state = settlement.evolve(settlement.INITIAL, INSTRUCTED)
        self.seen: dict[str, int] = {}

    def tell(self, command: Any) -> None:
        decision = settlement.decide(command, self.state, NOTHING_SEEN)
        assert not isinstance(decision, Refused), "a report is never refused"
        for event in decision:
            self.state = settlement.evolve(self.state, event)

    @rule(which=st.integers(1, 4), qty=st.integers(1, 20))
    def confirms(self, which: int, qty: int) -> None:
        qty = self.seen.setdefault(f"K{which}", qty)
        self.tell(confirm(qty, f"K{which}"))

    @rule(kind=st.sampled_from(StatusKind), status=st.sampled_from(Advice))
    def advises(self, kind: StatusKind, status: str) -> None:
        self.tell(RecordSettlementStatus(obligation_id="T2", status_kind=kind, status=status))

    @rule(accepted=st.booleans())
    def answers_a_cancel(self, accepted: bool) -> None:
        self.tell(RecordSettlementCancel(obligation_id="T2", accepted=accepted))

    @rule()
    def is_asked_to_cancel(self) -> None:
        self.tell(CancelSettlement(obligation_id="T2"))

    @rule()
    def fails(self) -> None:
        self.tell(fail())

    @invariant()
    def each_confirmation_counts_once(self) -> None:
        assert self.state.settled_qty == sum(self.seen.values())
        assert self.state.rest_qty == max(40 - self.state.settled_qty, 0)

    @invariant()
    def settled_means_no_rest_and_nothing_else_does(self) -> None:
        assert (self.state.status == "settled") == (self.state.rest_qty == 0)


TestTheCustodianSaysAnything = TheCustodianSaysAnything.TestCase
TestTheCustodianSaysAnything.settings = settings(max_examples=60, stateful_step_count=30)


HELD = SettlementInstructed(**FACTS | {"on_hold": True})
RELEASE = ReleaseSettlement(obligation_id="T2", account_id="A1")


def owning(settled: str, *sales: tuple[str, str]) -> Seen:
    """An account with `settled` shares lying at the custodian, and open sales by obligation."""
    open_sales = {
        key: Obligation(
            isin=FACTS["isin"],
            side=Side.SELL,
            qty=Decimal(qty),
            amount=Decimal(1),
            currency="USD",
            settl_date=None,
        )
        for key, qty in sales
    }
    left = Decimal(settled) - sum(o.qty for o in open_sales.values())
    lot = Lot(
        lot_id="L1", qty=left, cost=Decimal(1), cost_base=Decimal(1), acquired_on=date(2024, 1, 2)
    )
    state = State(status="open", lots={FACTS["isin"]: (lot,)}, obligations=open_sales)
    return Seen(streams={"account-A1": state})


def test_a_held_delivery_goes_when_the_accounts_own_settled_stock_covers_it() -> None:
    covered = given(settlement, HELD).when(RELEASE, seen=owning("40", ("T2", "40")))
    covered.then(SettlementReleased(**IDS))


def test_one_clients_delivery_never_takes_anothers_stock() -> None:
    short = given(settlement, HELD).when(RELEASE, seen=owning("39", ("T2", "40")))
    short.refused(SettlementRefusal.SETTLEMENT_NOT_COVERED, settled="39", needed="40")


def test_an_earlier_sale_is_covered_first() -> None:
    both = owning("60", ("T1", "30"), ("T2", "40"))
    given(settlement, HELD).when(RELEASE, seen=both).refused(
        SettlementRefusal.SETTLEMENT_NOT_COVERED
    )
    both = owning("60", ("T2", "40"), ("T3", "30"))
    given(settlement, HELD).when(RELEASE, seen=both).then(SettlementReleased(**IDS))


def test_a_release_happens_once_and_only_to_what_is_held() -> None:
    covered = owning("40", ("T2", "40"))
    given(settlement, HELD, SettlementReleased(**IDS)).when(RELEASE, seen=covered).then()
    given(settlement, INSTRUCTED).when(RELEASE, seen=covered).then()
    given(settlement, HELD, CANCELLED).when(RELEASE, seen=covered).then()


def test_a_held_delivery_shows_so_whatever_the_custodian_says_of_it() -> None:
    matched = given(settlement, HELD, advised("matching", "matched"))
    assert matched.state.status == "on_hold"
    released = given(settlement, HELD, advised("matching", "matched"), SettlementReleased(**IDS))
    assert released.state.status == "matched"
