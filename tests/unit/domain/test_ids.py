"""Ids that we derive: always valid, never two for one, never one for two, never other bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.account.trades import reverse_id
from domain.account.withdrawals import payment_id
from domain.shared.identifiers import ID_CHARS_MAX, is_id
from domain.shared.ids import child_id, within

LONG = "x" * 60 + "abcd"
IDS = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
SUFFIXES = st.builds(".{}{}".format, st.sampled_from("ct"), st.integers(1, 10**6))


@pytest.mark.parametrize(
    ("minted", "stored"),
    [
        (child_id("O1", ".c1"), "O1.c1"),
        (child_id(LONG, ".t12"), "x" * 39 + "_8c8649bd653fa765d886.t12"),
        (payment_id("A1", 3), "A1.W3"),
        (payment_id(LONG, 3), "8c8649bd653fa765d8860c3fce79b3129bddfac6.W3"),
        (reverse_id("O1.t1"), "O1.t1R"),
        (reverse_id(LONG), "8c8649bd653fa765d8860c3fce79b3129bddfac623e388cf75f92f31bca3e2R"),
        (within("A1", "F1"), "F1_bdb8c2eb8601b4ffda95"),
        (within("A1", LONG), "x" * 40 + "_d1a70939356da2eb16f6"),
    ],
)
def test_ids_are_minted_as_those_in_the_log_were(minted: str, stored: str) -> None:
    assert minted == stored


@given(IDS, SUFFIXES)
def test_a_child_id_is_an_id_that_ends_with_its_suffix(parent: str, suffix: str) -> None:
    child = child_id(parent, suffix)
    assert is_id(child) and len(child) <= ID_CHARS_MAX and child.endswith(suffix)
    assert child == child_id(parent, suffix)


@given(IDS, SUFFIXES, IDS, SUFFIXES)
def test_different_children_have_different_ids(p: str, a: str, q: str, b: str) -> None:
    assert (child_id(p, a) == child_id(q, b)) == ((p, a) == (q, b))


def test_parents_that_share_their_first_characters_stay_apart() -> None:
    assert child_id("x" * 63 + "a", "R") != child_id("x" * 63 + "b", "R")


@given(IDS, IDS, IDS, IDS)
def test_one_item_of_two_owners_has_two_ids(o: str, a: str, p: str, b: str) -> None:
    assert is_id(within(o, a)) and len(within(o, a)) <= 61
    assert (within(o, a) == within(p, b)) == ((o, a) == (p, b))
