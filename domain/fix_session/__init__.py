"""FIX session: its sequence numbers and every raw message, so that the log alone restores it.

    closed -OpenFixSession-> open -CloseFixSession-> closed
    open -RecordFixSent | RecordFixReceived-> the next number of that direction
    open -BeginFixDay-> both numbers are 1 again ; any -ResetFixSession-> as an operator says

One process holds a session. A later holder takes it over; the earlier one's messages are refused.
A message is sealed. Its digest is in clear (`sealing`). Source: FIX 4.4, volume 2, session level.
"""

from collections.abc import Callable, Mapping
from typing import Any

from domain.fix_session import commands, decisions, events
from domain.fix_session.refusals import FixRefusal as R
from domain.fix_session.state import INITIAL as INITIAL
from domain.fix_session.state import FixSession
from domain.shared.message import Command, Decision, Event, Refusal, Seen

_DECIDE: Mapping[type[Command], Callable[[Any, FixSession], Decision]] = {
    commands.OpenFixSession: decisions.open_session,
    commands.CloseFixSession: decisions.close_session,
    commands.BeginFixDay: decisions.begin_day,
    commands.RecordFixSent: decisions.sent,
    commands.RecordFixReceived: decisions.received,
    commands.RecordFixResent: decisions.resent,
    commands.ResetFixSession: decisions.reset,
}
_EVOLVE: Mapping[type[Event], Callable[[FixSession, Any], FixSession]] = {
    events.FixSessionOpened: decisions.opened,
    events.FixSessionClosed: decisions.closed,
    events.FixSessionReset: decisions.was_reset,
    events.FixMessageSent: decisions.was_sent,
    events.FixMessageReceived: decisions.was_received,
    events.FixMessagesResent: decisions.were_resent,
}
_HELD = (R.SESSION_UNKNOWN, R.SESSION_CLOSED, R.SESSION_HELD)
_NUMBERED = (*_HELD, R.SEQUENCE_GAP, R.SEQUENCE_USED, R.SEQUENCE_INVALID, R.DIGEST_INVALID)

CATEGORY = "fix"
COMMANDS = tuple(_DECIDE)
EVENTS = tuple(_EVOLVE)
REFUSALS: Mapping[type[Command], tuple[Refusal, ...]] = {
    commands.OpenFixSession: (R.COMP_ID_DIFFERS, R.HOLDER_MISSING),
    commands.CloseFixSession: (R.SESSION_UNKNOWN, R.SESSION_HELD),
    commands.BeginFixDay: _HELD,
    commands.RecordFixSent: _NUMBERED,
    commands.RecordFixReceived: _NUMBERED,
    commands.RecordFixResent: (*_HELD, R.SEQUENCE_INVALID),
    commands.ResetFixSession: (R.SESSION_UNKNOWN, R.SEQUENCE_INVALID, R.REASON_MISSING),
}


def key(command: Any) -> str:
    return str(command.session_id)


def reads(command: Any) -> tuple[str, ...]:
    return ()


def decide(command: Command, state: FixSession, seen: Seen) -> Decision:
    return _DECIDE[type(command)](command, state)


def evolve(state: FixSession, event: Event) -> FixSession:
    return _EVOLVE[type(event)](state, event)


def home(state: FixSession, stream: str) -> str:
    return stream
