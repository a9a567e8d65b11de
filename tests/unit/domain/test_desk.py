"""The desk's controls: who may release a switch, and what an order is blocked by."""

from decimal import Decimal
from functools import reduce
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from msgspec.structs import replace

from domain import desk, order
from domain.desk import commands as c
from domain.desk import events as e
from domain.desk.refusals import DeskRefusal as R
from domain.desk.state import Desk
from domain.order.commands import CancelOrder, ReleaseOrder, ReplaceOrder
from domain.order.refusals import OrderRefusal as O
from domain.shared.digests import digest
from domain.shared.fix import OrdType
from domain.shared.message import Command, Event, Refused, Seen
from tests.unit.domain import orders
from tests.unit.domain.scenario import given

KEY = b"k"
FIRM = {"scope": c.Scope.FIRM}
APPLE = "US0378331005"


def seen(actor: str) -> Seen:
    return Seen(actor=actor, digest_key=KEY)


def engaged(by: str = "ada", version: int = 1, **scope: Any) -> e.KillSwitchEngaged:
    named = digest(by, KEY, scope="desk")
    known = {"version": version, "reason": "a loop", "engaged_by_hmac": named}
    return e.KillSwitchEngaged(**(known | FIRM | scope))


def test_a_switch_is_engaged_by_one_person_and_released_by_another() -> None:
    stop = c.EngageKillSwitch(**FIRM, reason="a loop")
    given(desk).when(stop, seen=seen("ada")).then(engaged())
    given(desk, engaged()).when(stop, seen=seen("bob")).then()
    go = c.ReleaseKillSwitch(**FIRM, reason="mended")
    released = e.KillSwitchReleased(**FIRM, version=2, reason="mended")
    given(desk, engaged()).when(go, seen=seen("bob")).then(released)
    for same in ("ada", " ADA ", "\N{CYRILLIC SMALL LETTER A}da"):
        given(desk, engaged()).when(go, seen=seen(same)).refused(R.SECOND_PERSON_NEEDED)
    given(desk).when(go, seen=seen("bob")).refused(R.SWITCH_NOT_ENGAGED, scope="firm", scope_id="")


def test_an_unnamed_caller_names_the_person_and_a_part_of_the_platform_is_none() -> None:
    stop = c.EngageKillSwitch(**FIRM, reason="a loop", engaged_by="ada")
    given(desk).when(stop, seen=seen("local")).then(engaged())
    given(desk).when(stop, seen=seen("bob")).refused(R.ACTOR_DIFFERS, actor="bob")
    go = c.ReleaseKillSwitch(**FIRM, reason="mended")
    for nobody in ("local", "timer", "saga.order"):
        given(desk, engaged()).when(go, seen=seen(nobody)).refused(R.SECOND_PERSON_NEEDED)
    named = replace(go, released_by="bob")
    released = e.KillSwitchReleased(**FIRM, version=2, reason="mended")
    given(desk, engaged()).when(named, seen=seen("local")).then(released)


@pytest.mark.parametrize(
    ("scope", "scope_id"),
    [("firm", "X"), ("account", ""), ("account", "a b"), ("venue", "NASDAQ"), ("instrument", "")],
)
def test_a_scope_has_the_id_of_its_kind(scope: str, scope_id: str) -> None:
    stop = c.EngageKillSwitch(scope=c.Scope(scope), scope_id=scope_id, reason="why")
    given(desk).when(stop, seen=seen("ada")).refused(
        R.SCOPE_INVALID, scope=scope, scope_id=scope_id
    )


@pytest.mark.parametrize("value", ["0", "-1", "NaN", "Infinity", "0.000000001"])
@pytest.mark.parametrize("field", ["qty_max", "notional_max", "collar_pct"])
def test_a_limit_is_positive_and_exact(field: str, value: str) -> None:
    asked = c.SetOrderLimits(**FIRM, **{field: Decimal(value)})
    given(desk).when(asked).refused(R.LIMIT_INVALID, field=field, value=value)


def test_limits_are_replaced_as_a_whole_and_taken_back_by_none() -> None:
    first = e.OrderLimitsSet(**FIRM, version=1, qty_max=Decimal(10))
    second = e.OrderLimitsSet(**FIRM, version=2, notional_max=Decimal("500"))
    given(desk, first).when(c.SetOrderLimits(**FIRM, notional_max=Decimal("500.0"))).then(second)
    given(desk, first).when(c.SetOrderLimits(**FIRM, qty_max=Decimal(10))).then()
    none = e.OrderLimitsSet(**FIRM, version=3)
    given(desk, first, second).when(c.SetOrderLimits(**FIRM)).then(none)
    assert folded(first, second, none).limits == {}


def test_a_restriction_is_lifted_with_a_reason() -> None:
    on = e.InstrumentRestricted(isin=APPLE, version=1, reason="a deal")
    given(desk).when(c.RestrictInstrument(isin=APPLE, reason="a deal")).then(on)
    given(desk, on).when(c.RestrictInstrument(isin=APPLE, reason="again")).then()
    given(desk).when(c.RestrictInstrument(isin="US0378331006", reason="x")).refused(
        R.ISIN_INVALID, isin="US0378331006"
    )
    off = c.LiftRestriction(isin=APPLE, reason="announced")
    given(desk, on).when(off).then(e.RestrictionLifted(isin=APPLE, version=2, reason="announced"))
    given(desk).when(off).refused(R.NOT_RESTRICTED, isin=APPLE)
    given(desk, on).when(replace(off, reason="")).refused(R.REASON_MISSING)


def folded(*events: Event) -> Desk:
    state: Desk = reduce(desk.evolve, events, desk.INITIAL)
    return state


def judged(state: Desk, command: Command, *before: Event) -> Any:
    """What an order's command gets while the desk is in this state."""
    at_desk = orders.desk()
    at_desk = replace(at_desk, streams={**at_desk.streams, "desk-main": state})
    return order.decide(command, reduce(order.evolve, before, order.INITIAL), at_desk)


def refusal(found: Any) -> tuple[str, dict[str, str]]:
    assert isinstance(found, Refused), found
    return found.refusal, found.state


SCOPES = [
    {"scope": c.Scope.FIRM},
    {"scope": c.Scope.ACCOUNT, "scope_id": "A1"},
    {"scope": c.Scope.VENUE, "scope_id": "XNAS"},
    {"scope": c.Scope.INSTRUMENT, "scope_id": "AAPL"},
]


@pytest.mark.parametrize("scope", SCOPES, ids=lambda s: str(s["scope"]))
def test_a_switch_blocks_its_orders_by_rule_and_version_and_no_cancel(scope: Any) -> None:
    state = folded(engaged(**scope))
    key = ":".join(str(v) for v in scope.values())
    why = (O.KILL_SWITCH, {"scope": key, "version": "1"})
    assert refusal(judged(state, orders.place())) == why
    placed = judged(desk.INITIAL, orders.place())
    released = judged(desk.INITIAL, ReleaseOrder(order_id="O1"), *placed)
    before = (*placed, *released)
    assert refusal(judged(state, ReplaceOrder(order_id="O1", qty=Decimal(7)), *before)) == why
    assert not isinstance(judged(state, CancelOrder(order_id="O1", reason="x"), *before), Refused)
    other = {"scope": scope["scope"], "scope_id": "ZZZZ"}
    if scope["scope"] is not c.Scope.FIRM:
        assert not isinstance(judged(folded(engaged(**other)), orders.place()), Refused)


def limited(**limits: str) -> Desk:
    values = {name: Decimal(value) for name, value in limits.items()}
    return folded(e.OrderLimitsSet(**FIRM, version=1, **values))


@pytest.mark.parametrize(
    ("limits", "px", "allowed"),
    [
        ({"qty_max": "100"}, "50.00", True),
        ({"qty_max": "99"}, "50.00", False),
        ({"notional_max": "5000"}, "50.00", True),
        ({"notional_max": "4999.99"}, "50.00", False),
        ({"collar_pct": "10"}, "55.00", True),
        ({"collar_pct": "10"}, "55.01", False),
        ({"collar_pct": "10"}, "45.00", True),
        ({"collar_pct": "10"}, "44.99", False),
    ],
)
def test_limits_hold_to_the_last_cent(limits: dict[str, str], px: str, allowed: bool) -> None:
    """100 pieces; the mark is 50.00."""
    placed = orders.place(
        qty=Decimal(100), ord_type=OrdType.LIMIT, limit_px=Decimal(px), stop_px=None
    )
    assert isinstance(judged(limited(**limits), placed), Refused) is not allowed


def test_a_restricted_instrument_takes_no_order() -> None:
    state = folded(e.InstrumentRestricted(isin=APPLE, version=1, reason="a deal"))
    why = (O.INSTRUMENT_RESTRICTED, {"isin": APPLE, "version": "1"})
    assert refusal(judged(state, orders.place())) == why


@for_all(
    st.decimals("0.01", "1000", places=2),
    st.decimals("0.01", "200", places=2),
    st.decimals("1", "100000", places=2),
)
def test_the_narrowest_of_all_scopes_counts(qty: Decimal, px: Decimal, top: Decimal) -> None:
    qty = qty.to_integral_value() + 1
    wide = e.OrderLimitsSet(**FIRM, version=1, notional_max=top * 2)
    account = {"scope": c.Scope.ACCOUNT, "scope_id": "A1"}
    narrow = e.OrderLimitsSet(**account, version=2, notional_max=top)
    placed = orders.place(qty=qty, ord_type=OrdType.LIMIT, limit_px=px, stop_px=None)
    found = judged(folded(wide, narrow), placed)
    if isinstance(found, Refused) and found.refusal is O.ORDER_LIMIT_EXCEEDED:
        assert qty * px > top
    else:
        assert qty * px <= top or isinstance(found, Refused)
