"""An instrument is listed, amended from a date on, halted, resumed, delisted."""

from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from domain import instrument
from domain.instrument.commands import (
    AmendInstrument,
    DelistInstrument,
    HaltInstrument,
    ListInstrument,
    ResumeInstrument,
    UseInstrument,
)
from domain.instrument.events import (
    InstrumentAmended,
    InstrumentDelisted,
    InstrumentHalted,
    InstrumentListed,
    InstrumentResumed,
    InstrumentUsed,
)
from domain.instrument.refusals import InstrumentRefusal
from domain.shared.message import Event, Seen
from tests.unit.domain.scenario import given

JUNE_3, JUNE_10, JUNE_20 = date(2024, 6, 3), date(2024, 6, 10), date(2024, 6, 20)
TODAY = Seen(now=datetime(2024, 6, 3, 9, tzinfo=UTC))
APPLE, META = "US0378331005", "US30303M1027"
LISTED = InstrumentListed(
    instrument_id="I1",
    symbol="AAPL",
    isin=APPLE,
    currency="USD",
    settlement_currency="USD",
    mic="XNAS",
    country="US",
    asset_class="equity",
    tick_size=Decimal("0.01"),
    lot_size=Decimal(1),
)
HALTED = InstrumentHalted(instrument_id="I1", reason="news")
DELISTED = InstrumentDelisted(instrument_id="I1", effective_from=JUNE_3, decided_on=JUNE_3)


def listing(**changes: Any) -> ListInstrument:
    return ListInstrument(
        **{
            "instrument_id": "I1",
            "symbol": "AAPL",
            "isin": APPLE,
            "currency": "USD",
            "mic": "XNAS",
            **changes,
        }
    )


def amended(on: date, **terms: Any) -> InstrumentAmended:
    return InstrumentAmended(instrument_id="I1", effective_from=on, decided_on=JUNE_3, **terms)


def test_a_listing_fills_in_what_follows_from_the_rest() -> None:
    state = given(instrument).when(listing(), seen=TODAY).then(LISTED)
    assert (state.status, state.isin, state.settlement_currency) == ("listed", APPLE, "USD")


def test_a_quote_in_pence_settles_in_pounds() -> None:
    command = listing(isin="GB0002374006", currency="GBX", mic="XLON")
    state = given(instrument).when(command, seen=TODAY).after()
    assert (state.currency, state.settlement_currency) == ("GBX", "GBP")
    assert (state.price_factor, state.country) == (Decimal("0.01"), "GB")


def test_an_international_bond_has_no_country_unless_it_is_given() -> None:
    bond = {"isin": "XS0203470157", "asset_class": "bond", "price_type": "percent_of_par"}
    assert given(instrument).when(listing(**bond), seen=TODAY).after().country == ""
    state = given(instrument).when(listing(**bond, country="LU"), seen=TODAY).after()
    assert state.country == "LU"


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"isin": "US0378331006"}, InstrumentRefusal.ISIN_INVALID),
        ({"isin": ""}, InstrumentRefusal.ISIN_INVALID),
        ({"mic": "nyse"}, InstrumentRefusal.MIC_INVALID),
        ({"market_country": "UK"}, InstrumentRefusal.MARKET_COUNTRY_INVALID),
        ({"market_country": ""}, InstrumentRefusal.MARKET_COUNTRY_INVALID),
        ({"market_country": "DE"}, InstrumentRefusal.MARKET_COUNTRY_INVALID),
        ({"currency": "XYZ"}, InstrumentRefusal.CURRENCY_UNKNOWN),
        ({"settlement_currency": "GBX"}, InstrumentRefusal.CURRENCY_UNKNOWN),
        ({"tick_size": Decimal("-0.01")}, InstrumentRefusal.SIZE_NOT_POSITIVE),
        ({"lot_size": Decimal(-1)}, InstrumentRefusal.SIZE_NOT_POSITIVE),
        ({"qty_increment": Decimal("NaN")}, InstrumentRefusal.SIZE_NOT_POSITIVE),
        ({"multiplier": Decimal("Infinity")}, InstrumentRefusal.SIZE_NOT_POSITIVE),
        ({"lot_size": Decimal("1E+70")}, InstrumentRefusal.SIZE_NOT_POSITIVE),
        ({"price_factor": Decimal("1E-11")}, InstrumentRefusal.SIZE_NOT_POSITIVE),
    ],
)
def test_a_listing_that_cannot_be_is_refused(
    changes: dict[str, Any], refusal: InstrumentRefusal
) -> None:
    given(instrument).when(listing(**changes), seen=TODAY).refused(refusal)


def test_a_listing_exists_once_and_nothing_happens_to_the_unknown() -> None:
    given(instrument, LISTED).when(listing(), seen=TODAY).refused(
        InstrumentRefusal.INSTRUMENT_EXISTS, isin=APPLE
    )
    given(instrument).when(HaltInstrument(instrument_id="I1"), seen=TODAY).refused(
        InstrumentRefusal.INSTRUMENT_UNKNOWN
    )


def test_sizes_are_stored_in_one_form() -> None:
    command = listing(tick_size=Decimal("0.0100"), lot_size=Decimal("1E+2"))
    (event,) = given(instrument).when(command, seen=TODAY).decision
    assert (str(event.tick_size), str(event.lot_size)) == ("0.01", "100")


def test_an_amendment_takes_effect_today_unless_it_says_when() -> None:
    command = AmendInstrument(instrument_id="I1", symbol="APPL", tick_size=Decimal("0.05"))
    change = amended(JUNE_3, symbol="APPL", tick_size=Decimal("0.05"))
    state = given(instrument, LISTED).when(command, seen=TODAY).then(change)
    assert (state.symbol, state.tick_size, state.pending) == ("APPL", Decimal("0.05"), ())


def test_an_amendment_for_later_waits_and_then_applies() -> None:
    command = AmendInstrument(instrument_id="I1", symbol="META", isin=META, effective_from=JUNE_10)
    change = amended(JUNE_10, symbol="META", isin=META)
    state = given(instrument, LISTED).when(command, seen=TODAY).then(change)
    assert (state.symbol, state.pending) == ("AAPL", (change,))
    assert state.terms(date(2024, 6, 9)).symbol == "AAPL"
    assert state.terms(JUNE_10).symbol == "META"
    assert state.terms(JUNE_10).pending == ()


def test_pending_changes_apply_in_the_order_of_their_dates() -> None:
    late, early = amended(JUNE_20, symbol="LATE"), amended(JUNE_10, symbol="EARLY", mic="XNYS")
    state = given(instrument, LISTED, late, early).state
    assert [state.terms(d).symbol for d in (JUNE_3, JUNE_10, JUNE_20)] == ["AAPL", "EARLY", "LATE"]
    assert state.terms(JUNE_20).mic == "XNYS"


def test_what_has_come_due_is_settled_before_the_next_change() -> None:
    later = InstrumentAmended(
        instrument_id="I1", effective_from=JUNE_20, decided_on=JUNE_20, lot_size=Decimal(5)
    )
    state = given(instrument, LISTED, amended(JUNE_10, symbol="META"), later).state
    assert (state.symbol, state.lot_size, state.pending) == ("META", Decimal(5), ())


def test_an_amendment_that_changes_nothing_is_not_recorded() -> None:
    given(instrument, LISTED).when(
        AmendInstrument(instrument_id="I1", symbol="AAPL"), seen=TODAY
    ).then()


def test_the_market_of_a_listing_is_that_of_its_exchange_unless_stated() -> None:
    def market(**changes: Any) -> str:
        return given(instrument).when(listing(**changes), seen=TODAY).after().market

    assert [market(mic=m) for m in ("XNAS", "XLON", "XETR", "XTKS")] == ["US", "GB", "DE", ""]
    assert market(mic="CEUX", market_country="NL") == "NL"
    assert market(mic="XETR", market_country="DE") == "DE"


def test_a_market_may_be_stated_later_and_is_dropped_when_the_listing_moves() -> None:
    state = given(instrument, LISTED, amended(JUNE_3, mic="CEUX")).state
    assert state.market == ""
    command = AmendInstrument(instrument_id="I1", market_country="NL")
    past = (LISTED, amended(JUNE_3, mic="CEUX"), amended(JUNE_3, market_country="NL"))
    assert given(instrument, *past[:2]).when(command, seen=TODAY).then(past[2]).market == "NL"
    state = given(instrument, *past, amended(JUNE_10, mic="XLON")).state
    assert [state.terms(day).market for day in (JUNE_3, JUNE_10)] == ["NL", "GB"]
    state = given(instrument, *past, amended(JUNE_10, mic="XTKS")).state
    assert state.terms(JUNE_10).market == ""


def test_an_amendment_is_checked_like_a_listing() -> None:
    def amend(**terms: Any) -> given:
        return given(instrument, LISTED).when(
            AmendInstrument(instrument_id="I1", **terms), seen=TODAY
        )

    amend(isin="X").refused(InstrumentRefusal.ISIN_INVALID)
    amend(currency="X").refused(InstrumentRefusal.CURRENCY_UNKNOWN)
    amend(tick_size=Decimal(-1)).refused(InstrumentRefusal.SIZE_NOT_POSITIVE)
    amend(mic="x").refused(InstrumentRefusal.MIC_INVALID)
    amend(market_country="GB").refused(
        InstrumentRefusal.MARKET_COUNTRY_INVALID, mic="XNAS", market_country="GB"
    )


def marked(price: str | None) -> Seen:
    mark = SimpleNamespace(price=None if price is None else Decimal(price))
    return replace(TODAY, streams={"price-I1": mark})


USED = InstrumentUsed(instrument_id="I1", isin=APPLE, order_id="O1")
TO_META = AmendInstrument(instrument_id="I1", isin=META)
LATER = replace(TO_META, effective_from=JUNE_10)


@pytest.mark.parametrize("command", [TO_META, LATER, replace(TO_META, symbol="META")])
@pytest.mark.parametrize(("past", "price"), [((USED,), None), ((), "50.00"), ((USED,), "50.00")])
def test_a_listing_that_may_be_held_keeps_its_isin(
    command: AmendInstrument, past: tuple[Event, ...], price: str | None
) -> None:
    result = given(instrument, LISTED, *past).when(command, seen=marked(price))
    result.refused(InstrumentRefusal.ISIN_HELD, isin=APPLE)


def test_a_listing_that_cannot_be_held_takes_another_isin() -> None:
    state = given(instrument, LISTED).when(TO_META, seen=marked(None)).after()
    assert state.isin == META


def test_other_terms_and_the_same_isin_are_amended_even_if_it_is_held() -> None:
    for terms in ({"symbol": "APL"}, {"symbol": "APL", "isin": APPLE}):
        command = AmendInstrument(instrument_id="I1", **terms)  # type: ignore[arg-type]
        assert instrument.reads(command) == (("price-I1",) if "isin" in terms else ())
        given(instrument, LISTED, USED).when(command, seen=marked("50.00")).after()


def use(isin: str = APPLE, order_id: str = "O1") -> UseInstrument:
    return UseInstrument(instrument_id="I1", isin=isin, order_id=order_id)


def test_an_order_is_answered_even_if_the_listing_was_used_before() -> None:
    assert given(instrument, LISTED).when(use(), seen=TODAY).then(USED).used
    given(instrument, LISTED, USED).when(use(), seen=TODAY).then(USED)
    given(instrument, LISTED, USED).when(use(order_id=""), seen=TODAY).then()


def test_a_listing_is_not_used_under_an_isin_that_it_has_not_or_will_not_keep() -> None:
    def refused(*past: Event, isin: str) -> None:
        result = given(instrument, LISTED, *past).when(use(isin), seen=TODAY)
        result.refused(InstrumentRefusal.ISIN_DIFFERS)

    refused(isin=META)
    refused(amended(JUNE_3, isin=META), isin=APPLE)
    refused(amended(JUNE_10, isin=META), isin=APPLE)


def test_a_halt_stops_trading_until_it_is_lifted() -> None:
    halt = HaltInstrument(instrument_id="I1", reason="news")
    resume = ResumeInstrument(instrument_id="I1")
    assert given(instrument, LISTED).when(halt, seen=TODAY).then(HALTED).status == "halted"
    given(instrument, LISTED, HALTED).when(halt, seen=TODAY).then()
    given(instrument, LISTED).when(resume, seen=TODAY).refused(
        InstrumentRefusal.INSTRUMENT_NOT_HALTED, status="listed"
    )
    resumed = given(instrument, LISTED, HALTED).when(resume, seen=TODAY)
    assert resumed.then(InstrumentResumed(instrument_id="I1")).status == "listed"


def test_a_delisting_for_later_lets_trading_go_on_until_then() -> None:
    command = DelistInstrument(instrument_id="I1", effective_from=JUNE_10)
    delisting = InstrumentDelisted(instrument_id="I1", effective_from=JUNE_10, decided_on=JUNE_3)
    state = given(instrument, LISTED).when(command, seen=TODAY).then(delisting)
    assert [state.terms(d).status for d in (JUNE_3, JUNE_10)] == ["listed", "delisted"]
    after = Seen(now=datetime(2024, 6, 10, tzinfo=UTC))
    halt = HaltInstrument(instrument_id="I1")
    given(instrument, LISTED, delisting).when(halt, seen=after).refused(
        InstrumentRefusal.INSTRUMENT_DELISTED
    )


def test_the_delisted_is_not_touched_again() -> None:
    for command in (
        AmendInstrument(instrument_id="I1", symbol="X"),
        HaltInstrument(instrument_id="I1"),
        ResumeInstrument(instrument_id="I1"),
        DelistInstrument(instrument_id="I1"),
    ):
        given(instrument, LISTED, DELISTED).when(command, seen=TODAY).refused(
            InstrumentRefusal.INSTRUMENT_DELISTED, isin=APPLE
        )


def test_one_event_a_kind_survives_storage() -> None:
    events: tuple[Event, ...] = (
        LISTED,
        amended(JUNE_10, symbol="META"),
        HALTED,
        InstrumentResumed(instrument_id="I1"),
        DELISTED,
        InstrumentUsed(instrument_id="I1", isin=APPLE),
    )
    for event in events:
        assert msgspec.json.decode(msgspec.json.encode(event), type=type(event)) == event
    assert tuple(map(type, events)) == instrument.EVENTS


def test_a_tick_of_zero_means_that_any_price_is_good() -> None:
    any_price = replace(LISTED, tick_size=Decimal(0))
    given(instrument).when(listing(tick_size=Decimal(0))).then(any_price)
