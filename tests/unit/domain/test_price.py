"""A price is marked in the instrument's own currency and never changed."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from domain import instrument, price
from domain.price import MarkPrice, PriceMarked, PriceRefusal
from domain.shared.dates import DateRefusal
from domain.shared.message import Refused, Seen
from tests.unit.domain.scenario import given
from tests.unit.domain.test_instrument import APPLE, DELISTED, JUNE_10, LISTED, META, amended

FRIDAY, MONDAY = date(2024, 5, 31), date(2024, 6, 3)


def seeing(*history: Any, now: str = "2024-06-10T22:00:00") -> Seen:
    state = given(instrument, *history).state
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    return Seen(now=at, streams={"instrument-I1": state})


SEEN = seeing(LISTED)


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
        ({"isin": META}, PriceRefusal.ISIN_DIFFERS),
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


def test_an_unlisted_instrument_has_no_price() -> None:
    given(price).when(mark(), seen=seeing()).refused(
        PriceRefusal.INSTRUMENT_UNKNOWN, instrument_id="I1"
    )


def test_the_delisted_may_still_be_marked() -> None:
    given(price).when(mark(), seen=seeing(LISTED, DELISTED)).then(marked())


def test_a_mark_is_judged_by_the_terms_of_its_day() -> None:
    seen = seeing(LISTED, amended(JUNE_10, isin=META))
    given(price).when(mark(isin=META, price_date=JUNE_10), seen=seen).then(
        marked(isin=META, price_date=JUNE_10)
    )
    given(price).when(mark(isin=META), seen=seen).refused(
        PriceRefusal.ISIN_DIFFERS, instrument_id="I1", isin=META, listed=APPLE
    )


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


# listing's market, clock (UTC), the last day that can be marked then
TODAYS = [
    ("XNAS", "", "2024-06-04T01:00:00", "2024-06-03"),  # New York is a day behind UTC
    ("XNAS", "", "2024-06-04T04:00:00", "2024-06-04"),
    ("XLON", "", "2024-06-03T22:59:59", "2024-06-03"),
    ("XLON", "", "2024-06-03T23:00:00", "2024-06-04"),  # summer time
    ("XLON", "", "2024-01-03T23:00:00", "2024-01-03"),
    ("XTKS", "JP", "2024-06-03T15:00:00", "2024-06-04"),  # Tokyo is a day ahead
    ("XTKS", "JP", "2024-06-03T14:59:59", "2024-06-03"),
    (
        "XXXX",
        "",
        "2024-06-03T09:59:59",
        "2024-06-03",
    ),  # an unknown place: the date anywhere on earth
    ("XXXX", "", "2024-06-03T10:00:00", "2024-06-04"),
]


@pytest.mark.parametrize(("mic", "country", "now", "last"), TODAYS)
def test_a_day_can_be_marked_once_it_has_begun_in_the_market(
    mic: str, country: str, now: str, last: str
) -> None:
    seen = seeing(replace(LISTED, mic=mic, market_country=country), now=now)
    day = date.fromisoformat(last)
    given(price).when(mark(price_date=day), seen=seen).then(marked(price_date=day))
    for ahead in (1, 2, 366, 13_000):
        later = mark(price_date=day + timedelta(days=ahead))
        result = given(price).when(later, seen=seen).refused(DateRefusal.DATE_IN_FUTURE, today=day)
        assert result.state["field"] == "price_date"


def test_a_mark_of_a_day_to_come_does_not_stop_the_marks_of_today() -> None:
    """10 held: 50.00, then 5.00 dated 2062, then 51.00 is worth 510.00."""
    first = given(price).when(mark(price=Decimal("50.00")), seen=seeing(LISTED))
    state = first.then(marked(price=Decimal("50.00")))
    far = price.decide(mark(price=Decimal("5.00"), price_date=date(2062, 6, 3)), state, SEEN)
    assert isinstance(far, Refused)
    decided = price.decide(mark(price=Decimal("51.00")), state, SEEN)
    assert not isinstance(decided, Refused)
    state = price.evolve(state, decided[0])
    assert state.price is not None and state.price * 10 == Decimal("510.00")


def test_a_mark_of_before_all_books_is_refused() -> None:
    for day in (date.min, date(1899, 12, 31)):
        given(price).when(mark(price_date=day), seen=seeing(LISTED)).refused(
            DateRefusal.DATE_TOO_EARLY
        )
