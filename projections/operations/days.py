"""Days: each attempt to close a day, one row per control, with the figures.

A closed day has all its controls, and all of them held (domain.md rule 22); a failed attempt has
those that did not hold. `log_position` is `DayClosed.position`: how many events, from the log's
start, the controls cover. It is no position of the log if the log's positions have gaps.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import ClassVar, NamedTuple

from domain.house import CloseFailed, Control, DayClosed
from domain.shared.envelope import Envelope
from domain.shared.message import Event
from projections.engine.words import clean
from projections.ports import NOWHERE, Audience, Key, Row

NAME = "days"
VERSION = 2
AUDIENCE = Audience.OPERATIONS
HOME = NOWHERE


class Day(Row, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("day", "log_position", "control", "unit")

    day: date
    log_position: int
    control: str
    unit: str  # "": of no unit
    held: bool
    expected: Decimal
    actual: Decimal


class Fact(NamedTuple):
    held: bool
    control: Control


ROW: type[Row] = Day
READS: frozenset[type[Event]] = frozenset({DayClosed, CloseFailed})


def facts(arrived: Envelope) -> Iterable[tuple[Key, Fact]]:
    event = arrived.event
    if not isinstance(event, DayClosed | CloseFailed):
        return ()
    held, at = isinstance(event, DayClosed), event.position
    return [((event.day, at, clean(c.name), clean(c.unit)), Fact(held, c)) for c in event.controls]


def fold(row: Day | None, key: Key, fact: Fact) -> Day:
    day, log_position, control, unit = key
    return Day(
        day=day,
        log_position=log_position,
        control=control,
        unit=unit,
        held=fact.held,
        expected=fact.control.expected,
        actual=fact.control.actual,
    )
