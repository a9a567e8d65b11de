"""Whether a log runs on a simulated clock, and which clock a process that opens it has to use.

The answer is in the log itself, so it holds on every recorder and in every backup: a simulated log
begins with `simulation.started`. Older simulated logs begin with a listing that the simulator sent
at a time that the shipped prices cover; their run is in `simulation.json` of the data directory.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from adapters.host.clock import PacedClock, SimulatedClock, SystemClock
from adapters.log.event_log import RecorderLog
from adapters.log.frame import unframe
from adapters.log.recorder import HeadLost, Stored
from adapters.settings_error import SettingsError
from commands.ports import Unreadable
from domain import simulation
from domain.simulation import Simulation

OLD_FILE = "simulation.json"
SIMULATOR = "simulator"  # the actor of simulated clients' commands, and owner of their message ids
PRICES_END = datetime(2023, 1, 1, tzinfo=UTC)  # of the first release: no `simulation.started`


class ClockMismatch(SettingsError):
    """The log runs on another kind of clock than the one this process was given."""


class Origin(NamedTuple):
    """The clock that a log runs on, as read from the log."""

    simulated: bool
    run: Simulation  # `first_day` None: the machine's clock, or an old log that names no run
    written: bool  # whether the log holds anything
    at: datetime | None  # the clock at its last event


async def origin_of(log: RecorderLog, data_dir: Path) -> Origin:
    """Read a log's origin from its first event."""
    first = await log.stored(0, limit=1)
    if not first:
        run = _old_run(data_dir)
        return Origin(run.first_day is not None, run, written=False, at=None)
    at = await _last_at(log)
    if first[0].stream == simulation.STREAM:
        return Origin(True, await _run(log), written=True, at=at)
    if not _by_simulator(first[0], data_dir):
        return Origin(False, simulation.INITIAL, written=True, at=at)
    run = await _run(log)
    return Origin(True, run if run.first_day else _old_run(data_dir), written=True, at=at)


async def _last_at(log: RecorderLog) -> datetime | None:
    """When the log was last written to; if its head row is lost, the time of its last event."""
    try:
        return (await log.recorder.last())[1]
    except HeadLost:
        async with log.recorder.evidence() as evidence:
            found = await log.stored((evidence.end or 0) - 1, limit=1)
        return found[-1].committed_at if found else None


def clock_of(origin: Origin, given: Callable[[], datetime] | None) -> Callable[[], datetime]:
    """The clock to use: the one that was given if the log can run on it, else the log's own.

    Raises:
        ClockMismatch: the log runs on the other kind.
    """
    if origin.simulated and isinstance(given, SystemClock):
        at = f"{origin.at:%Y-%m-%d %H:%M}" if origin.at else "its beginning"
        raise ClockMismatch(
            f"TIDEMARK_LOG: this log runs on a simulated clock, now at {at}: "
            "it cannot be run on the machine's clock"
        )
    if origin.written and not origin.simulated and isinstance(given, SimulatedClock):
        raise ClockMismatch(
            "TIDEMARK_LOG: this log runs on the machine's clock: a simulation or a demo needs "
            "an empty one (--data-dir DIR)"
        )
    if given is not None:
        return given
    if not origin.simulated:
        return SystemClock()
    return PacedClock(origin.at or datetime(1990, 1, 1, tzinfo=UTC))


async def _run(log: RecorderLog) -> Simulation:
    run = simulation.INITIAL
    with suppress(Unreadable):  # damaged: the log is still simulated, but its run is unknown
        for found in await log.select(simulation.STREAM):
            event: Any = found.event
            run = simulation.evolve(run, event)
    return run


def _by_simulator(stored: Stored, data_dir: Path) -> bool:
    """Any caller may use the simulator's name, but only the simulator's own events are that old."""
    try:
        metadata = msgspec.json.decode(unframe(stored.state)[0])
        sent_by_it = metadata["actor"] == SIMULATOR
    except (msgspec.MsgspecError, ValueError, KeyError, TypeError):
        sent_by_it = _old_run(data_dir).first_day is not None  # damaged: look for the file
    return sent_by_it and stored.committed_at < PRICES_END


def _old_run(data_dir: Path) -> Simulation:
    """The run in the first release's `simulation.json`; INITIAL if it cannot be read."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        stored = json.loads((data_dir / OLD_FILE).read_text())
        first = date.fromisoformat(stored["from"])
        return Simulation(
            first_day=first, accounts=int(stored["accounts"]), seed=int(stored["seed"])
        )
    return simulation.INITIAL
