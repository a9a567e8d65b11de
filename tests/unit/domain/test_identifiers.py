"""Checks of public identifiers: total, and with the whole list of countries."""

from hypothesis import given
from hypothesis import strategies as st

from domain.shared.identifiers import COUNTRIES, is_isin


@given(st.text(max_size=20))
def test_an_isin_check_never_raises(text: str) -> None:
    assert is_isin(text) in {True, False}


def test_there_are_as_many_countries_as_iso_3166_assigns() -> None:
    assert len(COUNTRIES) == 249
