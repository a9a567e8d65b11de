"""The refusals that each command of an instrument may get.

The OpenAPI document and the last column of `docs/commands.md` are generated from it. A test fails
on any other refusal (`tests/unit/domain/scenario.py`).
"""

from collections.abc import Mapping

from domain.instrument import commands
from domain.instrument.refusals import InstrumentRefusal as R
from domain.shared.message import Command, Refusal

_Refusals = tuple[Refusal, ...]
_TERMS: _Refusals = (
    R.ISIN_INVALID,
    R.MIC_INVALID,
    R.MARKET_COUNTRY_INVALID,
    R.CURRENCY_UNKNOWN,
    R.SIZE_NOT_POSITIVE,
    R.SETTLEMENT_CURRENCY_DIFFERS,
    R.PRICE_FACTOR_DIFFERS,
)
_LISTED: _Refusals = (R.INSTRUMENT_UNKNOWN, R.INSTRUMENT_DELISTED)
REFUSALS: Mapping[type[Command], _Refusals] = {
    commands.ListInstrument: (R.INSTRUMENT_EXISTS, *_TERMS),
    commands.AmendInstrument: (*_LISTED, R.ISIN_HELD, *_TERMS),
    commands.HaltInstrument: _LISTED,
    commands.ResumeInstrument: (*_LISTED, R.INSTRUMENT_NOT_HALTED),
    commands.DelistInstrument: _LISTED,
    commands.UseInstrument: (R.INSTRUMENT_UNKNOWN, R.ISIN_DIFFERS),
}
