"""A day's close without an auditor, for tests of its consequences."""

from datetime import date
from decimal import Decimal

from domain.house import CONTROLS, CloseDay, Control, RecordClose
from domain.shared.message import Command
from domain.shared.money import ZERO

HELD = tuple(Control(name=n, ok=True, expected=ZERO, actual=ZERO) for n in CONTROLS)


def off(name: str = "C.DUE + H.DUE = 0", actual: str = "0.01") -> Control:
    """A control that does not hold."""
    return Control(name=name, unit="USD", ok=False, expected=ZERO, actual=Decimal(actual))


def closing(day: date, position: int, *more: Control) -> tuple[Command, Command]:
    """The commands that close a day: the request, and the auditor's answer, all controls held."""
    return CloseDay(day=day), RecordClose(day=day, position=position, controls=(*HELD, *more))
