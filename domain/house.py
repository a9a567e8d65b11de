"""House: the firm's own money, and the controls that end a day.

This stream posts only what concerns no single client: capital, the sweep of what the two estates
owe each other, interest that the bank pays. Balances are sums over entries (`domain/ledger/`), not
part of the state: the state holds the last day closed, and the day whose close is requested.

                                     .-every control right-> closed
    over -CloseDay-> requested -RecordClose
                         ^           `-a control failed---> failed
                         `------------CloseDay again-----------'

Any caller may request a close; only the auditor computes its controls and records them. Days close
once, and in order. A close covers every day since the last one, so holidays may be left out.

Source: domain.md rules 20 and 22, journal J0, J15 (sweep), J20.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import ClassVar, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.shared.dates import EARLIEST, DateRefusal, bad_date
from domain.shared.market_time import day_end, house_today
from domain.shared.message import (
    FIRM,
    Command,
    Decision,
    Event,
    Personal,
    PersonalText,
    Refusal,
    Refused,
    Seen,
    refused,
)
from domain.shared.money import ZERO, money
from domain.shared.money_rules import AmountRefusals, bad_amount

HOUSE = "main"
CONTROLS_MAX = 10_000
FAILED_MAX = 100  # of one close, in an event
CONTROLS = (
    "read models balances = fold of the log",
    "client book is zero",
    "house book is zero",
    "memo book is zero",
    "C.DUE + H.DUE = 0",
    "client nostro = bank statement",
    "client depot = custodian",
    "client money shortfall",
    "no client covered by another's stock",
    "clearing accounts of ended sagas are zero",
)
"""The controls that every close must have. If there is a ClickHouse, it is compared too."""


class HouseRefusal(Refusal):
    AMOUNT_INEXACT = "amount_inexact"
    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    AMOUNT_TOO_LARGE = "amount_too_large"
    AMOUNT_ZERO = "amount_zero"
    CLOSE_NOT_REQUESTED = "close_not_requested"
    CLOSE_PENDING = "close_pending"
    CONTROL_MISSING = "control_missing"
    CONTROLS_TOO_MANY = "controls_too_many"
    CURRENCY_UNKNOWN = "currency_unknown"
    DAY_ALREADY_CLOSED = "day_already_closed"
    DAY_BEFORE_LOG = "day_before_log"
    DAY_NOT_OVER = "day_not_over"
    INSUFFICIENT_DUES = "insufficient_dues"
    POSITION_BEFORE_LAST_CLOSE = "position_before_last_close"
    POSITION_BEYOND_LOG = "position_beyond_log"


class Control(Struct, frozen=True, kw_only=True):
    """One check of the close, with its figures: `C.NOSTRO = bank statement`, per unit."""

    name: str
    ok: bool
    expected: Decimal
    actual: Decimal
    unit: str = ""


class FundHouse(Command):
    """Capital paid in."""

    currency: str
    amount: Decimal
    reference: Personal = ""


class SweepDues(Command):
    """Move to the house what the clients' estate owes it (+), or the house's money to them (-).

    What goes to the house is at most what the clients' estate owes it in that currency. A top-up
    has no such limit: it puts the house's own money among the clients'.
    """

    SEES_DUES: ClassVar[bool] = True

    currency: str
    amount: Decimal  # signed
    reference: Personal = ""


class ReceiveInterest(Command):
    """The bank paid interest on client money, into the client account."""

    currency: str
    amount: Decimal
    value_date: date


class CloseDay(Command):
    """Ask for the end of a day; the auditor computes the controls and answers."""

    SEES_LOG: ClassVar[bool] = True

    day: date


class RecordClose(Command):
    """Record what the auditor found: every control, passed or failed, computed at `position`.

    `position` is the number of events, from the log's start, that the controls cover. In a log
    without gaps it equals the log position; gaps do not change it.
    """

    INTERNAL: ClassVar[bool] = True
    SEES_LOG: ClassVar[bool] = True

    day: date
    position: int
    controls: tuple[Control, ...]


class HouseFunded(Event, tag="house.funded"):
    """J0: capital was paid in."""

    VERSION: ClassVar[int] = 2
    SUBJECT: ClassVar[str] = FIRM
    currency: str
    amount: Decimal
    reference: PersonalText = ""


class DuesSwept(Event, tag="house.swept"):
    """J15: money moved between the estates; C.DUE and H.DUE fall by the same amount."""

    VERSION: ClassVar[int] = 2
    SUBJECT: ClassVar[str] = FIRM
    currency: str
    amount: Decimal  # signed: + to the house
    reference: PersonalText = ""


class InterestReceived(Event, tag="house.interest_received"):
    """J20: all of it belongs to the house until a client's part is credited to an account."""

    currency: str
    amount: Decimal
    value_date: date


class CloseRequested(Event, tag="house.close_requested"):
    """The close of a day that is over was requested; the auditor has to answer."""

    day: date


class DayClosed(Event, tag="house.day_closed"):
    """The day's controls held, with these figures, over the log's first `position` events."""

    day: date
    position: int
    controls: tuple[Control, ...]


class CloseFailed(Event, tag="house.close_failed"):
    """The day stays open: these controls did not hold over the log's first `position` events."""

    day: date
    position: int
    controls: tuple[Control, ...]  # those that failed
    held: int  # how many held


HouseCommand = FundHouse | SweepDues | ReceiveInterest | CloseDay | RecordClose
HouseEvent = HouseFunded | DuesSwept | InterestReceived | CloseRequested | DayClosed | CloseFailed


class House(Struct, frozen=True, kw_only=True):
    last_day: date | None = None  # closed
    last_position: int = 0
    requested: date | None = None  # the day to close; the auditor has not answered yet
    requests: int = 0  # so far
    failed: tuple[Control, ...] = ()  # controls that failed in the last answer


CATEGORY = "house"
COMMANDS = (FundHouse, SweepDues, ReceiveInterest, CloseDay, RecordClose)
_AMOUNT = AmountRefusals(
    inexact=HouseRefusal.AMOUNT_INEXACT,
    too_large=HouseRefusal.AMOUNT_TOO_LARGE,
    currency_unknown=HouseRefusal.CURRENCY_UNKNOWN,
)
REFUSALS: Mapping[type[Command], tuple[Refusal, ...]] = {
    FundHouse: (*_AMOUNT, HouseRefusal.AMOUNT_NOT_POSITIVE),
    SweepDues: (*_AMOUNT, HouseRefusal.AMOUNT_ZERO, HouseRefusal.INSUFFICIENT_DUES),
    ReceiveInterest: (
        *_AMOUNT,
        HouseRefusal.AMOUNT_NOT_POSITIVE,
        DateRefusal.DATE_IN_FUTURE,
        DateRefusal.DATE_TOO_EARLY,
    ),
    CloseDay: (
        HouseRefusal.CLOSE_PENDING,
        HouseRefusal.DAY_ALREADY_CLOSED,
        HouseRefusal.DAY_BEFORE_LOG,
        HouseRefusal.DAY_NOT_OVER,
    ),
    RecordClose: (
        HouseRefusal.CLOSE_NOT_REQUESTED,
        HouseRefusal.CONTROL_MISSING,
        HouseRefusal.CONTROLS_TOO_MANY,
        HouseRefusal.POSITION_BEFORE_LAST_CLOSE,
        HouseRefusal.POSITION_BEYOND_LOG,
    ),
}
EVENTS = (HouseFunded, DuesSwept, InterestReceived, CloseRequested, DayClosed, CloseFailed)
INITIAL = House()
STREAM = f"{CATEGORY}-{HOUSE}"


def key(command: HouseCommand) -> str:
    return HOUSE


def reads(command: HouseCommand) -> tuple[str, ...]:
    return ()


def decide(command: HouseCommand, state: House, seen: Seen) -> Decision:
    if isinstance(command, CloseDay):
        return _request(command, state, seen)
    if isinstance(command, RecordClose):
        return _record(command, state, seen)
    if wrong := _bad_terms(command, seen):
        return wrong
    amount = money(command.amount, command.currency)
    match command:
        case FundHouse(currency=currency, reference=reference):
            return (HouseFunded(currency=currency, amount=amount, reference=reference),)
        case SweepDues(currency=currency, reference=reference):
            return (DuesSwept(currency=currency, amount=amount, reference=reference),)
        case ReceiveInterest(currency=currency, value_date=day):
            return (InterestReceived(currency=currency, amount=amount, value_date=day),)
        case _:
            assert_never(command)


def evolve(state: House, event: HouseEvent) -> House:
    match event:
        case CloseRequested(day=day):
            return replace(state, requested=day, requests=state.requests + 1, failed=())
        case DayClosed(day=day, position=position):
            return replace(state, last_day=day, last_position=position, requested=None, failed=())
        case CloseFailed(controls=controls):
            return replace(state, requested=None, failed=controls)
        case _:
            return state


def home(state: House, stream: str) -> str:
    return stream


def _request(command: CloseDay, state: House, seen: Seen) -> Decision:
    """Accept the request or refuse it; the same request again while it waits changes nothing."""
    day = command.day
    if wrong := _bad_day(day, seen):
        return wrong
    if state.last_day is not None and day <= state.last_day:
        return refused(HouseRefusal.DAY_ALREADY_CLOSED, last=state.last_day)
    if state.requested is not None:
        if day == state.requested:
            return ()
        return refused(HouseRefusal.CLOSE_PENDING, requested=state.requested)
    return (CloseRequested(day=day),)


def _bad_day(day: date, seen: Seen) -> Refused | None:
    began = EARLIEST if seen.log_began is None else house_today(seen.log_began)
    if day < began:
        return refused(HouseRefusal.DAY_BEFORE_LOG, began=began)
    if day.year == date.max.year or seen.now < (end := day_end(day)):
        ends = "never" if day.year == date.max.year else end.isoformat()
        return refused(HouseRefusal.DAY_NOT_OVER, ends=ends, now=seen.now.isoformat())
    return None


def _record(command: RecordClose, state: House, seen: Seen) -> Decision:
    """Close the day if every control holds; otherwise record which did not.

    Either way the request is answered. An answer that cannot be true of this log (its position is
    beyond the end, or before the last close) is refused, and the request keeps waiting.
    """
    if state.requested != command.day:
        return refused(HouseRefusal.CLOSE_NOT_REQUESTED, requested=state.requested or "")
    if command.position <= state.last_position:
        return refused(HouseRefusal.POSITION_BEFORE_LAST_CLOSE, last=state.last_position)
    if command.position > seen.log_end:
        return refused(HouseRefusal.POSITION_BEYOND_LOG, end=seen.log_end)
    if wrong := _bad_controls(command.controls):
        return wrong
    day, position = command.day, command.position
    if failed := tuple(c for c in command.controls if not _holds(c)):
        held = len(command.controls) - len(failed)
        return (CloseFailed(day=day, position=position, controls=failed[:FAILED_MAX], held=held),)
    return (DayClosed(day=day, position=position, controls=command.controls),)


def _bad_controls(controls: tuple[Control, ...]) -> Refused | None:
    """Refuse a list that is too long, or that lacks one of `CONTROLS`."""
    if len(controls) > CONTROLS_MAX:
        return refused(HouseRefusal.CONTROLS_TOO_MANY, limit=CONTROLS_MAX)
    found = {control.name for control in controls}
    if missing := [name for name in CONTROLS if name not in found]:
        return refused(HouseRefusal.CONTROL_MISSING, controls=", ".join(missing))
    return None


def _holds(control: Control) -> bool:
    """Whether the control is marked ok and its figures are finite and equal."""
    sound = control.expected.is_finite() and control.actual.is_finite()
    return control.ok and sound and control.expected == control.actual


def _bad_terms(command: FundHouse | SweepDues | ReceiveInterest, seen: Seen) -> Refused | None:
    signed = isinstance(command, SweepDues)
    wrong = _bad_money(command.amount, command.currency, signed=signed)
    if wrong is None and isinstance(command, ReceiveInterest):
        return bad_date("value_date", command.value_date, house_today(seen.now))
    if wrong is None and isinstance(command, SweepDues):
        return _beyond_dues(command.amount, command.currency, seen)
    return wrong


def _beyond_dues(amount: Decimal, currency: str, seen: Seen) -> Refused | None:
    """Refuse to take more from the clients' bank account than the house is owed there."""
    dues = max(seen.dues.get(currency, ZERO), ZERO)
    if amount <= dues:
        return None
    return refused(
        HouseRefusal.INSUFFICIENT_DUES, required=amount, available=dues, currency=currency
    )


def _bad_money(amount: Decimal, currency: str, *, signed: bool) -> Refused | None:
    if wrong := bad_amount(amount, currency, _AMOUNT):
        return wrong
    if signed:
        return refused(HouseRefusal.AMOUNT_ZERO) if amount == 0 else None
    return refused(HouseRefusal.AMOUNT_NOT_POSITIVE, amount=amount) if amount <= 0 else None
