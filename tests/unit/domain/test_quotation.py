"""Quoted and settled: one money, one factor, through listings, marks, holds and values."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given as whenever
from hypothesis import strategies as st
from msgspec.structs import replace

from domain import instrument, order, price
from domain.instrument.commands import AmendInstrument, ListInstrument
from domain.instrument.events import InstrumentListed, PriceType
from domain.instrument.refusals import InstrumentRefusal
from domain.order.refusals import OrderRefusal
from domain.price import MarkPrice, PriceMarked, PriceRefusal
from domain.shared.fix import OrdType, Side
from domain.shared.message import Event, Refused, Seen
from domain.shared.money import MINOR_UNITS
from domain.shared.quotation import QUOTE_UNITS, factor, money_of, requoted
from projections.holdings.valuation import Fixed, Holding, net_value, value_of
from projections.market import instruments, marks
from tests.unit.domain.orders import desk, owning, place
from tests.unit.domain.scenario import given
from tests.unit.projections.view_log import arrived

D = Decimal
TODAY, LATER = date(2024, 6, 3), date(2024, 6, 10)
SEEN = Seen(now=datetime(2024, 6, 3, 9, tzinfo=UTC))
VODAFONE = "GB00BH4HKS39"
PENCE = InstrumentListed(
    instrument_id="VOD",
    symbol="VOD",
    isin=VODAFONE,
    currency="GBX",
    settlement_currency="GBP",
    mic="XLON",
    country="GB",
    asset_class="equity",
    tick_size=D("0.01"),
    lot_size=D(1),
    price_factor=D("0.01"),
)


def listing(**terms: Any) -> ListInstrument:
    given_terms = {"isin": VODAFONE, "symbol": "VOD", "currency": "GBX", "mic": "XLON"}
    return ListInstrument(instrument_id="VOD", **(given_terms | terms))


def amend(**terms: Any) -> AmendInstrument:
    return AmendInstrument(instrument_id="VOD", **terms)


def amended(*commands: AmendInstrument, seen: Seen = SEEN) -> tuple[Event, ...]:
    """The past of the listing in pence, amended by each command in turn."""
    past: tuple[Event, ...] = (PENCE,)
    for command in commands:
        step = given(instrument, *past).when(command, seen=seen)
        assert not isinstance(step.decision, Refused), step.decision
        past = (*past, *step.decision)
    return past


# which pairs are the same money


@pytest.mark.parametrize(
    ("quoted", "settled"),
    [
        ("USD", "EUR"),
        ("GBX", "EUR"),
        ("GBX", "ZAR"),
        ("GBP", "USD"),
        ("ILA", "GBP"),
        ("JPY", "KRW"),
    ],
)
def test_a_quote_in_other_money_than_it_settles_in_is_refused(quoted: str, settled: str) -> None:
    for factor_given in (None, D(1), D("0.01"), D("1.10")):
        command = listing(currency=quoted, settlement_currency=settled, price_factor=factor_given)
        given(instrument).when(command, seen=SEEN).refused(
            InstrumentRefusal.SETTLEMENT_CURRENCY_DIFFERS,
            currency=quoted,
            settlement_currency=settled,
        )


@pytest.mark.parametrize(
    ("quoted", "settled", "units"),
    [
        ("GBX", "GBP", "0.01"),
        ("ILA", "ILS", "0.01"),
        ("ZAC", "ZAR", "0.01"),
        ("GBP", "GBP", "1"),
        ("JPY", "JPY", "1"),
        ("KWD", "KWD", "1"),
    ],
)
def test_a_quote_settles_in_its_own_money_by_its_one_factor(
    quoted: str, settled: str, units: str
) -> None:
    for told in ({}, {"settlement_currency": settled}, {"price_factor": D(units)}):
        state = given(instrument).when(listing(currency=quoted, **told), seen=SEEN).after()
        assert (state.settlement_currency, state.price_factor) == (settled, D(units))
    for wrong in ("100", "0.1", "2"):
        command = listing(currency=quoted, price_factor=D(wrong))
        given(instrument).when(command, seen=SEEN).refused(
            InstrumentRefusal.PRICE_FACTOR_DIFFERS,
            currency=quoted,
            settlement_currency=settled,
            price_factor=D(wrong),
            required=D(units),
        )


@pytest.mark.parametrize("code", ["XAU", "XTS", "XXX", "DEM", "GBp", "gbx", "ZWL", "", "USD "])
def test_what_is_no_currency_of_today_is_refused_as_quote_and_as_settlement(code: str) -> None:
    for command in (listing(currency=code), listing(settlement_currency=code)):
        if command.settlement_currency == "":
            continue  # the default
        given(instrument).when(command, seen=SEEN).refused(InstrumentRefusal.CURRENCY_UNKNOWN)


@whenever(
    st.sampled_from(sorted({*MINOR_UNITS, *QUOTE_UNITS})), st.sampled_from(sorted(MINOR_UNITS))
)
def test_only_a_unit_of_the_currency_itself_has_a_factor(unit: str, currency: str) -> None:
    known = factor(unit, currency)
    assert (known is not None) == (money_of(unit)[0] == currency)
    assert known is None or known == money_of(unit)[1] > 0


@whenever(st.decimals(min_value="0.01", max_value="100000", places=4))
def test_a_price_requoted_there_and_back_is_the_same(px: Decimal) -> None:
    pounds = requoted(px, "GBX", "GBP")
    assert pounds is not None and pounds * 100 == px
    assert requoted(pounds, "GBP", "GBX") == px
    assert requoted(px, "GBX", "EUR") is None


# amendments


def test_an_amended_quotation_takes_its_factor_along() -> None:
    state = given(instrument, *amended(amend(currency="GBP"))).state
    assert (state.currency, state.settlement_currency, state.price_factor) == ("GBP", "GBP", 1)
    back = given(instrument, *amended(amend(currency="GBP"), amend(currency="GBX"))).state
    assert (back.currency, back.price_factor) == ("GBX", D("0.01"))


def test_an_amendment_into_other_money_needs_both_currencies() -> None:
    given(instrument, PENCE).when(amend(currency="EUR"), seen=SEEN).refused(
        InstrumentRefusal.SETTLEMENT_CURRENCY_DIFFERS, currency="EUR", settlement_currency="GBP"
    )
    given(instrument, PENCE).when(amend(settlement_currency="EUR"), seen=SEEN).refused(
        InstrumentRefusal.SETTLEMENT_CURRENCY_DIFFERS, currency="GBX", settlement_currency="EUR"
    )
    state = given(instrument, *amended(amend(currency="EUR", settlement_currency="EUR"))).state
    assert (state.currency, state.settlement_currency, state.price_factor) == ("EUR", "EUR", 1)


def test_an_amended_factor_that_does_not_fit_is_refused_on_every_day_it_would_hold() -> None:
    given(instrument, PENCE).when(amend(price_factor=D(1)), seen=SEEN).refused(
        InstrumentRefusal.PRICE_FACTOR_DIFFERS
    )
    waiting = amended(amend(currency="GBP", effective_from=LATER))
    given(instrument, *waiting).when(
        amend(currency="EUR", settlement_currency="EUR"), seen=SEEN
    ).refused(InstrumentRefusal.SETTLEMENT_CURRENCY_DIFFERS, currency="GBP")


def test_an_amendment_of_something_else_does_not_touch_the_quotation() -> None:
    old = replace(PENCE, currency="USD", settlement_currency="EUR", price_factor=D(1))
    step = given(instrument, old).when(amend(name="Renamed"), seen=SEEN)
    assert step.after().name == "Renamed"


def test_an_effective_dated_quotation_holds_from_its_day_on() -> None:
    state = given(instrument, *amended(amend(currency="GBP", effective_from=LATER))).state
    assert [state.terms(d).price_factor for d in (TODAY, LATER)] == [D("0.01"), 1]
    assert [state.quoted_in(d) for d in (TODAY, LATER)] == ["GBX", "GBP"]
    due = replace(SEEN, now=datetime(2024, 6, 20, tzinfo=UTC))
    past = amended(amend(currency="GBP", effective_from=LATER))
    step = given(instrument, *past).when(amend(name="Later"), seen=due)
    after = given(instrument, *past, *step.decision).state
    assert [after.quoted_in(d) for d in (TODAY, LATER)] == ["GBX", "GBP"]


# marks keep the unit that they were made in


def test_a_mark_is_in_the_unit_of_its_day_however_late_it_comes() -> None:
    state = given(instrument, *amended(amend(currency="GBP", effective_from=LATER))).state
    seen = Seen(now=datetime(2024, 6, 20, tzinfo=UTC), streams={"instrument-VOD": state})

    def told(currency: str, on: date) -> Any:
        command = MarkPrice(
            instrument_id="VOD",
            isin=VODAFONE,
            price=D(70),
            currency=currency,
            price_date=on,
            source="close",
        )
        return given(price).when(command, seen=seen)

    told("GBX", TODAY).after()
    told("GBP", LATER).after()
    told("GBP", TODAY).refused(PriceRefusal.CURRENCY_DIFFERS, currency="GBX")
    told("GBX", LATER).refused(PriceRefusal.CURRENCY_DIFFERS, currency="GBP")


def row(*past: Event) -> instruments.InstrumentRow:
    shown: instruments.InstrumentRow | None = None
    for n, event in enumerate(past, 1):
        shown = instruments.fold(shown, ("VOD",), arrived(event, n, stream="instrument-VOD"))
    assert shown is not None
    return instruments.terms(shown, TODAY)


def marked(px: str, currency: str, on: date = TODAY) -> marks.Mark:
    return marks.Mark(
        instrument_id="VOD",
        isin=VODAFONE,
        price=D(px),
        currency=currency,
        price_date=on,
        source="close",
    )


def test_a_holding_keeps_its_value_when_its_quotation_changes() -> None:
    pounds = row(*amended(amend(currency="GBP")))
    for mark in (marked("70", "GBX"), marked("0.70", "GBP")):
        for terms in (row(PENCE), pounds):
            value = value_of(D(1000), terms, mark)
            assert value is not None and (value.amount, value.currency) == (D("700.00"), "GBP")


def test_a_holding_marked_before_a_change_of_currency_is_worth_the_old_money() -> None:
    euros = row(*amended(amend(currency="EUR", settlement_currency="EUR")))
    value = value_of(D(1000), euros, marked("70", "GBX"))
    assert value is not None and (value.amount, value.currency) == (D("700.00"), "GBP")


@pytest.mark.parametrize(
    ("terms", "qty", "px", "amount"),
    [
        ({"price_type": PriceType.PERCENT_OF_PAR}, "10000", "98.50", "9850.00"),
        ({"multiplier": D(100)}, "3", "2.50", "750.00"),
        ({"currency": "JPY", "settlement_currency": "JPY"}, "3", "1000.5", "3002"),
        ({"currency": "KWD", "settlement_currency": "KWD"}, "3", "0.1115", "0.334"),
        (
            {"currency": "GBX", "settlement_currency": "GBP", "multiplier": D(10)},
            "2",
            "55",
            "11.00",
        ),
    ],
)
def test_value_is_rounded_to_the_settlement_currency(
    terms: dict[str, Any], qty: str, px: str, amount: str
) -> None:
    currency = {"currency": "USD", "settlement_currency": "USD", "price_factor": D(1)}
    listed = replace(PENCE, **(currency | terms))
    value = value_of(D(qty), row(listed), marked(px, listed.currency))
    assert value is not None and str(value.amount) == amount


# orders


def pounds_desk(mark: PriceMarked | None) -> Seen:
    return desk(listing=amended(amend(currency="GBP")), marks=() if mark is None else (mark,))


def test_a_hold_after_an_amended_quotation_is_in_the_new_unit() -> None:
    step = given(order).when(place(qty=D(1000), limit_px=D("0.71")), seen=pounds_desk(None))
    (event,) = step.decision
    # 710.00, commission 1.00, stamp duty 3.55
    assert (event.hold_amount, event.price_factor, event.currency) == (D("714.55"), 1, "GBP")


def test_a_market_order_restates_an_old_mark_in_the_new_unit() -> None:
    old = PriceMarked(
        instrument_id="AAPL",
        isin=VODAFONE,
        price=D(70),
        currency="GBX",
        price_date=date(2020, 2, 28),
        source="close",
    )
    market = place(qty=D(1000), ord_type=OrdType.MARKET, limit_px=None)
    (event,) = given(order).when(market, seen=pounds_desk(old)).decision
    assert event.hold_px == D("0.735")
    other = replace(old, currency="EUR")
    given(order).when(market, seen=pounds_desk(other)).refused(OrderRefusal.PRICE_UNKNOWN)


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_a_listing_of_old_in_two_moneys_takes_no_order(side: Side) -> None:
    listed = replace(
        PENCE, isin="US0378331005", currency="USD", settlement_currency="EUR", price_factor=D(1)
    )
    seen = desk(listing=(listed,), account=owning(100))
    given(order).when(place(side=side, qty=D(10), limit_px=D(40)), seen=seen).refused(
        OrderRefusal.SETTLEMENT_CURRENCY_DIFFERS, currency="USD", settlement_currency="EUR"
    )
    wrong = replace(listed, settlement_currency="USD", price_factor=D("0.01"))
    seen = desk(listing=(wrong,), account=owning(100))
    given(order).when(place(side=side, qty=D(10), limit_px=D(40)), seen=seen).refused(
        OrderRefusal.SETTLEMENT_CURRENCY_DIFFERS, price_factor=D("0.01")
    )


# where charges apply


@pytest.mark.parametrize(
    ("isin", "mic", "place_of_settlement", "duty"),
    [
        ("GB00BH4HKS39", "XLON", "", "15.00"),
        ("GB00BH4HKS39", "XLON", "CRSTGB22XXX", "15.00"),
        ("GB00BH4HKS39", "XLON", "MGTCBEBE", "0"),
        ("GB00BH4HKS39", "XNYS", "", "0"),
        ("GB00BH4HKS39", "XETR", "", "0"),
        ("IE00BYTBXV33", "XLON", "", "15.00"),
        ("US0378331005", "XLON", "", "15.00"),
        ("US0378331005", "XNAS", "", "0"),
        ("XS0203470157", "XLON", "", "15.00"),
    ],
)
def test_stamp_duty_follows_the_market_and_the_place_of_settlement_not_the_isin(
    isin: str, mic: str, place_of_settlement: str, duty: str
) -> None:
    listed = given(instrument).when(
        listing(isin=isin, currency="USD", mic=mic, place_of_settlement=place_of_settlement),
        seen=SEEN,
    )
    seen = desk(listing=listed.decision)
    (event,) = given(order).when(place(qty=D(100), limit_px=D(30)), seen=seen).decision
    assert event.hold_amount == 3000 + 3 + D(duty)  # commission 0.1 %


def test_a_stated_country_of_the_issuer_moves_no_charge() -> None:
    for country in ("GB", "US", "IE"):
        listed = given(instrument).when(
            listing(currency="USD", mic="XNYS", country=country), seen=SEEN
        )
        (event,) = (
            given(order).when(place(qty=D(100), limit_px=D(30)), seen=desk(listing=listed.decision))
        ).decision
        assert (event.country, event.hold_amount) == ("US", D("3003.00"))


def test_a_listing_that_moves_is_charged_by_its_new_market() -> None:
    moved = (*amended(), replace(amended(amend(name="x"))[1], name=None, mic="XNYS"))
    seen = desk(listing=tuple(moved))
    (event,) = given(order).when(place(qty=D(100), limit_px=D(30)), seen=seen).decision
    assert (event.country, event.market_country) == ("US", "US")


# old marks and rates are named


def valued(mark_age: int, rate_age: int, *, base: str = "EUR") -> Any:
    today = date(2026, 11, 30)
    value = value_of(D(10), row(PENCE), marked("5000", "GBX", today - timedelta(days=mark_age)))
    fixed = {"GBP": Fixed(D("0.85"), today - timedelta(days=rate_age)), "USD": Fixed(D(2), today)}
    return net_value(base, [("USD", D(0))], [Holding(VODAFONE, value)], fixed, today=today)


def test_a_value_names_the_marks_and_rates_that_are_old_and_how_old() -> None:
    assert valued(0, 0).stale == ()
    assert valued(5, 5).stale == ()
    assert [s.kind for s in valued(6, 5).stale] == ["mark"]
    old = valued(6, 1770)
    assert old.amount == D("588.24")
    assert [(s.kind, s.name, s.age_days) for s in old.stale] == [
        ("rate", "GBP", 1770),
        ("mark", VODAFONE, 6),
    ]


def test_a_cross_names_both_of_its_old_rates_and_what_is_not_used_is_not_named() -> None:
    today = date(2026, 11, 30)
    long_ago = date(2022, 1, 31)
    fixed = {c: Fixed(D("1.05"), long_ago) for c in ("CHF", "USD", "JPY")}
    net = net_value("USD", [("CHF", D("105.00")), ("JPY", D(0))], [], fixed, today=today)
    assert net.amount == D("105.00")
    assert [(s.name, s.as_of, s.age_days) for s in net.stale] == [
        ("CHF", long_ago, 1764),
        ("USD", long_ago, 1764),
    ]
    alone = net_value("CHF", [("CHF", D("105.00"))], [], fixed, today=today)
    assert alone.stale == ()


def test_what_is_missing_is_named_and_never_counted_as_nothing() -> None:
    today = date(2026, 11, 30)
    net = net_value("EUR", [("CHF", D(1))], [Holding("X", None)], {}, today=today)
    assert (net.amount, net.missing) == (None, ("mark of X", "rate of CHF in EUR"))
