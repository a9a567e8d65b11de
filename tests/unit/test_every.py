"""A loop of checks names every case that fails, and fails if it has nothing to check."""

import pytest

from tests.every import every


def odd(number: int) -> None:
    assert number % 2, "even"


def test_every_case_that_fails_is_named() -> None:
    with pytest.raises(AssertionError) as failed:
        every([1, 2, 3, 4], odd)
    first, *lines = str(failed.value).splitlines()
    assert first == "2 of 4:"
    assert [line[:2] for line in lines if line[:2] in {"2:", "4:"}] == ["2:", "4:"]


def test_an_error_in_a_check_is_a_case_that_fails() -> None:
    with pytest.raises(AssertionError, match="0: ZeroDivisionError"):
        every([0, 1], lambda number: print(1 / number))


def test_no_cases_are_a_failure() -> None:
    with pytest.raises(AssertionError, match="no cases"):
        every([], odd)


def test_cases_that_all_hold_pass() -> None:
    every([1, 3], odd)
