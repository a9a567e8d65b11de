"""Powers of attorney: a holder needs a valid power on the day of any act for an account."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from domain import account, fx, order
from domain.account.exchange import ConvertCurrency
from domain.account.refusals import AccountRefusal as A
from domain.account.standing import AuthorisePerson, PersonAuthorised, PersonRevoked
from domain.account.state import Owner, Power, State
from domain.account.transfers import TransferCash, TransferSecurities
from domain.account.withdrawals import CancelWithdrawal, WithdrawCash
from domain.order import commands as oc
from domain.order import events as oe
from domain.order.refusals import OrderRefusal as R
from domain.rules.lots import Lot
from domain.rules.powers import holder
from domain.shared.fix import Side
from domain.shared.message import Command, Refused, Seen
from tests.unit.domain.orders import ISIN, desk, opened, place
from tests.unit.domain.scenario import given

D = Decimal
P1 = Power(person_id="P1", trade=True, withdraw=True)
HELD = replace(opened, powers={"P1": P1})
REVOKED = replace(opened, revoked=("P1",))
MORE = oc.ReplaceOrder(order_id="O1", qty=D(120))


def working(**of: Any) -> tuple[Any, ...]:
    """An order of 100 at 50.00 at the venue, placed while P1 had its power."""
    seen = desk(account=HELD, actor=of.pop("actor", "P1"))
    (placed,) = given(order).when(place(limit_px=D(50), ord_type="LIMIT", **of), seen=seen).decision
    return placed, oe.OrderReleased(order_id="O1", cl_ord_id="O1.c1")


def replacing(command: Command = MORE, *, account: State, actor: str = "desk", **of: Any) -> given:
    return given(order, *working(**of)).when(command, seen=desk(account=account, actor=actor))


class TestAReplacement:
    def test_under_a_power_that_was_revoked_since_is_refused_from_any_sender(self) -> None:
        for actor in ("P1", "desk", "local"):
            replacing(account=REVOKED, actor=actor).refused(R.POWER_MISSING, person_id="P1")

    def test_under_a_power_that_is_still_there_passes(self) -> None:
        (event,) = replacing(account=HELD).decision
        assert event.decision_maker == "P1"

    def test_needs_a_power_that_covers_the_new_terms(self) -> None:
        # 120 at 50.00 are 6000.00
        for limit, passes in (("6000.00", True), ("5999.99", False)):
            held = replace(opened, powers={"P1": replace(P1, limit=D(limit))})
            decision = replacing(account=held).decision
            assert isinstance(decision, Refused) is not passes, limit

    def test_needs_a_power_of_that_day(self) -> None:
        past = replace(opened, powers={"P1": replace(P1, valid_to=date(2020, 3, 1))})
        replacing(account=past).refused(R.POWER_MISSING, valid_to="2020-03-01")

    def test_of_an_order_under_a_power_may_be_decided_by_an_owner(self) -> None:
        by_owner = replacing(account=REVOKED, actor="C1").decision
        named = replace(MORE, decision_maker="C1")
        by_desk = replacing(named, account=REVOKED).decision
        assert [e.decision_maker for e in (*by_owner, *by_desk)] == ["C1", "C1"]

    def test_of_an_order_of_the_clients_own_asks_for_no_power(self) -> None:
        (event,) = (
            given(order, *working(actor="desk"))
            .when(MORE, seen=desk(account=REVOKED, actor="desk"))
            .decision
        )
        assert event.decision_maker == ""

    def test_by_somebody_who_never_had_a_power_is_refused_where_it_is_named(self) -> None:
        named = replace(MORE, decision_maker="P9")
        replacing(named, account=HELD).refused(R.POWER_MISSING, person_id="P9")

    def test_of_one_who_lost_its_power_is_not_saved_by_naming_the_client(self) -> None:
        named = replace(MORE, decision_maker="C1")
        replacing(named, account=REVOKED, actor="P1").refused(R.POWER_MISSING, person_id="P1")

    def test_that_the_venue_takes_makes_its_decision_maker_that_of_the_order(self) -> None:
        (asked,) = replacing(account=REVOKED, actor="C1").decision
        done = oe.OrderReplaced(
            order_id="O1", account_id="A1", cl_ord_id=asked.cl_ord_id, qty=D(120),
            limit_px=D(50), hold_px=D(50), hold_amount=D("6006.00"),
        )  # fmt: skip
        again = given(order, *working(), asked, done)
        again.when(replace(MORE, qty=D(130)), seen=desk(account=REVOKED, actor="desk"))
        assert again.decision[0].decision_maker == "C1"


LOTS = (
    Lot(
        lot_id="L", qty=D(100), cost=D(5000), cost_base=D(5000), currency="USD",
        acquired_on=date(2020, 1, 2),
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    "terms",
    [
        {"ord_type": "LIMIT", "limit_px": D("0.01")},
        {"ord_type": "STOP_LIMIT", "limit_px": D("0.01"), "stop_px": D("49.00")},
        {"ord_type": "MARKET", "limit_px": None},
    ],
)
def test_a_sale_is_worth_what_the_market_pays_whatever_its_limit(terms: dict[str, Any]) -> None:
    # 100 at the mark of 50.00 are 5000.00, at a limit of 0.01 they would be 1.00
    for limit, passes in (("5000.00", True), ("4999.99", False)):
        held = replace(opened, powers={"P1": replace(P1, limit=D(limit))}, lots={ISIN: LOTS})
        sale = place(side=Side.SELL, **terms)
        decision = given(order).when(sale, seen=desk(account=held, actor="P1")).decision
        assert isinstance(decision, Refused) is not passes, limit
    unmarked = desk(account=held, actor="P1", marks=())
    given(order).when(sale, seen=unmarked).refused(R.POWER_MISSING, limit="4999.99")


def test_new_terms_of_a_sale_are_worth_what_the_market_pays() -> None:
    whole = replace(opened, powers={"P1": P1}, lots={ISIN: LOTS})
    sale = place(side=Side.SELL, limit_px=D(60))
    (placed,) = given(order).when(sale, seen=desk(account=whole, actor="P1")).decision
    lower = oc.ReplaceOrder(order_id="O1", limit_px=D("0.01"))
    for limit, passes in (("5000.00", True), ("4999.99", False)):
        held = replace(whole, powers={"P1": replace(P1, limit=D(limit))})
        released = oe.OrderReleased(order_id="O1", cl_ord_id="O1.c1")
        result = given(order, placed, released).when(lower, seen=desk(account=held, actor="P1"))
        assert isinstance(result.decision, Refused) is not passes, limit


def test_a_cancel_is_possible_after_the_power_is_gone() -> None:
    cancel = oc.CancelOrder(order_id="O1", reason="no longer wanted")
    for actor in ("P1", "desk"):
        result = given(order, *working()).when(cancel, seen=desk(account=REVOKED, actor=actor))
        assert not isinstance(result.decision, Refused)


@pytest.mark.parametrize("actor", ["P1", "p1", " P1 ", "\N{FULLWIDTH LATIN CAPITAL LETTER P}1"])
def test_an_actor_that_lost_its_power_is_not_taken_for_the_firms_desk(actor: str) -> None:
    given(order).when(place(), seen=desk(account=REVOKED, actor=actor)).refused(R.POWER_MISSING)


def test_a_power_given_again_counts() -> None:
    back = PersonAuthorised(account_id="A1", power=P1)
    gone = PersonRevoked(account_id="A1", person_id="P1")
    state = opened
    for event in (back, gone):
        state = account.evolve(state, event)
    assert (state.powers, state.revoked) == ({}, ("P1",))
    state = account.evolve(state, back)
    assert (state.powers, state.revoked) == ({"P1": P1}, ())


def test_an_owner_acts_as_an_owner_though_it_had_a_power() -> None:
    owners = (Owner(client_id="P1"),)
    assert holder(replace(REVOKED, owners=owners), "P1") == ""


# withdrawals, transfers, conversions: 1000.00 USD in an account in USD

NOW = datetime(2020, 3, 2, 15, tzinfo=UTC)
RICH = replace(opened, traded={"USD": D(1000), "EUR": D(1000), "GBP": D(1000)})
TAKE = WithdrawCash(account_id="A1", amount=D(100), currency="USD", reference="R1")
SEND = TransferCash(
    transfer_id="T1", account_id="A1", to_account_id="A2", currency="USD", amount=D(100)
)
SHARES = TransferSecurities(
    transfer_id="T2", account_id="A1", to_account_id="A2", instrument_id="AAPL",
    isin="US0378331005", qty=D(1),
)  # fmt: skip
DEAL = ConvertCurrency(
    account_id="A1", fx_id="F1", buy_currency="EUR", buy_amount=D(50), sell_currency="USD"
)
STREAMS = {
    "account-A2": replace(opened, account_id="A2"),
    "fx-ecb": fx.Fixing(rate_date=NOW.date(), rates={"USD": D("1.1"), "GBP": D("0.9")}),
}


def decide(command: Command, state: State, actor: str = "P1") -> Any:
    seen = Seen(now=NOW, effective_at=NOW, actor=actor, streams=STREAMS)
    return account.decide(command, state, seen)


def why(decision: Any) -> Any:
    return decision.refusal if isinstance(decision, Refused) else None


@pytest.mark.parametrize("command", [TAKE, SEND, SHARES, DEAL], ids=lambda c: type(c).__name__)
def test_what_takes_money_or_deals_for_the_client_needs_the_power_of_that_day(
    command: Command,
) -> None:
    for state in (
        replace(RICH, revoked=("P1",)),
        replace(RICH, powers={"P1": Power(person_id="P1")}),
        replace(RICH, powers={"P1": replace(P1, valid_to=date(2020, 3, 1))}),
    ):
        assert why(decide(command, state)) is A.POWER_MISSING
    held = replace(RICH, powers={"P1": P1})
    assert why(decide(command, held)) is not A.POWER_MISSING
    assert why(decide(command, replace(RICH, revoked=("P1",)), "desk")) is not A.POWER_MISSING


@pytest.mark.parametrize(
    ("command", "limit", "passes"),
    [
        (TAKE, "100.00", True),
        (TAKE, "99.99", False),
        (replace(TAKE, currency="EUR"), "1000.00", False),  # not in the base currency
        (SEND, "100.00", True),
        (SEND, "99.99", False),
        (SHARES, "1000000.00", False),  # shares have no amount
        (DEAL, "55.14", True),  # 50 x 1.1 and a quarter of a percent: 55.1375
        (DEAL, "55.13", False),
        (replace(DEAL, buy_currency="USD", sell_currency="EUR"), "50.00", True),
        (replace(DEAL, buy_currency="USD", sell_currency="EUR"), "49.99", False),
        (replace(DEAL, buy_currency="GBP", sell_currency="EUR"), "1000000.00", False),
    ],
)
def test_a_power_has_its_limit_in_the_base_currency(
    command: Command, limit: str, passes: bool
) -> None:
    held = replace(RICH, powers={"P1": replace(P1, limit=D(limit))})
    assert (why(decide(command, held)) is not A.POWER_MISSING) is passes


@pytest.mark.parametrize(
    ("command", "limit", "amount"),
    [
        (TAKE, "99.99", "100"),
        (DEAL, "55.13", "55.14"),
        (replace(TAKE, currency="EUR"), "1000.00", "none in USD"),
        (SHARES, "1000000.00", "none in USD"),
        (replace(DEAL, buy_currency="GBP", sell_currency="EUR"), "100.00", "none in USD"),
    ],
)
def test_a_refusal_beyond_the_limit_states_the_amount_or_that_there_is_none_in_the_base_currency(
    command: Command, limit: str, amount: str
) -> None:
    result = decide(command, replace(RICH, powers={"P1": replace(P1, limit=D(limit))}))
    assert result.state == {"person_id": "P1", "limit": limit, "currency": "USD", "amount": amount}


def test_a_power_to_trade_takes_no_money_out_and_one_to_withdraw_does_not_deal() -> None:
    trades = replace(RICH, powers={"P1": Power(person_id="P1", trade=True)})
    draws = replace(RICH, powers={"P1": Power(person_id="P1", withdraw=True)})
    assert [why(decide(c, trades)) for c in (TAKE, DEAL)] == [A.POWER_MISSING, None]
    assert [why(decide(c, draws)) for c in (TAKE, DEAL)] == [None, A.POWER_MISSING]


def test_a_withdrawal_can_be_cancelled_without_a_power() -> None:
    (asked,) = decide(TAKE, RICH, "desk")
    state = account.evolve(replace(RICH, revoked=("P1",)), asked)
    cancel = CancelWithdrawal(account_id="A1", payment_id=asked.payment_id, reason="mistake")
    assert why(decide(cancel, state)) is None


def test_a_holder_of_a_power_gives_none() -> None:
    give = AuthorisePerson(account_id="A1", power=Power(person_id="P2", withdraw=True))
    assert why(decide(give, replace(RICH, powers={"P1": P1}))) is A.POWER_MISSING
    assert why(decide(give, replace(RICH, revoked=("P1",)))) is A.POWER_MISSING
    assert why(decide(give, replace(RICH, powers={"P1": P1}), "desk")) is None
