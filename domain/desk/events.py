"""The events of the trading desk; none posts. A person is a digest."""

from decimal import Decimal
from typing import ClassVar

from domain.desk.commands import Scope
from domain.shared.message import FIRM, Event, PersonalText


class KillSwitchEngaged(Event, tag="desk.kill_switch_engaged"):
    SUBJECT: ClassVar[str] = FIRM

    scope: Scope
    version: int
    reason: PersonalText
    engaged_by_hmac: str  # digest of the person, so that the second person is another
    scope_id: str = ""


class KillSwitchReleased(Event, tag="desk.kill_switch_released"):
    SUBJECT: ClassVar[str] = FIRM

    scope: Scope
    version: int
    reason: PersonalText
    scope_id: str = ""


class InstrumentRestricted(Event, tag="desk.instrument_restricted"):
    SUBJECT: ClassVar[str] = FIRM

    isin: str
    version: int
    reason: PersonalText


class RestrictionLifted(Event, tag="desk.restriction_lifted"):
    SUBJECT: ClassVar[str] = FIRM

    isin: str
    version: int
    reason: PersonalText


class OrderLimitsSet(Event, tag="desk.order_limits_set"):
    scope: Scope
    version: int
    scope_id: str = ""
    qty_max: Decimal | None = None
    notional_max: Decimal | None = None
    collar_pct: Decimal | None = None
