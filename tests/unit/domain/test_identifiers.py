"""Derived ids: always valid, one id per source, and no id shared by two sources."""

from hypothesis import given
from hypothesis import strategies as st

from domain.shared.identifiers import COUNTRIES, ID_CHARS_MAX, child_id, is_id, is_isin

IDS = st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True)


def test_a_child_reads_as_its_parent_and_its_name() -> None:
    assert child_id("T1", "R") == "T1.R"


def test_a_long_parent_is_hashed_and_the_name_stays_readable() -> None:
    child = child_id("x" * 64, "R")
    assert child.endswith(".R") and len(child) == 34


@given(IDS, st.text(max_size=80))
def test_a_child_id_is_an_id(parent: str, suffix: str) -> None:
    child = child_id(parent, suffix)
    assert is_id(child) and len(child) <= ID_CHARS_MAX
    assert child == child_id(parent, suffix)


# Short ids over a tiny alphabet, so that the dots have every chance to be misread.
TIGHT = st.from_regex(r"[a.]{1,4}", fullmatch=True)


@given(TIGHT, TIGHT, TIGHT, TIGHT)
def test_different_children_have_different_ids(p: str, a: str, q: str, b: str) -> None:
    assert (child_id(p, a) == child_id(q, b)) == ((p, a) == (q, b))


def test_parents_that_share_their_first_characters_stay_apart() -> None:
    assert child_id("x" * 63 + "a", "R") != child_id("x" * 63 + "b", "R")


@given(st.text(max_size=20))
def test_an_isin_check_never_raises(text: str) -> None:
    assert is_isin(text) in {True, False}


def test_there_are_as_many_countries_as_iso_3166_assigns() -> None:
    assert len(COUNTRIES) == 249
