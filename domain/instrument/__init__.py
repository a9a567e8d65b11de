"""Instrument: one listing of a security and its effective-dated terms (`state` has the machine).

Refuses faults that the identifiers and terms themselves show. The round lot is information: an
order that misses it is never refused.
Source: domain rule 14.
"""

from collections.abc import Callable, Mapping
from typing import Any

from domain.instrument import commands, decisions
from domain.instrument.commands import AmendInstrument, ListInstrument, UseInstrument
from domain.instrument.folding import EVENTS as EVENTS
from domain.instrument.folding import evolve as evolve
from domain.instrument.refusal_table import REFUSALS as REFUSALS
from domain.instrument.refusals import InstrumentRefusal
from domain.instrument.state import INITIAL as INITIAL
from domain.instrument.state import Instrument, InstrumentStatus
from domain.shared.message import Command, Decision, Seen, refused

_DECIDE: Mapping[type[Command], Callable[[Any, Instrument, Seen], Decision]] = {
    commands.ListInstrument: decisions.list_,
    commands.AmendInstrument: decisions.amend,
    commands.HaltInstrument: decisions.halt,
    commands.ResumeInstrument: decisions.resume,
    commands.DelistInstrument: decisions.delist,
    commands.UseInstrument: decisions.use,
}

CATEGORY = "instrument"
COMMANDS = tuple(_DECIDE)


def key(command: Any) -> str:
    return str(command.instrument_id)


def reads(command: Command) -> tuple[str, ...]:
    """A change of ISIN reads the marks: an instrument with a price may be held."""
    if isinstance(command, AmendInstrument) and command.isin is not None:
        return (f"price-{command.instrument_id}",)
    return ()


def decide(command: Command, state: Instrument, seen: Seen) -> Decision:
    """Judge a command against the terms of today, by the handler's clock."""
    now = state.terms(seen.now.date())
    if now.status is InstrumentStatus.NONE and not isinstance(command, ListInstrument):
        return refused(InstrumentRefusal.INSTRUMENT_UNKNOWN, instrument_id=key(command))
    if now.status is InstrumentStatus.DELISTED and not isinstance(
        command, ListInstrument | UseInstrument
    ):
        return refused(InstrumentRefusal.INSTRUMENT_DELISTED, isin=now.isin)
    return _DECIDE[type(command)](command, now, seen)


def home(state: Instrument, stream: str) -> str:
    return stream
