"""Desk controls: kill switches, restricted instruments and order limits, one row each.

kill_switch | restricted | limits, by scope   in force -released, lifted, set to none-> not
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, NamedTuple

from msgspec.structs import replace

from domain.desk.events import (
    InstrumentRestricted,
    KillSwitchEngaged,
    KillSwitchReleased,
    OrderLimitsSet,
    RestrictionLifted,
)
from domain.shared.envelope import Envelope
from domain.shared.message import Event
from projections.ports import NOWHERE, Audience, Key, Row

NAME = "desk_controls"
VERSION = 1
AUDIENCE = Audience.OPERATIONS
HOME = NOWHERE
KILL_SWITCH, RESTRICTED, LIMITS = "kill_switch", "restricted", "limits"
KINDS = (KILL_SWITCH, RESTRICTED, LIMITS)


class DeskControl(Row, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("kind", "scope", "scope_id")
    INDEXES: ClassVar[tuple[tuple[str, ...], ...]] = (("in_force", "kind"),)

    kind: str
    scope: str  # firm, account, venue, instrument; isin for a restriction
    scope_id: str
    in_force: bool
    version: int  # of the desk's controls, when this one changed last
    since: datetime
    qty_max: Decimal | None = None
    notional_max: Decimal | None = None
    collar_pct: Decimal | None = None


class Fact(NamedTuple):
    event: Event
    at: datetime


ROW: type[Row] = DeskControl
READS: frozenset[type[Event]] = frozenset(
    {
        KillSwitchEngaged,
        KillSwitchReleased,
        InstrumentRestricted,
        RestrictionLifted,
        OrderLimitsSet,
    }
)


def facts(arrived: Envelope) -> Iterable[tuple[Key, Fact]]:
    fact = Fact(arrived.event, arrived.meta.recorded_at)
    match arrived.event:
        case KillSwitchEngaged() | KillSwitchReleased() as e:
            return [((KILL_SWITCH, str(e.scope), e.scope_id), fact)]
        case InstrumentRestricted(isin=isin) | RestrictionLifted(isin=isin):
            return [((RESTRICTED, "isin", isin), fact)]
        case OrderLimitsSet() as e:
            return [((LIMITS, str(e.scope), e.scope_id), fact)]
        case _:
            return ()


def fold(row: DeskControl | None, key: Key, fact: Fact) -> DeskControl:
    kind, scope, scope_id = map(str, key)
    event = fact.event
    made = DeskControl(
        kind=kind,
        scope=scope,
        scope_id=scope_id,
        in_force=isinstance(event, KillSwitchEngaged | InstrumentRestricted),
        version=getattr(event, "version", 0),
        since=fact.at,
    )
    if not isinstance(event, OrderLimitsSet):
        return made
    limits = (event.qty_max, event.notional_max, event.collar_pct)
    return replace(
        made,
        in_force=any(limit is not None for limit in limits),
        qty_max=event.qty_max,
        notional_max=event.notional_max,
        collar_pct=event.collar_pct,
    )
