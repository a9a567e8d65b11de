"""A price is marked in the instrument's own currency and never changed."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from domain import instrument, price
from domain.message import Seen
from domain.price import MarkPrice, PriceMarked, PriceRefusal
from tests.unit.scenario import given
from tests.unit.test_instrument import APPLE, DELISTED, JUNE_10, LISTED, META, amended

FRIDAY, MONDAY = date(2024, 5, 31), date(2024, 6, 3)


def seeing(*history: Any) -> Seen:
    state = given(instrument, *history).state
    return Seen(now=datetime(2024, 6, 3, 22, tzinfo=UTC), streams={"instrument-I1": state})


def mark(**changes: Any) -> MarkPrice:
    return MarkPrice(**_facts(changes))


def marked(**changes: Any) -> PriceMarked:
    return PriceMarked(**_facts(changes))


def _facts(changes: dict[str, Any]) -> dict[str, Any]:
    return {
        "instrument_id": "I1",
        "isin": APPLE,
        "price": Decimal("194.03"),
        "currency": "USD",
        "price_date": MONDAY,
        "source": "skfolio",
        **changes,
    }


def test_a_mark_becomes_the_price() -> None:
    state = given(price).when(mark(), seen=seeing(LISTED)).then(marked())
    assert (state.price, state.price_date, state.currency) == (Decimal("194.03"), MONDAY, "USD")
    assert price.reads(mark()) == ("instrument-I1",)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"isin": META}, PriceRefusal.INSTRUMENT_UNKNOWN),
        ({"currency": "EUR"}, PriceRefusal.CURRENCY_DIFFERS),
        ({"price": Decimal(0)}, PriceRefusal.PRICE_NOT_POSITIVE),
        ({"price": Decimal(-1)}, PriceRefusal.PRICE_NOT_POSITIVE),
        ({"price": Decimal("NaN")}, PriceRefusal.PRICE_NOT_POSITIVE),
        ({"price": Decimal("Infinity")}, PriceRefusal.PRICE_NOT_POSITIVE),
        ({"price": Decimal("1E+70")}, PriceRefusal.PRICE_INEXACT),
        ({"price": Decimal("1.00000000001")}, PriceRefusal.PRICE_INEXACT),
    ],
)
def test_what_is_no_price_of_the_instrument_is_refused(
    changes: dict[str, Any], refusal: PriceRefusal
) -> None:
    given(price).when(mark(**changes), seen=seeing(LISTED)).refused(refusal)


def test_an_instrument_that_nobody_listed_has_no_price() -> None:
    given(price).when(mark(), seen=seeing()).refused(PriceRefusal.INSTRUMENT_UNKNOWN)


def test_the_delisted_may_still_be_marked() -> None:
    given(price).when(mark(), seen=seeing(LISTED, DELISTED)).then(marked())


def test_a_mark_is_judged_by_the_terms_of_its_day() -> None:
    seen = seeing(LISTED, amended(JUNE_10, isin=META))
    given(price).when(mark(isin=META, price_date=JUNE_10), seen=seen).then(
        marked(isin=META, price_date=JUNE_10)
    )
    given(price).when(mark(isin=META), seen=seen).refused(PriceRefusal.INSTRUMENT_UNKNOWN)


def test_the_same_mark_again_changes_nothing() -> None:
    given(price, marked()).when(mark(price=Decimal("194.0300")), seen=seeing(LISTED)).then()


def test_a_corrected_mark_replaces_the_one_of_its_day() -> None:
    better = marked(price=Decimal("194.04"))
    state = given(price, marked()).when(mark(price=Decimal("194.04")), seen=seeing(LISTED))
    assert state.then(better).price == Decimal("194.04")


def test_a_late_mark_is_recorded_and_leaves_the_newest_in_force() -> None:
    late = {"price_date": FRIDAY, "price": Decimal("192.25")}
    state = given(price, marked()).when(mark(**late), seen=seeing(LISTED)).then(marked(**late))
    assert (state.price, state.price_date) == (Decimal("194.03"), MONDAY)
