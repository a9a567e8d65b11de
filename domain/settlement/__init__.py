"""Settlement: one instruction to the custodian, followed until it has settled or ended.

A report is never refused for being unexpected: a repeat is dropped by its id, a surprise is
recorded and flagged. A report about an instruction that does not exist is refused as
`settlement_unknown`, and the gateway parks it where operations see it. Source: domain rules 8-10.
"""

from collections.abc import Mapping

from domain.settlement.commands import (
    CancelSettlement,
    InstructSettlement,
    MarkFailing,
    RecordSettlementCancel,
    RecordSettlementConfirmation,
    RecordSettlementStatus,
    ReleaseSettlement,
    SettlementCommand,
)
from domain.settlement.decisions import SettlementRefusal, decide
from domain.settlement.events import (
    Advice,
    Partial,
    SettlementCancelDenied,
    SettlementCancelled,
    SettlementCancelRequested,
    SettlementConfirmed,
    SettlementFailing,
    SettlementInstructed,
    SettlementReleased,
    SettlementStatusAdvised,
    StatusKind,
)
from domain.settlement.state import INITIAL, Settlement, Status, derived, evolve
from domain.shared.dates import DateRefusal
from domain.shared.message import Command, Refusal

__all__ = [
    "CATEGORY",
    "COMMANDS",
    "EVENTS",
    "INITIAL",
    "REFUSALS",
    "Advice",
    "CancelSettlement",
    "InstructSettlement",
    "MarkFailing",
    "Partial",
    "RecordSettlementCancel",
    "RecordSettlementConfirmation",
    "RecordSettlementStatus",
    "ReleaseSettlement",
    "Settlement",
    "SettlementCancelDenied",
    "SettlementCancelRequested",
    "SettlementCancelled",
    "SettlementConfirmed",
    "SettlementFailing",
    "SettlementInstructed",
    "SettlementRefusal",
    "SettlementReleased",
    "SettlementStatusAdvised",
    "Status",
    "StatusKind",
    "decide",
    "derived",
    "evolve",
    "home",
    "key",
    "reads",
]


CATEGORY = "settlement"
COMMANDS = (
    InstructSettlement,
    ReleaseSettlement,
    RecordSettlementStatus,
    RecordSettlementConfirmation,
    MarkFailing,
    CancelSettlement,
    RecordSettlementCancel,
)
_UNKNOWN = SettlementRefusal.SETTLEMENT_UNKNOWN
REFUSALS: Mapping[type[Command], tuple[Refusal, ...]] = {
    InstructSettlement: (SettlementRefusal.SETTLEMENT_UNUSABLE,),
    ReleaseSettlement: (_UNKNOWN, SettlementRefusal.SETTLEMENT_NOT_COVERED),
    RecordSettlementStatus: (_UNKNOWN,),
    RecordSettlementConfirmation: (
        _UNKNOWN,
        SettlementRefusal.SETTLEMENT_UNUSABLE,
        DateRefusal.DATE_IN_FUTURE,
        DateRefusal.DATE_TOO_EARLY,
    ),
    MarkFailing: (_UNKNOWN,),
    CancelSettlement: (_UNKNOWN,),
    RecordSettlementCancel: (_UNKNOWN,),
}
EVENTS = (
    SettlementInstructed,
    SettlementReleased,
    SettlementStatusAdvised,
    SettlementFailing,
    SettlementConfirmed,
    SettlementCancelRequested,
    SettlementCancelled,
    SettlementCancelDenied,
)


def key(command: SettlementCommand) -> str:
    return command.obligation_id


def reads(command: SettlementCommand) -> tuple[str, ...]:
    """A release reads the account, for its own settled stock."""
    return (f"account-{command.account_id}",) if isinstance(command, ReleaseSettlement) else ()


def home(state: Settlement, stream: str) -> str:
    return state.account_id or stream
