"""Days: each day that was closed, one row a control, with the figures that made it pass.

A day is in here only if all its controls held (domain.md rule 22). `log_position` is the point of
the log that they were computed at.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import ClassVar, NamedTuple

from domain.envelope import Envelope
from domain.house import Control, DayClosed
from projections.ports import Key, Row
from projections.words import clean

NAME = "days"
VERSION = 1


class Day(Row, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("day", "control", "unit")

    day: date
    control: str
    unit: str  # "": of no unit
    expected: Decimal
    actual: Decimal
    log_position: int


class Held(NamedTuple):
    control: Control
    log_position: int


ROW: type[Row] = Day


def facts(arrived: Envelope) -> Iterable[tuple[Key, Held]]:
    event = arrived.event
    if not isinstance(event, DayClosed):
        return ()
    return [
        ((event.day, clean(c.name), clean(c.unit)), Held(c, event.position)) for c in event.controls
    ]


def fold(row: Day | None, key: Key, fact: Held) -> Day:
    day, control, unit = key
    return Day(
        day=day,
        control=control,
        unit=unit,
        expected=fact.control.expected,
        actual=fact.control.actual,
        log_position=fact.log_position,
    )
