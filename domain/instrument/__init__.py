"""Instrument: one listing of a security and its effective-dated terms (`state` has the machine).

Refuses what can be told from the identifiers alone; that a round lot is missed is never refused.
Source: domain rule 14.
"""

from domain.instrument.commands import (
    AmendInstrument,
    DelistInstrument,
    HaltInstrument,
    InstrumentCommand,
    ListInstrument,
    ResumeInstrument,
)
from domain.instrument.decisions import InstrumentRefusal, decide
from domain.instrument.events import (
    InstrumentAmended,
    InstrumentDelisted,
    InstrumentHalted,
    InstrumentListed,
    InstrumentResumed,
    PriceType,
)
from domain.instrument.state import INITIAL, Instrument, Status, evolve

__all__ = [
    "CATEGORY",
    "COMMANDS",
    "EVENTS",
    "INITIAL",
    "AmendInstrument",
    "DelistInstrument",
    "HaltInstrument",
    "Instrument",
    "InstrumentAmended",
    "InstrumentDelisted",
    "InstrumentHalted",
    "InstrumentListed",
    "InstrumentRefusal",
    "InstrumentResumed",
    "ListInstrument",
    "PriceType",
    "ResumeInstrument",
    "Status",
    "decide",
    "evolve",
    "home",
    "key",
    "reads",
]

CATEGORY = "instrument"
COMMANDS = (ListInstrument, AmendInstrument, HaltInstrument, ResumeInstrument, DelistInstrument)
EVENTS = (
    InstrumentListed,
    InstrumentAmended,
    InstrumentHalted,
    InstrumentResumed,
    InstrumentDelisted,
)


def key(command: InstrumentCommand) -> str:
    return command.instrument_id


def reads(command: InstrumentCommand) -> tuple[str, ...]:
    return ()


def home(state: Instrument, stream: str) -> str:
    return stream
