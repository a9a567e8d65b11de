"""The refusals that each command of a settlement instruction may get.

The OpenAPI document and the last column of `docs/commands.md` are generated from it. A test fails
on any other refusal (`tests/unit/domain/scenario.py`).
"""

from collections.abc import Mapping

from domain.settlement import commands
from domain.settlement.refusals import SettlementRefusal as R
from domain.shared.dates import DateRefusal
from domain.shared.message import Command, Refusal

_UNKNOWN = R.SETTLEMENT_UNKNOWN
REFUSALS: Mapping[type[Command], tuple[Refusal, ...]] = {
    commands.InstructSettlement: (R.SETTLEMENT_UNUSABLE,),
    commands.ReleaseSettlement: (_UNKNOWN, R.SETTLEMENT_NOT_COVERED),
    commands.RecordSettlementStatus: (_UNKNOWN,),
    commands.RecordSettlementConfirmation: (
        _UNKNOWN,
        R.SETTLEMENT_UNUSABLE,
        DateRefusal.DATE_IN_FUTURE,
        DateRefusal.DATE_TOO_EARLY,
    ),
    commands.MarkFailing: (_UNKNOWN,),
    commands.CancelSettlement: (_UNKNOWN,),
    commands.RecordSettlementCancel: (_UNKNOWN,),
}
