"""Placing an order: the refusals, and the terms that an accepted order fixes."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from domain import order
from domain.account.state import Owner, Power
from domain.instrument.events import (
    InstrumentAmended,
    InstrumentDelisted,
    InstrumentHalted,
    PriceType,
)
from domain.order.commands import PlaceOrder
from domain.order.events import OrderPlaced
from domain.order.refusals import OrderRefusal as R
from domain.shared.fix import Advice, Capacity, OrdType, Side, TimeInForce
from domain.shared.message import Refused, Seen
from tests.unit.domain.orders import ISIN, NOW, desk, listed, marked, opened, owning, place
from tests.unit.domain.scenario import given

D = Decimal


def placed(command: PlaceOrder, seen: Seen) -> OrderPlaced:
    step = given(order).when(command, seen=seen)
    step.after()
    (event,) = step.decision
    assert isinstance(event, OrderPlaced)
    return event


def refused(command: PlaceOrder, seen: Seen, refusal: R, **state: object) -> None:
    given(order).when(command, seen=seen).refused(refusal, **state)


def with_status(status: str) -> Seen:
    return desk(account=replace(owning(100), status=status))


def test_an_order_freezes_its_facts() -> None:
    assert placed(place(), desk()) == OrderPlaced(
        order_id="O1",
        account_id="A1",
        client_id="C1",
        instrument_id="AAPL",
        isin=ISIN,
        mic="XNAS",
        side=Side.BUY,
        qty=D(100),
        ord_type=OrdType.LIMIT,
        limit_px=D(50),
        time_in_force=TimeInForce.DAY,
        currency="USD",
        settl_currency="USD",
        price_factor=D(1),
        qty_increment=D(1),
        tick_size=D("0.01"),
        country="US",
        hold_px=D(50),
        hold_amount=D("5005.00"),  # J3: 100 x 50.00 and 5.00 of commission
        received_at=NOW,
        capacity=Capacity.AOTC,
        client_id_code="C1",
        execution_decision="trader",
        branch_country="US",
        open_close="O",
        ex_destination="XNAS",
        market_country="US",
        first_use=True,
    )


def test_what_the_command_says_is_not_resolved_again() -> None:
    result = placed(
        place(
            capacity=Capacity.DEAL,
            decision_maker="C1",
            investment_decision="fund-desk",
            execution_decision="algo-7",
            solicited=True,
            advice=Advice.ADVISED,
            channel="phone",
        ),
        desk(),
    )
    assert (result.capacity, result.decision_maker) == (Capacity.DEAL, "C1")
    assert (result.investment_decision, result.execution_decision) == ("fund-desk", "algo-7")
    assert (result.solicited, result.advice, result.channel) == (True, Advice.ADVISED, "phone")


def test_under_a_mandate_the_actor_decides_on_the_investment() -> None:
    mandate = placed(place(advice=Advice.DISCRETIONARY), desk(actor="manager"))
    assert mandate.investment_decision == "manager"


def test_a_sale_holds_shares_not_cash() -> None:
    sale = placed(place(side=Side.SELL), desk(account=owning(100)))
    assert (sale.hold_amount, sale.short_sale, sale.open_close) == (D(0), "SELL", "C")


def test_a_market_order_holds_the_last_mark_and_a_collar() -> None:
    bought = placed(place(ord_type=OrdType.MARKET, limit_px=None), desk())
    assert (bought.hold_px, bought.hold_amount) == (D("52.5"), D("5255.25"))


def test_a_stop_above_the_mark_holds_the_stop_and_a_collar() -> None:
    stop = place(ord_type=OrdType.STOP, limit_px=None, stop_px=D(60))
    assert placed(stop, desk()).hold_px == D(63)


def test_a_hold_is_rounded_up() -> None:
    fine = replace(listed, tick_size=D(0))
    odd = placed(place(qty=D(1), limit_px=D("0.0101")), desk(listing=(fine,)))
    assert odd.hold_amount == D("1.02")  # 0.0101 up to 0.02, and the minimum commission


def test_pence_settle_in_pounds_with_stamp_duty() -> None:
    vod = replace(
        listed,
        currency="GBX",
        settlement_currency="GBP",
        price_factor=D("0.01"),
        country="GB",
        mic="XLON",
    )
    bought = placed(place(limit_px=D(200)), desk(listing=(vod,), marks=()))
    assert (bought.price_factor, bought.currency, bought.settl_currency) == (
        D("0.01"),
        "GBX",
        "GBP",
    )
    assert bought.hold_amount == D("202.00")  # 200.00, commission 1.00, stamp duty 1.00


def test_an_order_freezes_the_country_of_its_market() -> None:
    frankfurt = replace(listed, mic="XETR")
    result = placed(place(), desk(listing=(frankfurt,)))
    assert (result.market_country, result.country) == ("DE", "DE")
    elsewhere = replace(listed, mic="CEUX", market_country="NL")
    assert placed(place(), desk(listing=(elsewhere,))).market_country == "NL"


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
@pytest.mark.parametrize(("mic", "country"), [("XTKS", ""), ("XTKS", "JP"), ("XSTO", "SE")])
def test_a_market_that_no_calendar_is_known_of_takes_no_order(
    side: Side, mic: str, country: str
) -> None:
    far = desk(account=owning(100), listing=(replace(listed, mic=mic, market_country=country),))
    refused(place(side=side), far, R.MARKET_NOT_SUPPORTED, mic=mic, market_country=country)


def test_a_bond_is_quoted_in_percent_of_par() -> None:
    bond = replace(listed, price_type=PriceType.PERCENT_OF_PAR, multiplier=D(1))
    bought = placed(place(qty=D(10000), limit_px=D("98.50")), desk(listing=(bond,)))
    assert bought.price_factor == D("0.01")
    assert bought.hold_amount == D("9859.85")  # 9850.00 and 0.1 %


def test_terms_that_begin_today_count_today() -> None:
    finer = InstrumentAmended(
        instrument_id="AAPL",
        effective_from=NOW.date(),
        decided_on=date(2020, 2, 1),
        tick_size=D("0.001"),
    )
    event = placed(place(limit_px=D("50.005")), desk(listing=(listed, finer)))
    assert event.tick_size == D("0.001")


def test_an_odd_lot_is_not_a_refusal() -> None:
    assert placed(place(qty=D(7)), desk()).qty == D(7)  # the round lot is 100


def test_the_same_order_again_is_refused() -> None:
    first = placed(place(), desk())
    given(order, first).when(place(), seen=desk()).refused(R.ORDER_EXISTS, account_id="A1")


def test_an_unknown_account_is_refused() -> None:
    refused(place(), with_status(""), R.ACCOUNT_UNKNOWN, account_id="A1")


@pytest.mark.parametrize("status", ["blocked", "dormant", "closing", "closed"])
def test_an_account_that_is_not_open_is_refused(status: str) -> None:
    refused(place(), with_status(status), R.ACCOUNT_NOT_OPEN, status=status)


def test_closing_only_sells_and_does_not_buy() -> None:
    refused(place(), with_status("closing_only"), R.CLOSING_ONLY)
    assert placed(place(side=Side.SELL), with_status("closing_only")).side is Side.SELL


def test_an_unknown_instrument_is_refused() -> None:
    refused(place(), desk(listing=()), R.INSTRUMENT_UNKNOWN, instrument_id="AAPL")


def test_a_halted_instrument_is_refused() -> None:
    halted = InstrumentHalted(instrument_id="AAPL")
    seen = desk(listing=(listed, halted))
    refused(place(), seen, R.INSTRUMENT_NOT_TRADABLE, status="halted")


def test_a_delisted_instrument_is_refused_from_its_day_on() -> None:
    gone = InstrumentDelisted(
        instrument_id="AAPL", effective_from=date(2020, 3, 3), decided_on=date(2020, 2, 1)
    )
    seen = desk(listing=(listed, gone))
    assert placed(place(), seen).qty == D(100)
    later = desk(listing=(listed, gone), now=NOW + timedelta(days=1))
    refused(place(), later, R.INSTRUMENT_NOT_TRADABLE, status="delisted")


@pytest.mark.parametrize("qty", ["0", "-1", "NaN", "Infinity", "-Infinity"])
def test_a_quantity_is_positive(qty: str) -> None:
    refused(place(qty=D(qty)), desk(), R.QTY_NOT_POSITIVE)


@pytest.mark.parametrize("qty", ["0.5", "100.00000001", "1E+30", "1E-9"])
def test_a_quantity_is_on_the_increment(qty: str) -> None:
    refused(place(qty=D(qty)), desk(), R.QTY_INCREMENT, qty_increment="1")


def test_fractions_trade_where_the_increment_allows_them() -> None:
    fractional = replace(listed, qty_increment=D("0.0001"))
    assert placed(place(qty=D("0.1234")), desk(listing=(fractional,))).qty == D("0.1234")


@pytest.mark.parametrize(
    ("terms", "refusal"),
    [
        ({"limit_px": None}, R.LIMIT_PX_MISSING),
        ({"ord_type": OrdType.STOP_LIMIT, "limit_px": None, "stop_px": D(51)}, R.LIMIT_PX_MISSING),
        ({"ord_type": OrdType.MARKET}, R.LIMIT_PX_NOT_ALLOWED),
        ({"ord_type": OrdType.STOP, "stop_px": D(51)}, R.LIMIT_PX_NOT_ALLOWED),
        ({"ord_type": OrdType.STOP_LIMIT}, R.STOP_PX_MISSING),
        ({"ord_type": OrdType.STOP, "limit_px": None}, R.STOP_PX_MISSING),
        ({"stop_px": D(51)}, R.STOP_PX_NOT_ALLOWED),
        ({"limit_px": D(0)}, R.PX_NOT_POSITIVE),
        ({"limit_px": D(-1)}, R.PX_NOT_POSITIVE),
        ({"limit_px": D("NaN")}, R.PX_NOT_POSITIVE),
        ({"limit_px": D("50.001")}, R.TICK_SIZE),
        ({"limit_px": D("1E+30")}, R.TICK_SIZE),
        ({"ord_type": OrdType.STOP_LIMIT, "stop_px": D("50.001")}, R.TICK_SIZE),
        ({"time_in_force": TimeInForce.GTD}, R.EXPIRE_AT_MISSING),
        ({"time_in_force": TimeInForce.GTD, "expire_at": NOW}, R.EXPIRE_AT_PAST),
        ({"expire_at": NOW - timedelta(days=1)}, R.EXPIRE_AT_PAST),
    ],
)
def test_terms_that_do_not_fit_are_refused(terms: dict[str, Any], refusal: R) -> None:
    refused(place(**terms), desk(), refusal)


def test_without_a_tick_size_any_exact_price_is_right() -> None:
    free = desk(listing=(replace(listed, tick_size=D(0)),))
    assert placed(place(limit_px=D("50.0000000001")), free).limit_px == D("50.0000000001")
    refused(place(limit_px=D("50.00000000001")), free, R.TICK_SIZE)


def test_good_till_a_moment_that_is_stated_in_another_zone() -> None:
    until = datetime.fromisoformat("2020-03-03T10:00:00+09:00")
    event = placed(place(time_in_force=TimeInForce.GTD, expire_at=until), desk())
    assert event.expire_at == datetime(2020, 3, 3, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize("terms", [{"ord_type": OrdType.MARKET}, {"ord_type": OrdType.STOP}])
def test_a_purchase_at_market_needs_a_mark(terms: dict[str, Any]) -> None:
    stop_px = D(60) if terms["ord_type"] is OrdType.STOP else None
    command = place(limit_px=None, stop_px=stop_px, **terms)
    refused(command, desk(marks=()), R.PRICE_UNKNOWN)
    elsewhere = desk(marks=(replace(marked, currency="EUR"),))
    refused(command, elsewhere, R.PRICE_UNKNOWN)


def test_a_sale_at_market_needs_none_it_holds_shares() -> None:
    sale = place(side=Side.SELL, ord_type=OrdType.MARKET, limit_px=None)
    assert placed(sale, desk(account=owning(100), marks=())).hold_px == D(0)


def test_short_sales_are_refused_explicitly() -> None:
    sale = place(side=Side.SELL_SHORT)
    refused(sale, desk(account=owning(1000)), R.SHORT_SALE_NOT_PERMITTED, side="SELL_SHORT")


def test_selling_more_than_is_owned_and_free_is_a_short_sale() -> None:
    sale = place(side=Side.SELL, qty=D(101))
    refused(sale, desk(account=owning(100)), R.SHORT_SALE_NOT_PERMITTED, sellable="100", qty="101")


def test_a_us_taxpayers_single_stocks_are_never_averaged() -> None:
    averaging = replace(owning(100), lot_method="AVERAGE", us_taxable=True)
    for side in (Side.BUY, Side.SELL):
        refused(place(side=side), desk(account=averaging), R.AVERAGE_COST_NOT_PERMITTED)
    for allowed in (
        replace(averaging, us_taxable=False),
        replace(averaging, lot_method="FIFO"),
    ):
        assert not isinstance(order.decide(place(), order.INITIAL, desk(account=allowed)), Refused)


class TestPowers:
    power = Power(person_id="P1", trade=True)

    def seen(self, actor: str = "trader", **changes: Any) -> Seen:
        power = replace(self.power, **changes)
        return desk(account=replace(opened, powers={"P1": power}), actor=actor)

    def test_an_authorised_actor_is_the_decision_maker(self) -> None:
        assert placed(place(), self.seen("P1")).decision_maker == "P1"

    def test_an_owner_needs_no_power(self) -> None:
        owners = (Owner(client_id="C1", share=D("0.5")), Owner(client_id="C2", share=D("0.5")))
        seen = desk(account=replace(opened, owners=owners))
        assert placed(place(decision_maker="C2"), seen).decision_maker == "C2"

    def test_an_actor_without_a_power_is_refused(self) -> None:
        refused(place(decision_maker="P2"), self.seen(), R.POWER_MISSING, person_id="P2")

    def test_a_power_to_withdraw_is_none_to_trade(self) -> None:
        refused(place(), self.seen("P1", trade=False), R.POWER_MISSING, person_id="P1")

    def test_a_power_has_its_days(self) -> None:
        assert placed(place(), self.seen("P1", valid_from=NOW.date(), valid_to=NOW.date()))
        refused(place(), self.seen("P1", valid_to=date(2020, 3, 1)), R.POWER_MISSING)
        refused(place(), self.seen("P1", valid_from=date(2020, 3, 3)), R.POWER_MISSING)

    def test_a_power_has_its_limit(self) -> None:
        assert placed(place(), self.seen("P1", limit=D(5000)))
        refused(
            place(),
            self.seen("P1", limit=D("4999.99")),
            R.POWER_MISSING,
            limit="4999.99",
            amount="5000.00",
        )

    def test_a_limit_in_another_currency_covers_nothing(self) -> None:
        account = replace(
            opened, base_currency="EUR", powers={"P1": replace(self.power, limit=D(10**6))}
        )
        refused(place(), desk(account=account, actor="P1"), R.POWER_MISSING)


def test_a_placement_reads_the_account_the_instrument_and_its_mark() -> None:
    assert order.reads(place()) == ("account-A1", "instrument-AAPL", "price-AAPL", "desk-main")
