"""One test over many cases: every case that fails is in its message, not the first alone."""

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


def every(cases: Iterable[T], check: Callable[[T], None]) -> None:
    """Check each case.

    Raises:
        AssertionError: some fail, or there is no case at all; a line for each that fails.
    """
    tried, failed = 0, list[str]()
    for case in cases:
        tried += 1
        try:
            check(case)
        except Exception as e:
            failed.append(f"{case}: {type(e).__name__}: {e}")
    assert tried, "no cases"
    assert not failed, "\n".join([f"{len(failed)} of {tried}:", *failed])
