"""House: the firm's own money, and the controls that end a day.

Only what concerns no single client posts here: capital, the sweep of what the estates owe each
other, interest that the bank pays. Balances are sums over entries (`domain/ledger.py`), never a
state here: the state knows the last day closed.

    day open -CloseDay, every control right-> closed      a day ends once, and in order

Source: domain.md rules 20 and 22, journal J0, J15 (sweep), J20.
"""

from datetime import date
from decimal import Decimal
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.message import Command, Decision, Event, Refusal, Refused, Seen, refused
from domain.money import MINOR_UNITS, is_currency, is_money, money

AMOUNT_LIMIT = Decimal(10) ** 15
HOUSE = "main"
CONTROLS_MAX = 10_000


class HouseRefusal(Refusal):
    AMOUNT_INEXACT = "amount_inexact"
    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    AMOUNT_TOO_LARGE = "amount_too_large"
    AMOUNT_ZERO = "amount_zero"
    CONTROL_FAILED = "control_failed"
    CURRENCY_UNKNOWN = "currency_unknown"
    DAY_ALREADY_CLOSED = "day_already_closed"


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
    reference: str = ""


class SweepDues(Command):
    """Move what the client estate owes the house (+), or tops up what it is owed (-)."""

    currency: str
    amount: Decimal  # signed
    reference: str = ""


class ReceiveInterest(Command):
    """The bank paid interest on client money, into the client account."""

    currency: str
    amount: Decimal
    value_date: date


class CloseDay(Command):
    """End a day: the controls were computed at `position`, and none may have failed.

    `position` is how many events of the log they were computed over: in a log without gaps its
    position, in one with gaps the same number for the same events.
    """

    day: date
    position: int
    controls: tuple[Control, ...]


class HouseFunded(Event, tag="house.funded"):
    """J0."""

    currency: str
    amount: Decimal
    reference: str = ""


class DuesSwept(Event, tag="house.swept"):
    """J15: C.DUE and H.DUE fall by the same amount, in money moved."""

    currency: str
    amount: Decimal  # signed: + to the house
    reference: str = ""


class InterestReceived(Event, tag="house.interest_received"):
    """J20: all of it is the house's until a client's part is credited on its account."""

    currency: str
    amount: Decimal
    value_date: date


class DayClosed(Event, tag="house.day_closed"):
    """The day's controls held, with these figures, over the log's first `position` events."""

    day: date
    position: int
    controls: tuple[Control, ...]


HouseCommand = FundHouse | SweepDues | ReceiveInterest | CloseDay
HouseEvent = HouseFunded | DuesSwept | InterestReceived | DayClosed


class House(Struct, frozen=True, kw_only=True):
    last_day: date | None = None  # closed
    last_position: int = 0


CATEGORY = "house"
COMMANDS = (FundHouse, SweepDues, ReceiveInterest, CloseDay)
EVENTS = (HouseFunded, DuesSwept, InterestReceived, DayClosed)
INITIAL = House()


def key(command: HouseCommand) -> str:
    return HOUSE


def reads(command: HouseCommand) -> tuple[str, ...]:
    return ()


def decide(command: HouseCommand, state: House, seen: Seen) -> Decision:
    if isinstance(command, CloseDay):
        return _close(command, state)
    if wrong := _bad_money(command.amount, command.currency, signed=isinstance(command, SweepDues)):
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
    if isinstance(event, DayClosed):
        return replace(state, last_day=event.day, last_position=event.position)
    return state


def home(state: House, stream: str) -> str:
    return stream


def _close(command: CloseDay, state: House) -> Decision:
    if state.last_day is not None and command.day <= state.last_day:
        return refused(HouseRefusal.DAY_ALREADY_CLOSED, last=state.last_day)
    failed = [c for c in command.controls if not _holds(c)]
    if failed or not 0 < len(command.controls) <= CONTROLS_MAX:
        told = {f"{c.name} {c.unit}".strip(): f"{c.actual}, not {c.expected}" for c in failed}
        return refused(HouseRefusal.CONTROL_FAILED, controls=len(command.controls), **told)
    return (DayClosed(day=command.day, position=command.position, controls=command.controls),)


def _holds(control: Control) -> bool:
    """Right by its own account and by its figures; what is no number holds nothing."""
    sound = control.expected.is_finite() and control.actual.is_finite()
    return control.ok and sound and control.expected == control.actual


def _bad_money(amount: Decimal, currency: str, *, signed: bool) -> Refused | None:
    if not is_currency(currency):
        return refused(HouseRefusal.CURRENCY_UNKNOWN, currency=currency)
    if amount.is_finite() and abs(amount) >= AMOUNT_LIMIT:
        return refused(HouseRefusal.AMOUNT_TOO_LARGE, limit=AMOUNT_LIMIT)
    if not is_money(amount, currency):
        decimals = MINOR_UNITS[currency]
        return refused(HouseRefusal.AMOUNT_INEXACT, currency=currency, decimals=decimals)
    if signed:
        return refused(HouseRefusal.AMOUNT_ZERO) if amount == 0 else None
    return refused(HouseRefusal.AMOUNT_NOT_POSITIVE, amount=amount) if amount <= 0 else None
