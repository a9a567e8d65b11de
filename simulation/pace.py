"""How fast a demo's market moves: minutes a session, or paused; read from a file that may change.

    tidemark demo pause --writes--> DIR/demo.json --read several times a second--> the market

A file is no endpoint that a web page could reach: only users who may write the data directory
can change it.
"""

import json
import math
import os
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from simulation.clockwork import TICK, TICKS

FILE = "demo.json"
MINUTES, MINUTES_MIN, MINUTES_MAX = 6.0, 0.05, 1_440.0  # a session
SESSION = TICK * (TICKS - 1)  # 6 hours 30 minutes, as long as New York trades


class BadPace(Exception):
    """The pace is not possible; the message names those that are."""


class Pace(Struct, frozen=True, kw_only=True):
    minutes: float = MINUTES  # real minutes that a session takes
    paused: bool = False

    @property
    def rate(self) -> float:
        """Simulated seconds in a real one; 0 while it is paused."""
        return 0.0 if self.paused else SESSION / timedelta(minutes=self.minutes)

    def __str__(self) -> str:
        unit = "minute" if self.minutes == 1 else "minutes"
        return f"{self.minutes:g} {unit} a session{', paused' if self.paused else ''}"


def parse_pace(text: str, *, now: Pace) -> Pace:
    """What a user asks for: minutes a session, or `paused` (at the pace `now`).

    Minutes do not end a pause: the market stays paused, and moves at that pace once it is resumed.

    Raises:
        BadPace: it is neither, or out of bounds.
    """
    if text == "paused":
        return replace(now, paused=True)
    with suppress(ValueError):
        minutes = float(text)
        if math.isfinite(minutes) and MINUTES_MIN <= minutes <= MINUTES_MAX:
            return replace(now, minutes=minutes)
    raise BadPace(
        f"the pace must be {MINUTES_MIN:g} to {MINUTES_MAX:g} minutes a session, or paused, "
        f"not {text!r}"
    )


class PaceFile:
    """The pace of one data directory; without a file it is the default."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE
        self._read: tuple[int, Pace] = (0, Pace())  # when the file was changed (ns), its pace

    def pace(self) -> Pace:
        """The current pace; while the file cannot be read, the last one."""
        with suppress(OSError, ValueError, TypeError, KeyError, BadPace):
            changed = self._path.stat().st_mtime_ns
            if changed != self._read[0]:
                stored = json.loads(self._path.read_text())
                found = parse_pace(str(stored["minutes"]), now=Pace())
                self._read = (changed, replace(found, paused=stored["paused"] is True))
        return self._read[1]

    def set(self, pace: Pace) -> None:
        """Write the file whole or not at all; a reader meanwhile reads the old pace."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps({"minutes": pace.minutes, "paused": pace.paused}) + "\n")
        beside.replace(self._path)
