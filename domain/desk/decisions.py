"""Decides the commands of the desk, and applies its events."""

from collections.abc import Mapping
from decimal import Decimal
from typing import TypeVar

from msgspec.structs import replace

from domain.desk import commands as c
from domain.desk import events as e
from domain.desk.refusals import DeskRefusal as R
from domain.desk.state import Desk, Limits, Switch
from domain.shared.digests import digest, stored_as
from domain.shared.identifiers import is_id, is_isin, is_mic
from domain.shared.message import Decision, Refused, Seen, refused
from domain.shared.money import is_exact, plain
from domain.shared.persons import ANONYMOUS, acts_as, is_part, normal_form

LIMIT_DECIMALS = 8
COLLAR_MAX = Decimal(1_000)  # percent
DIGESTED = "desk"  # the scope of the digests of persons
T = TypeVar("T")


def scope_key(scope: str, scope_id: str) -> str:
    """`firm`, or `account:A1`: the key of a control in the state."""
    return scope if not scope_id else f"{scope}:{scope_id}"


def engage(command: c.EngageKillSwitch, state: Desk, seen: Seen) -> Decision:
    """Stop a scope; nothing changes if it is stopped."""
    person, wrong = _person(command.engaged_by, seen.actor)
    if wrong := _bad_scope(command) or _no_reason(command.reason) or wrong:
        return wrong
    if scope_key(command.scope, command.scope_id) in state.switches:
        return ()
    return (
        e.KillSwitchEngaged(
            scope=command.scope,
            scope_id=command.scope_id,
            version=state.version + 1,
            reason=command.reason,
            engaged_by_hmac=digest(normal_form(person), seen.digest_key, scope=DIGESTED),
        ),
    )


def release(command: c.ReleaseKillSwitch, state: Desk, seen: Seen) -> Decision:
    """Open a scope again. The person must be another one than the one who stopped it."""
    person, wrong = _person(command.released_by, seen.actor)
    if wrong := _bad_scope(command) or _no_reason(command.reason) or wrong:
        return wrong
    switch = state.switches.get(scope_key(command.scope, command.scope_id))
    if switch is None:
        return refused(R.SWITCH_NOT_ENGAGED, scope=command.scope, scope_id=command.scope_id)
    form = normal_form(person)
    known = {switch.engaged_by}
    same = stored_as(form, seen.digest_key, scope=DIGESTED, known=known) is not None
    if same or not form or form == ANONYMOUS or is_part(person):
        return refused(R.SECOND_PERSON_NEEDED)
    return (
        e.KillSwitchReleased(
            scope=command.scope,
            scope_id=command.scope_id,
            version=state.version + 1,
            reason=command.reason,
        ),
    )


def restrict(command: c.RestrictInstrument, state: Desk, seen: Seen) -> Decision:
    """Restrict an instrument; nothing changes if it is restricted."""
    if wrong := _bad_isin(command.isin) or _no_reason(command.reason):
        return wrong
    if command.isin in state.restricted:
        return ()
    version = state.version + 1
    return (e.InstrumentRestricted(isin=command.isin, version=version, reason=command.reason),)


def lift(command: c.LiftRestriction, state: Desk, seen: Seen) -> Decision:
    if wrong := _bad_isin(command.isin) or _no_reason(command.reason):
        return wrong
    if command.isin not in state.restricted:
        return refused(R.NOT_RESTRICTED, isin=command.isin)
    version = state.version + 1
    return (e.RestrictionLifted(isin=command.isin, version=version, reason=command.reason),)


def limit(command: c.SetOrderLimits, state: Desk, seen: Seen) -> Decision:
    """Set all limits of a scope at once; the same again changes nothing."""
    if wrong := _bad_scope(command) or _bad_limits(command):
        return wrong
    before = state.limits.get(scope_key(command.scope, command.scope_id), Limits(0))
    asked = (command.qty_max, command.notional_max, command.collar_pct)
    if before[1:] == asked:
        return ()
    qty_max, notional_max, collar_pct = (None if v is None else plain(v) for v in asked)
    return (
        e.OrderLimitsSet(
            scope=command.scope,
            scope_id=command.scope_id,
            version=state.version + 1,
            qty_max=qty_max,
            notional_max=notional_max,
            collar_pct=collar_pct,
        ),
    )


def engaged(state: Desk, event: e.KillSwitchEngaged) -> Desk:
    switch = Switch(event.version, event.engaged_by_hmac)
    switches = {**state.switches, scope_key(event.scope, event.scope_id): switch}
    return replace(state, version=event.version, switches=switches)


def released(state: Desk, event: e.KillSwitchReleased) -> Desk:
    left = _without(state.switches, scope_key(event.scope, event.scope_id))
    return replace(state, version=event.version, switches=left)


def restricted(state: Desk, event: e.InstrumentRestricted) -> Desk:
    isins = {**state.restricted, event.isin: event.version}
    return replace(state, version=event.version, restricted=isins)


def lifted(state: Desk, event: e.RestrictionLifted) -> Desk:
    return replace(state, version=event.version, restricted=_without(state.restricted, event.isin))


def limits_set(state: Desk, event: e.OrderLimitsSet) -> Desk:
    key = scope_key(event.scope, event.scope_id)
    found = Limits(event.version, event.qty_max, event.notional_max, event.collar_pct)
    empty = found[1:] == (None, None, None)
    limits = _without(state.limits, key) if empty else {**state.limits, key: found}
    return replace(state, version=event.version, limits=limits)


def _without(found: Mapping[str, T], key: str) -> Mapping[str, T]:
    return {k: v for k, v in found.items() if k != key}


def _person(named: str, actor: str) -> tuple[str, Refused | None]:
    """Who acts: the person named, or the actor; refused if the actor may not use that name."""
    if named and not acts_as(actor, named):
        return named, refused(R.ACTOR_DIFFERS, actor=actor)
    return named or actor, None


def _bad_scope(
    command: c.EngageKillSwitch | c.ReleaseKillSwitch | c.SetOrderLimits,
) -> Refused | None:
    scope, scope_id = command.scope, command.scope_id
    match scope:
        case c.Scope.FIRM:
            sound = scope_id == ""
        case c.Scope.VENUE:
            sound = is_mic(scope_id)
        case _:
            sound = is_id(scope_id)
    return None if sound else refused(R.SCOPE_INVALID, scope=scope, scope_id=scope_id)


def _no_reason(reason: str) -> Refused | None:
    return None if reason.strip() else refused(R.REASON_MISSING)


def _bad_isin(isin: str) -> Refused | None:
    return None if is_isin(isin) else refused(R.ISIN_INVALID, isin=isin)


def _bad_limits(command: c.SetOrderLimits) -> Refused | None:
    for name in ("qty_max", "notional_max", "collar_pct"):
        value = getattr(command, name)
        if value is None:
            continue
        sound = value.is_finite() and value > 0 and is_exact(value, LIMIT_DECIMALS)
        if not sound or (name == "collar_pct" and value > COLLAR_MAX):
            return refused(R.LIMIT_INVALID, field=name, value=f"{value:f}")
    return None
