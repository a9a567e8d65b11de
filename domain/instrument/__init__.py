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
    UseInstrument,
)
from domain.instrument.decisions import InstrumentRefusal, decide
from domain.instrument.events import (
    InstrumentAmended,
    InstrumentDelisted,
    InstrumentHalted,
    InstrumentListed,
    InstrumentResumed,
    InstrumentUsed,
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
    "InstrumentUsed",
    "ListInstrument",
    "PriceType",
    "ResumeInstrument",
    "Status",
    "UseInstrument",
    "decide",
    "evolve",
    "home",
    "key",
    "reads",
]

CATEGORY = "instrument"
COMMANDS = (
    ListInstrument,
    AmendInstrument,
    HaltInstrument,
    ResumeInstrument,
    DelistInstrument,
    UseInstrument,
)
EVENTS = (
    InstrumentListed,
    InstrumentAmended,
    InstrumentHalted,
    InstrumentResumed,
    InstrumentDelisted,
    InstrumentUsed,
)


def key(command: InstrumentCommand) -> str:
    return command.instrument_id


def reads(command: InstrumentCommand) -> tuple[str, ...]:
    """The marks, for another ISIN: what has a price may be held."""
    if isinstance(command, AmendInstrument) and command.isin is not None:
        return (f"price-{command.instrument_id}",)
    return ()


def home(state: Instrument, stream: str) -> str:
    return stream
