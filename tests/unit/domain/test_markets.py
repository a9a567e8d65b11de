"""The country of an exchange, whose calendar its trades settle by."""

import pytest

from domain.shared.identifiers import is_country, is_mic
from domain.shared.markets import COUNTRIES, country_of
from domain.shared.settlement_dates import Market, OutsideCalendar, market_of
from streams.gateways.counterparties import NextDay
from tests.unit.sagas.world import MONDAY


@pytest.mark.parametrize(
    ("mic", "country", "market"),
    [
        ("XNAS", "US", Market.US),
        ("ARCX", "US", Market.US),
        ("XLON", "GB", Market.UK),
        ("XETR", "DE", Market.EU),
        ("XPAR", "FR", Market.EU),
        ("XTKS", "", None),
        ("XSTO", "", None),
    ],
)
def test_an_exchange_is_in_a_country_with_a_calendar_or_unknown(
    mic: str, country: str, market: Market | None
) -> None:
    assert (country_of(mic), market_of(country_of(mic))) == (country, market)


def test_every_exchange_listed_is_in_one_country_whose_calendar_is_known() -> None:
    for mic, country in COUNTRIES.items():
        assert is_mic(mic) and is_country(country) and market_of(country) is not None, mic


@pytest.mark.parametrize("country", ["", "JP", "SE", "PL", "CH"])
def test_a_country_without_a_calendar_has_no_settlement_date(country: str) -> None:
    with pytest.raises(OutsideCalendar, match=f"no settlement calendar for country '{country}'"):
        NextDay(MONDAY).settl_date(country, MONDAY)
