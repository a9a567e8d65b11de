"""Upcasts: how yesterday's bytes become today's events, one version at a time.

An upcast maps the raw payload of version n to version n + 1. It never reads the clock or a
table, and is never changed once released: `tests/golden` keeps a sample of every version.

Personal fields are opened before the first upcast, so an upcast sees what was said: the clear
value, or `{"erased": "erased"}` where its key was destroyed. What it cannot take apart then it
passes on as it is. `SEALED` says which fields of an old version were personal, and which named
the client, by the names they had then: the ciphertext is bound to them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

Payload = dict[str, Any]


class Seals(NamedTuple):
    """The personal fields of one old version, by the names they had then."""

    subject: str
    fields: tuple[str, ...]


SEALED: dict[tuple[str, int], Seals] = {}
"""By name and version: of every old version of an event that has, or had, personal fields."""


def _form_1(payload: Payload) -> Payload:
    """Version 1 knew one form of statement only: its leaves are the chain hashes alone."""
    return {**payload, "form": 1}


UPCASTS: dict[tuple[str, int], Callable[[Payload], Payload]] = {
    ("checkpoint.signed", 1): _form_1,
}
