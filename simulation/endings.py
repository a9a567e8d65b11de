"""How far the sagas of a run have come: their states, and reports that matched nothing."""

from collections import Counter
from typing import Any

from sagas.catalogue import SAGAS
from sagas.engine.ports import KeptRows, Saga
from sagas.engine.runner import restore

STATES = ("step", "phase")  # the fields that name a saga's state
OPEN, ENDED, WORKING = "open", "ended", "working"


def endings(kept: KeptRows) -> dict[str, dict[str, int]]:
    """By saga: the number of rows in each state, and how many are `open`.

    A saga without named states has only waiting and ended rows.
    """
    by_name = {saga.NAME: saga for saga in SAGAS}
    found: dict[str, Counter[str]] = {saga.NAME: Counter({OPEN: 0}) for saga in SAGAS}
    for (name, _), row in kept.states.items():
        if name in by_name:
            found[name][OPEN] += not row.ended
            found[name][_state(by_name[name], row)] += 1
    return {name: dict(sorted(counts.items())) for name, counts in found.items()}


def _state(saga: Saga, row: Any) -> str:
    state = restore(saga, row)
    named = next((str(getattr(state, f)) for f in STATES if getattr(state, f, "")), "")
    if named and not (row.ended and named == WORKING):
        return "instructed" if named == OPEN else named  # `open` is the count
    return ENDED if row.ended else "waiting"
