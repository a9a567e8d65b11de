"""The catalogue: one line per aggregate, and the tables that follow from it."""

from collections.abc import Callable
from typing import Any

from domain import (
    account,
    checkpoint,
    client,
    desk,
    fix_session,
    fx,
    house,
    instrument,
    order,
    price,
    saga,
    settlement,
    simulation,
)
from domain.shared.message import Command, Event, Refusal, RequestRefusal

AGGREGATES: tuple[Any, ...] = (
    client,
    instrument,
    price,
    fx,
    account,
    order,
    settlement,
    house,
    checkpoint,
    simulation,
    fix_session,
    desk,
    saga,
)
CATEGORIES: dict[str, Any] = {a.CATEGORY: a for a in AGGREGATES}
DECIDERS: dict[type[Command], Any] = {c: a for a in AGGREGATES for c in a.COMMANDS}
COMMANDS: dict[str, type[Command]] = {c.__name__: c for c in DECIDERS}
REFUSALS: dict[type[Command], tuple[Refusal, ...]] = {
    c: (*a.REFUSALS[c], RequestRefusal.of_stated_time(c)) for c, a in DECIDERS.items()
}
"""Every refusal that a command may get, including the one for its stated time."""
SETTLED: dict[type[Command], Callable[[Any], bool]] = {
    c: settled for a in AGGREGATES for c, settled in getattr(a, "SETTLED", {}).items()
}
"""By command whose caller may wait (`Prefer: wait`): tests whether a state holds the answer."""
EVENTS: dict[str, type[Event]] = {
    str(e.__struct_config__.tag): e for a in AGGREGATES for e in a.EVENTS
}

assert len(COMMANDS) == len(DECIDERS), "two commands share one name"
assert len(EVENTS) == sum(len(a.EVENTS) for a in AGGREGATES), "two events share one name"
