"""JSON from outside: only text that every parser reads alike is accepted."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.http.strict_json import loads

TWICE = [
    b'{"amount": "1", "amount": "2"}',
    b'{"amount": "1", "amount": "1"}',
    b'{"amount": "1", "\\u0061mount": "2"}',
    b'{"a": {"b": [{"c": 1}, {"c": 1, "c": 2}]}}',
    b'[{"name": "x", "key": "k", "body": {"a": 1, "a": 2}}]',
    b'{"": 1, "": 2}',
    '{"é": 1, "\\u00e9": 2}'.encode(),
    b'{"a": ":", "a": "::"}',
]


@pytest.mark.parametrize("raw", TWICE)
def test_a_name_twice_in_one_object_is_refused_at_any_depth_and_spelling(raw: bytes) -> None:
    with pytest.raises(ValueError, match="twice in one object"):
        loads(raw)
    with pytest.raises(ValueError, match="twice in one object"):
        loads(raw.decode())


@pytest.mark.parametrize(
    "raw",
    [b"{", b"NaN", b'{"a": Infinity}', b'{"a": "\\ud800"}', b'"\xff"', b"[" * 300 + b"]" * 300],
)
def test_what_is_no_json_in_utf_8_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):
        loads(raw)


@pytest.mark.parametrize("raw", TWICE)
def test_a_name_twice_is_not_called_a_fault_of_the_encoding(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"^the name .* is there twice in one object"):
        loads(raw)


@pytest.mark.parametrize("raw", [b"{", b"NaN", b'"\xff"'])
def test_text_that_is_no_json_is_a_clear_error(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"^not JSON in UTF-8: "):
        loads(raw)


def test_names_that_differ_are_two_names() -> None:
    assert loads(b'{"a": 1, "A": 2, "a ": 3}') == {"a": 1, "A": 2, "a ": 3}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@settings(max_examples=50)
@given(VALUES)
def test_json_means_what_it_says(value: Any) -> None:
    assert loads(json.dumps(value)) == value
    assert loads(json.dumps(value, ensure_ascii=False).encode()) == value


@settings(max_examples=50)
@given(st.dictionaries(st.text(), VALUES, min_size=1), st.data())
def test_repeating_any_name_is_refused(value: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(value)))
    raw = json.dumps(value)[:-1] + f", {json.dumps(name)}: null}}"
    with pytest.raises(ValueError, match="twice"):
        loads(raw)
