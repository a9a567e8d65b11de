"""Simulation: the mark of a log that runs on a simulated clock, with the terms of its run.

    (empty log) -StartSimulation-> started        the first event of the log; it never ends

A log with this event is never run on the machine's clock: its dates lie in the past, so every
deadline would be overdue at once. A log without it is never traded by the simulator.
"""

from collections.abc import Mapping
from datetime import date
from typing import ClassVar

from msgspec import Struct

from domain.shared.message import Command, Decision, Event, Refusal, Seen, refused

RUN, SOME = "main", "some"


class SimulationRefusal(Refusal):
    SIMULATION_DIFFERS = "simulation_differs"
    ACCOUNTS_NOT_POSITIVE = "accounts_not_positive"


class StartSimulation(Command):
    """Bind the log to a run. The same run again changes nothing."""

    INTERNAL: ClassVar[bool] = True

    first_day: date  # the first session that is traded
    accounts: int
    seed: int  # of all random numbers
    faults: str = SOME  # how often the counterparties misbehave: none, some, hostile


class SimulationStarted(Event, tag="simulation.started"):
    first_day: date
    accounts: int
    seed: int
    faults: str = SOME


class Simulation(Struct, frozen=True, kw_only=True):
    """The run of this log; `first_day` None: the log runs on the machine's clock."""

    first_day: date | None = None
    accounts: int = 0
    seed: int = 0
    faults: str = SOME


CATEGORY = "simulation"
STREAM = f"{CATEGORY}-{RUN}"
COMMANDS = (StartSimulation,)
REFUSALS: Mapping[type[Command], tuple[Refusal, ...]] = {StartSimulation: tuple(SimulationRefusal)}
EVENTS = (SimulationStarted,)
INITIAL = Simulation()


def key(command: StartSimulation) -> str:
    return RUN


def reads(command: StartSimulation) -> tuple[str, ...]:
    return ()


def decide(command: StartSimulation, state: Simulation, seen: Seen) -> Decision:
    """Record the run. Refuse it if the log belongs to another run, or if it has no accounts."""
    if command.accounts < 1:
        return refused(SimulationRefusal.ACCOUNTS_NOT_POSITIVE, accounts=command.accounts)
    started = SimulationStarted(
        first_day=command.first_day,
        accounts=command.accounts,
        seed=command.seed,
        faults=command.faults,
    )
    if state.first_day is None:
        return (started,)
    if evolve(state, started) == state:
        return ()
    return refused(
        SimulationRefusal.SIMULATION_DIFFERS,
        first_day=state.first_day,
        accounts=state.accounts,
        seed=state.seed,
        faults=state.faults,
    )


def evolve(state: Simulation, event: SimulationStarted) -> Simulation:
    return Simulation(
        first_day=event.first_day, accounts=event.accounts, seed=event.seed, faults=event.faults
    )


def home(state: Simulation, stream: str) -> str:
    return stream
