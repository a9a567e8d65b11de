"""The faults: their schedule, and a check that each one took effect.

    kill X               SIGKILL; the keeper restarts it (the warehouse: the next process to use it)
    pause X              SIGSTOP to its processes for longer than any timeout on it, then SIGCONT
    disk full            no byte left on the database's file system, until callers are refused
    connections cut      every client's connection to the database is terminated

A seed determines the whole schedule. Every kind comes at least once, then kinds are drawn at
random; some come two at a time. A blow counts once it has had its effect.
"""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.chaos.parts import Part, until
from tests.chaos.world import World

PAUSE_S: Mapping[str, float] = {
    "api": 22.0,  # callers give up after 20
    "relay": 31.0,  # the broker gives its transaction up after 30
    "worker-1": 12.0,  # session and saga lease end after 10
    "worker-2": 12.0,
    "kafka": 12.0,
    "postgres": 31.0,  # a statement times out after 30
    "redis": 4.0,  # the wait for an answer is a fraction of a second
    "warehouse": 6.0,
}
DISK_S = 60.0  # for callers to be refused because the disk is full
REFUSED_MIN = 3
BETWEEN_S = 2.0  # at most, before the next blow
PAIRED = 0.4  # the share of blows that come together with another
FOUND_S = 30.0  # to find a running process
CUT = (
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where pid <> pg_backend_pid() and backend_type = 'client backend'"
)


class Blow(NamedTuple):
    what: str  # "kill", "pause", "disk full", "connections cut"
    target: str = ""
    seconds: float = 0.0

    @property
    def kind(self) -> str:
        return f"{self.what} {self.target}".strip()


class Missed(Exception):
    """A blow could not be dealt, or had no effect."""


def kinds(parts: Sequence[str], *, disk: bool) -> list[Blow]:
    """One blow of every kind that these parts can be dealt."""
    every = [Blow("kill", name) for name in parts]
    every += [Blow("pause", name, PAUSE_S[name]) for name in parts]
    return every + [Blow("disk full")] * disk + [Blow("connections cut")]


def schedule(every: Sequence[Blow], *, count: int, seed: int) -> list[list[Blow]]:
    """Groups of blows that come together, `count` blows in all (or as many as there are kinds)."""
    dice = random.Random(seed)
    blows = dice.sample(every, len(every))
    blows += [dice.choice(every) for _ in range(count - len(every))]
    groups: list[list[Blow]] = []
    for blow in blows:
        if groups and len(groups[-1]) == 1 and _goes_with(blow, groups[-1][0], dice):
            groups[-1].append(blow)
        else:
            groups.append([blow])
    return groups


def _goes_with(blow: Blow, other: Blow, dice: random.Random) -> bool:
    """A full disk comes alone, since a caller without a server cannot be refused. And a database
    server that is paused or killed cannot cut connections."""
    alone = "disk full" in (blow.what, other.what)
    alone |= {"connections cut", "postgres"} <= {blow.what, other.what, blow.target, other.target}
    return dice.random() < PAIRED and not alone and blow.target != other.target


def deal(world: World, blows: Sequence[Blow], dice: random.Random) -> Iterator[Blow]:
    """Deal blows that come together, the others during the pauses; yields those that hit.

    Raises:
        Missed: a blow did not hit.
    """
    time.sleep(dice.uniform(0, BETWEEN_S))
    pauses = [blow for blow in blows if blow.what == "pause"]
    with_pids = [(blow, _stop(world.parts[blow.target])) for blow in pauses]
    try:
        for blow in blows:
            if blow.what != "pause":
                time.sleep(dice.uniform(0, BETWEEN_S) if pauses else 0)
                _deal[blow.what](world, blow)
                yield blow
        time.sleep(max((blow.seconds for blow in pauses), default=0))
    finally:
        for _, pids in with_pids:
            _signal(pids, signal.SIGCONT)
    yield from pauses


def _kill(world: World, blow: Blow) -> None:
    part = world.parts[blow.target]

    def hit() -> bool:
        try:
            os.kill(_found(part)[0], signal.SIGKILL)
        except ProcessLookupError:  # the pid file still has the previous process
            return False
        return True

    if not until(hit, FOUND_S):
        raise Missed(f"{part.name} was not there for {FOUND_S:g} s")


def _stop(part: Part) -> Sequence[int]:
    pids = _found(part)
    _signal(pids, signal.SIGSTOP)
    return pids


def _fill(world: World, blow: Blow) -> None:
    """Fill the disk until callers are refused; writes to space already allocated still work."""
    filler = world.disk / "filler"
    before = world.progress()["tries"].get("503", 0)
    deadline = time.monotonic() + DISK_S
    try:
        while world.progress()["tries"].get("503", 0) < before + REFUSED_MIN:
            _take_all(filler)
            if time.monotonic() > deadline:
                raise Missed(f"no caller was refused for {DISK_S:g} s of a full disk")
            time.sleep(0.2)
    finally:
        filler.unlink(missing_ok=True)


def _take_all(filler: Path) -> None:
    with filler.open("ab", buffering=0) as out:
        try:
            while True:
                out.write(bytes(1 << 16))
        except OSError:
            return


def _cut(world: World, blow: Blow) -> None:
    with world.database() as connection:
        cut = connection.execute(CUT).fetchall()
    if not cut:
        raise Missed("no client was connected")


def _found(part: Part) -> Sequence[int]:
    if not until(lambda: part.pids() and not part.ended, FOUND_S):
        raise Missed(f"{part.name} was not there for {FOUND_S:g} s")
    return part.pids()


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


_deal: Mapping[str, Callable[[World, Blow], None]] = {
    "kill": _kill,
    "disk full": _fill,
    "connections cut": _cut,
}
