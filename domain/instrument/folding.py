"""Applies an instrument's events without judging them: every event in the stream has happened."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from domain.instrument import events as e
from domain.instrument.state import Change, Instrument, InstrumentStatus, with_change
from domain.shared.message import Event


def evolve(state: Instrument, event: Event) -> Instrument:
    return _EVOLVE[type(event)](state, event)


def _listed(state: Instrument, event: e.InstrumentListed) -> Instrument:
    terms = {f: getattr(event, f) for f in event.__struct_fields__ if f != "instrument_id"}
    return Instrument(status=InstrumentStatus.LISTED, **terms)


def _changed(state: Instrument, change: Change) -> Instrument:
    """Apply the pending changes that are due, then the new one; one for a later date waits."""
    state = state.terms(change.decided_on)
    if change.effective_from <= change.decided_on:
        return with_change(state, change)
    waiting = sorted((*state.pending, change), key=lambda c: c.effective_from)
    return replace(state, pending=tuple(waiting))


def _halted(state: Instrument, event: e.InstrumentHalted) -> Instrument:
    return replace(state, status=InstrumentStatus.HALTED)


def _resumed(state: Instrument, event: e.InstrumentResumed) -> Instrument:
    return replace(state, status=InstrumentStatus.LISTED)


def _used(state: Instrument, event: e.InstrumentUsed) -> Instrument:
    return replace(state, used=True)


_EVOLVE: Mapping[type[Event], Callable[[Instrument, Any], Instrument]] = {
    e.InstrumentListed: _listed,
    e.InstrumentAmended: _changed,
    e.InstrumentHalted: _halted,
    e.InstrumentResumed: _resumed,
    e.InstrumentDelisted: _changed,
    e.InstrumentUsed: _used,
}
EVENTS = tuple(_EVOLVE)
