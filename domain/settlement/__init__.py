"""Settlement: one instruction to the custodian, followed until it has settled or ended.

A report is never refused for being unexpected: a repeat is dropped by its id, a surprise is
recorded and flagged. A report about an instruction that does not exist is refused as
`settlement_unknown`, and the gateway parks it where operations see it. Source: domain rules 8-10.
"""

from collections.abc import Callable, Mapping
from typing import Any

from domain.settlement import commands, decisions
from domain.settlement.commands import InstructSettlement, ReleaseSettlement
from domain.settlement.folding import EVENTS as EVENTS
from domain.settlement.folding import evolve as evolve
from domain.settlement.refusal_table import REFUSALS as REFUSALS
from domain.settlement.refusals import SettlementRefusal
from domain.settlement.state import INITIAL as INITIAL
from domain.settlement.state import Settlement
from domain.shared.message import Command, Decision, Seen, refused

_DECIDE: Mapping[type[Command], Callable[[Any, Settlement, Seen], Decision]] = {
    commands.InstructSettlement: decisions.instruct,
    commands.ReleaseSettlement: decisions.release,
    commands.RecordSettlementStatus: decisions.advise,
    commands.RecordSettlementConfirmation: decisions.confirm,
    commands.MarkFailing: decisions.mark_failing,
    commands.CancelSettlement: decisions.cancel,
    commands.RecordSettlementCancel: decisions.record_cancel,
}

CATEGORY = "settlement"
COMMANDS = tuple(_DECIDE)


def key(command: Any) -> str:
    return str(command.obligation_id)


def reads(command: Command) -> tuple[str, ...]:
    """A release reads the account, for its own settled stock."""
    return (f"account-{command.account_id}",) if isinstance(command, ReleaseSettlement) else ()


def decide(command: Command, state: Settlement, seen: Seen) -> Decision:
    """Record a status or a confirmation in any state; the rest needs an open instruction."""
    if not state.account_id and not isinstance(command, InstructSettlement):
        return refused(SettlementRefusal.SETTLEMENT_UNKNOWN, obligation_id=key(command))
    return _DECIDE[type(command)](command, state, seen)


def home(state: Settlement, stream: str) -> str:
    return state.account_id or stream
