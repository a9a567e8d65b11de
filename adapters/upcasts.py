"""Upcasts: how yesterday's bytes become today's events, one version at a time.

An upcast maps the raw payload of version n to version n + 1. It never reads the clock or a
table, and is never changed once released: `tests/golden` keeps a sample of every version.
"""

from collections.abc import Callable
from typing import Any

Payload = dict[str, Any]

UPCASTS: dict[tuple[str, int], Callable[[Payload], Payload]] = {}
