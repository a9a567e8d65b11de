"""`python -m tests.chaos`: a platform of real processes under load and under fire.

Progress on stderr; the last line on stdout is one JSON object:
{"faults", "kinds", "commands", "lost", "doubled", "views_equal", "seconds"}. Exit code 1 when
a check fails; the failures are on stderr, and the world's files are kept.
"""

import argparse
import json
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

from tests.chaos.faults import Blow, Missed, deal, kinds, schedule
from tests.chaos.parts import until
from tests.chaos.verify import Findings, verify
from tests.chaos.world import World

FAULTS = 21
WARM_UP = 60  # commands before the first fault
AFTER = 20  # commands that must be answered before the next fault
RECOVERED_S = 120.0
QUIET_S, QUIET_WITHIN_S = 8.0, 180.0


class Run:
    """One run; `wrong` lists the faults that it finds."""

    def __init__(self, seed: int, faults: int, bus: str, only: Collection[str] = ()) -> None:
        self.seed, self.faults, self.bus, self.only = seed, faults, bus, only
        self.kinds: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.findings: Findings | None = None
        self.kept: Path | None = None
        self._began = time.monotonic()

    def run(self) -> dict[str, Any]:
        try:
            with World(bus=self.bus, seed=self.seed, say=self.say) as world:
                try:
                    self._run(world)
                finally:
                    if self.wrong or self.findings is None:
                        self._keep(world)
        except Exception as e:
            self.wrong.append(f"the run ended: {type(e).__name__}: {e}")
        return self._answer()

    def say(self, line: str) -> None:
        print(f"{time.monotonic() - self._began:6.1f} {line}", file=sys.stderr, flush=True)

    def _run(self, world: World) -> None:
        self.say(f"up: seed {self.seed}, bus {self.bus}, {', '.join(world.parts)}")
        world.call_in()
        self._through(world, WARM_UP, "the first commands")
        dice = random.Random(self.seed)
        every = kinds(list(world.parts), disk=world.small_disk)
        chosen = [blow for blow in every if blow.kind in self.only or not self.only]
        for blows in schedule(chosen, count=self.faults, seed=self.seed):
            self._blow(world, blows, dice)
            if self.wrong:
                return
        self.say(f"callers finish: {world.progress()}")
        if code := world.send_away():
            self.wrong.append(f"callers ended with {code}: {world.progress()['wrong']}")
        self._quiet(world)
        codes = world.stop()
        self.wrong += [f"{n} ended with {code}" for n, code in codes.items() if code]
        self.say(f"at rest; begun again: {dict(world.restarts)}")
        self.findings = verify(world)
        self.wrong += self.findings.all

    def _blow(self, world: World, blows: list[Blow], dice: random.Random) -> None:
        self.say(" + ".join(blow.kind for blow in blows))
        try:
            for blow in deal(world, blows, dice):
                self.kinds[blow.kind] += 1
        except Missed as e:
            self.wrong.append(f"{blows}: {e}")
            return
        self._through(world, AFTER, " + ".join(blow.kind for blow in blows))

    def _through(self, world: World, commands: int, what: str) -> None:
        """Require in time: answers to commands, their events in all views, no troubles."""
        began, before, position = time.monotonic(), world.progress()["done"], 0

        def answered() -> bool:
            nonlocal position
            position = world.position() or 0
            return position > 0 and world.progress()["done"] >= before + commands

        if until(answered, RECOVERED_S) and until(
            lambda: not world.troubles(position), RECOVERED_S
        ):
            self.say(f"    well again after {time.monotonic() - began:.1f} s")
        else:
            done = world.progress()["done"] - before
            self.wrong.append(
                f"not well within {RECOVERED_S:g} s of {what}: {done} commands answered, "
                f"{'; '.join([*world.troubles(position), *world.workers()])}"
            )
        if wrong := world.progress()["wrong"]:
            self.wrong += [f"a caller was told: {one}" for one in wrong]

    def _quiet(self, world: World) -> None:
        """Require that no command is owed and every view is at the end of the log."""
        if not until(lambda: world.resting(QUIET_S), QUIET_WITHIN_S):
            self.wrong.append(f"no rest within {QUIET_WITHIN_S:g} s: {world.troubles()}")

    def _keep(self, world: World) -> None:
        """Keep the output of the processes and the journal for an investigation."""
        self.kept = Path(f"{world.folder}.kept")
        self.kept.mkdir()
        for file in [*world.folder.glob("*.log"), *world.folder.glob("*.json*")]:
            shutil.copy(file, self.kept)
        for log, name in ((world.disk / "pg/server.log", "postgres.log"),
                          (world.folder / "kafka/broker.log", "kafka.log")):  # fmt: skip
            if log.exists():
                shutil.copy(log, self.kept / name)

    def _answer(self) -> dict[str, Any]:
        found = self.findings
        return {
            "faults": self.kinds.total(),
            "kinds": dict(sorted(self.kinds.items())),
            "commands": found.commands if found else 0,
            "lost": len(found.lost) if found else None,
            "doubled": len(found.doubled) if found else None,
            "views_equal": not found.views if found else None,
            "seconds": round(time.monotonic() - self._began, 1),
        }


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="default: the time")
    parser.add_argument("--faults", type=int, default=FAULTS, help="how many, every kind at least")
    parser.add_argument("--bus", choices=("kafka", "inline"), default="kafka")
    parser.add_argument("--only", default="", help="kinds: 'kill api,pause relay'; default: all")
    options = parser.parse_args()
    run = Run(options.seed, options.faults, options.bus, [k for k in options.only.split(",") if k])
    answer = run.run()
    for line in run.wrong:
        run.say(f"WRONG {line}")
    if run.kept:
        run.say(f"kept: {run.kept}")
    print(json.dumps(answer), flush=True)
    return 1 if run.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
