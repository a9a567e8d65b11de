"""The schedule of a run: which fault strikes at the n-th visit to which site. Follows from a seed.

sites that an undisturbed run of the same world visits, and how often
    --seed--> one crash at a place by turns, so that over many runs each append and send has one
           -> some more faults anywhere
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from random import Random

from msgspec import Struct

from adapters.simulators.dice import throw
from simulation.faults.kinds import (
    APPEND,
    CHANGES_FIGURES,
    CHANGES_ORDER,
    POSSIBLE,
    SUBMIT,
    TOLD_OTHERWISE,
    Kind,
)

FAULTS_MAX = 12  # beside the crash
KEEPING, ORDERLY = 0.7, 0.6  # of all runs: no fault of CHANGES_FIGURES; of those: of CHANGES_ORDER
FORGETFUL = 0.5  # of all runs: counterparties forget with us when we crash

Place = tuple[str, int]
"""(site, number of the visit, from 0)."""


class Schedule(Struct, frozen=True, kw_only=True):
    seed: int
    faults: Mapping[Place, Kind]
    forgetful: bool = False  # a crash also empties the counterparties; gateways resend

    @property
    def keeps_executions(self) -> bool:
        return not CHANGES_FIGURES & set(self.faults.values())

    @property
    def keeps_figures(self) -> bool:
        return self.keeps_executions and not CHANGES_ORDER & set(self.faults.values())

    def lines(self) -> list[str]:
        """The schedule as text: one fault a line."""
        return [f"{site}[{n}] {kind}" for (site, n), kind in sorted(self.faults.items())]


def draw(seed: int, visits: Mapping[str, int], *, turn: int) -> Schedule:
    """The schedule of a seed.

    Args:
        visits: by site, of the undisturbed run.
        turn: which of the crash places this run has; runs take them in turn.
    """
    dice = Random(f"faults:{seed}")
    places = list(crash_places(visits))
    faults: dict[Place, Kind] = {}
    if dice.random() < 0.75:
        site, n, kind = places[turn % len(places)]
        faults[site, n] = kind
    excluded = CHANGES_FIGURES if dice.random() < KEEPING else frozenset[Kind]()
    excluded |= CHANGES_ORDER if excluded and dice.random() < ORDERLY else frozenset[Kind]()
    choices = [
        (kind, site)
        for site, kinds in POSSIBLE.items()
        for kind in kinds
        if visits.get(site) and kind not in excluded
    ]
    by_kind: dict[Kind, list[str]] = {}
    for kind, site in choices:
        by_kind.setdefault(kind, []).append(site)
    for _ in range(dice.randrange(0 if faults else 1, FAULTS_MAX + 1)):
        kind = dice.choice(sorted(by_kind))
        site = dice.choice(by_kind[kind])
        faults.setdefault((site, dice.randrange(visits[site])), kind)
    forgetful = dice.random() < FORGETFUL and not TOLD_OTHERWISE & set(faults.values())
    return Schedule(seed=seed, faults=faults, forgetful=forgetful)


def crash_places(visits: Mapping[str, int]) -> Iterator[tuple[str, int, Kind]]:
    """Before, within and after every append; before and after every message sent."""
    for n in range(visits.get(APPEND, 0)):
        for kind in (Kind.CRASH_BEFORE, Kind.CRASH_WITHIN, Kind.CRASH_AFTER):
            yield APPEND, n, kind
    for n in range(visits.get(SUBMIT, 0)):
        for kind in (Kind.CRASH_BEFORE, Kind.CRASH_AFTER):
            yield SUBMIT, n, kind


class Struck(Struct, frozen=True):
    """A fault that has happened."""

    site: str
    number: int
    kind: Kind
    at: datetime  # simulated
    process: str


class Fate:
    """What happens at each visit, and what has happened so far."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.visits: Counter[str] = Counter()
        self.struck: list[Struck] = []

    def at(self, site: str, process: str, now: datetime) -> "Struck | None":
        """The fault that strikes this visit, recorded in `struck`; None: no fault."""
        number = self.visits[site]
        self.visits[site] = number + 1
        kind = self.schedule.faults.get((site, number))
        if kind is None:
            return None
        struck = Struck(site, number, kind, now, process)
        self.struck.append(struck)
        return struck

    def throw(self, struck: Struck, what: str) -> float:
        """A number in [0, 1) for this fault alone."""
        return throw(self.schedule.seed, struck.site, struck.number, what)
