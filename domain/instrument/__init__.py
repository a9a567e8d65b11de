"""Instrument: one listing of a security and its effective-dated terms (`state` has the machine).

Refuses faults that the identifiers and terms themselves show. The round lot is information: an
order that misses it is never refused.
Source: domain rule 14.
"""

from collections.abc import Mapping

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
from domain.shared.message import Command, Refusal

__all__ = [
    "CATEGORY",
    "COMMANDS",
    "EVENTS",
    "INITIAL",
    "REFUSALS",
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
_Refusals = tuple[Refusal, ...]
_TERMS: _Refusals = (
    InstrumentRefusal.ISIN_INVALID,
    InstrumentRefusal.MIC_INVALID,
    InstrumentRefusal.MARKET_COUNTRY_INVALID,
    InstrumentRefusal.CURRENCY_UNKNOWN,
    InstrumentRefusal.SIZE_NOT_POSITIVE,
    InstrumentRefusal.SETTLEMENT_CURRENCY_DIFFERS,
    InstrumentRefusal.PRICE_FACTOR_DIFFERS,
)
_LISTED: _Refusals = (InstrumentRefusal.INSTRUMENT_UNKNOWN, InstrumentRefusal.INSTRUMENT_DELISTED)
REFUSALS: Mapping[type[Command], _Refusals] = {
    ListInstrument: (InstrumentRefusal.INSTRUMENT_EXISTS, *_TERMS),
    AmendInstrument: (*_LISTED, InstrumentRefusal.ISIN_HELD, *_TERMS),
    HaltInstrument: _LISTED,
    ResumeInstrument: (*_LISTED, InstrumentRefusal.INSTRUMENT_NOT_HALTED),
    DelistInstrument: _LISTED,
    UseInstrument: (InstrumentRefusal.INSTRUMENT_UNKNOWN, InstrumentRefusal.ISIN_DIFFERS),
}
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
    """A change of ISIN reads the marks: an instrument with a price may be held."""
    if isinstance(command, AmendInstrument) and command.isin is not None:
        return (f"price-{command.instrument_id}",)
    return ()


def home(state: Instrument, stream: str) -> str:
    return stream
