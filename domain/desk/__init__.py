"""The trading desk's controls: kill switches, restricted instruments, order limits.

    scope open -EngageKillSwitch-> engaged -ReleaseKillSwitch, by another person-> open
    isin  free -RestrictInstrument-> restricted -LiftRestriction-> free
    limits of a scope: SetOrderLimits, the newest count

One stream, which every placement reads. Each change raises `version`: an order that is blocked
names the rule and the version that blocked it. Source: domain.md rule 6; SEC Rule 15c3-5.
"""

from collections.abc import Callable, Mapping
from typing import Any

from domain.desk import commands, decisions, events
from domain.desk.refusals import DeskRefusal as R
from domain.desk.state import INITIAL as INITIAL
from domain.desk.state import Desk
from domain.shared.message import Command, Decision, Event, Refusal, Seen

_DECIDE: Mapping[type[Command], Callable[[Any, Desk, Seen], Decision]] = {
    commands.EngageKillSwitch: decisions.engage,
    commands.ReleaseKillSwitch: decisions.release,
    commands.RestrictInstrument: decisions.restrict,
    commands.LiftRestriction: decisions.lift,
    commands.SetOrderLimits: decisions.limit,
}
_EVOLVE: Mapping[type[Event], Callable[[Desk, Any], Desk]] = {
    events.KillSwitchEngaged: decisions.engaged,
    events.KillSwitchReleased: decisions.released,
    events.InstrumentRestricted: decisions.restricted,
    events.RestrictionLifted: decisions.lifted,
    events.OrderLimitsSet: decisions.limits_set,
}
CATEGORY = "desk"
STREAM = f"{CATEGORY}-main"
COMMANDS = tuple(_DECIDE)
EVENTS = tuple(_EVOLVE)
REFUSALS: Mapping[type[Command], tuple[Refusal, ...]] = {
    commands.EngageKillSwitch: (R.SCOPE_INVALID, R.REASON_MISSING, R.ACTOR_DIFFERS),
    commands.ReleaseKillSwitch: (
        R.SCOPE_INVALID,
        R.SWITCH_NOT_ENGAGED,
        R.REASON_MISSING,
        R.ACTOR_DIFFERS,
        R.SECOND_PERSON_NEEDED,
    ),
    commands.RestrictInstrument: (R.ISIN_INVALID, R.REASON_MISSING),
    commands.LiftRestriction: (R.ISIN_INVALID, R.REASON_MISSING, R.NOT_RESTRICTED),
    commands.SetOrderLimits: (R.SCOPE_INVALID, R.LIMIT_INVALID),
}


def key(command: Command) -> str:
    return "main"


def reads(command: Command) -> tuple[str, ...]:
    return ()


def decide(command: Command, state: Desk, seen: Seen) -> Decision:
    return _DECIDE[type(command)](command, state, seen)


def evolve(state: Desk, event: Event) -> Desk:
    return _EVOLVE[type(event)](state, event)


def home(state: Desk, stream: str) -> str:
    return stream
