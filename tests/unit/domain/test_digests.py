"""Digests of sealed texts: equal texts compare equal, and nothing else does."""

import hmac

from hypothesis import given
from hypothesis import strategies as st

from domain.shared.digests import digest, plain_digest, stored_as

KEY = b"k" * 32


@given(st.text(max_size=30), st.text(max_size=30))
def test_digests_are_equal_where_the_texts_are(one: str, other: str) -> None:
    assert (digest(one, KEY, scope="A1") == digest(other, KEY, scope="A1")) == (one == other)


@given(st.binary(max_size=200), st.text(), st.text())
def test_a_digest_is_the_hmac_of_the_standard(key: bytes, text: str, scope: str) -> None:
    result = f"{len(scope)}:{scope}:{text}".encode()
    assert digest(text, key, scope=scope) == hmac.digest(key, result, "sha256").hex()[:32]


def test_the_key_and_the_scope_change_the_digest() -> None:
    here = digest("P1", KEY, scope="A1")
    assert here != digest("P1", b"other", scope="A1")
    assert here != digest("P1", KEY, scope="A2")
    assert digest("1P1", KEY, scope="A") != digest("P1", KEY, scope="A1")


def test_a_text_is_found_as_it_was_stored_then_or_now() -> None:
    now, then = digest("P1", KEY, scope="A1"), plain_digest("P1", scope="A1")
    assert stored_as("P1", KEY, scope="A1", known={now, "x"}) == now
    assert stored_as("P1", KEY, scope="A1", known={then, "x"}) == then
    assert stored_as("P1", KEY, scope="A1", known={"x", "P1", ""}) is None


def test_a_digest_reveals_nothing_of_the_text() -> None:
    assert "Lovelace" not in digest("Lovelace", KEY, scope="A1")
    assert len(digest("x" * 1_000, KEY, scope="A1")) == 32
