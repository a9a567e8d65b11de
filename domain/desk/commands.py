"""The commands of the trading desk."""

from decimal import Decimal
from enum import StrEnum

from domain.shared.message import Command, Personal


class Scope(StrEnum):
    """Whose orders a control is for."""

    FIRM = "firm"  # all; its id is ""
    ACCOUNT = "account"
    VENUE = "venue"  # a MIC
    INSTRUMENT = "instrument"


class EngageKillSwitch(Command):
    """No order of the scope is taken any more. Cancels are."""

    scope: Scope
    reason: Personal
    scope_id: str = ""
    engaged_by: Personal = ""  # the person; "": the actor


class ReleaseKillSwitch(Command):
    """Take orders again; by another person than the one who engaged the switch."""

    scope: Scope
    reason: Personal
    scope_id: str = ""
    released_by: Personal = ""  # the person; "": the actor


class RestrictInstrument(Command):
    """No order in the instrument is taken any more. Cancels are."""

    isin: str
    reason: Personal


class LiftRestriction(Command):
    isin: str
    reason: Personal


class SetOrderLimits(Command):
    """The limits of one order; None: no limit of that kind. They replace the earlier ones."""

    scope: Scope
    scope_id: str = ""
    qty_max: Decimal | None = None  # pieces
    notional_max: Decimal | None = None  # in the settlement currency
    collar_pct: Decimal | None = None  # how far a limit price may be from the mark, in percent
