"""The first fold of a long log, in several processes with one partition of the homes each.

    prepare in n partitions -> n processes fold their partition up to `until` -> prepare in one

Each process writes its own rows of the same tables (`projections.engine.shard`), so the rows equal
those of a single fold. This applies only to views at position 0. When all partitions of a view have
reached `until`, the view continues from there in one partition. If a process fails, views whose
partitions differ in position are emptied, and the caller folds them from the log's start in its own
process: the error then appears in its usual place.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from subprocess import Popen

from msgspec import Struct, json
from msgspec.structs import replace

from adapters.bus.page import PARTITIONS
from adapters.bus.partition_log import PartitionLog, StoredLog
from adapters.host.bound_process import spawn
from adapters.memory.sink import MemorySink
from adapters.postgres.views.sink import PostgresSink
from projections.engine.runner import LAGGARDS_PAGE, Runner, Stuck
from projections.ports import Pause, View

PROCESSES_MAX = 8
EVENTS_MIN = 50_000  # one process folds a shorter log before several have started
POLL_S = 0.05

_log = logging.getLogger(__name__)


class FoldTask(Struct, frozen=True, kw_only=True):
    """The work of one process, passed as JSON on its command line."""

    data_dir: str
    schema: str
    partition: int
    partitions: int
    until: int
    views: tuple[str, ...]


class Halted(Exception):
    """A view cannot fold an event of its partition."""

    def __init__(self, stuck: Stuck) -> None:
        super().__init__(f"{stuck.view}: {stuck.stream}@{stuck.version}: {stuck.error}")


def processes() -> int:
    """One process per available processor, in a number that keeps each shard in one partition."""
    ours = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(n for n in PARTITIONS if n <= min(ours, PROCESSES_MAX))


async def fold_apart(
    log: StoredLog,
    sink: PostgresSink,
    views: Sequence[View],
    *,
    child: Sequence[str],
    data_dir: Path,
    number: int | None = None,
    least: int = EVENTS_MIN,
) -> int:
    """Fold the views at position 0 up to the log's end.

    Args:
        sink: of one partition; prepared for the views if this folds any.
        child: the command line that folds a `FoldTask`, given to it as JSON.
        data_dir: of the platform; the processes open the same log with it and the environment.
        number: of processes, one of `PARTITIONS`; None: by the number of processors.
        least: leave a log of fewer events to the caller.

    Returns:
        The position up to which the views were folded; 0: nothing was folded here.
    """
    number = processes() if number is None else number
    until = await log.last()
    if number < 2 or until < least:
        return 0
    await sink.prepare(views)
    positions = await sink.positions([view.NAME for view in views])
    new = [view for view in views if not positions[view.NAME]]
    if not new:
        return 0
    await _lay_out(sink, new, number)
    tasks = _tasks(sink, new, data_dir, until=until, number=number)
    folded = await _run(child, tasks, data_dir / "workers")
    await sink.prepare(views)
    return until if folded else 0


async def fold_part(
    log: StoredLog,
    part: PostgresSink | MemorySink,
    views: Sequence[View],
    *,
    partition: int,
    until: int,
    pause: Pause | None = None,
) -> None:
    """Fold one partition of the log up to a position, in the large pages for views far behind.

    Raises:
        Halted: a view is stuck; the positions of the others are at most `until`.
    """
    runner = Runner(PartitionLog(log, partition, part.partitions), part, views, pause=pause)
    while min((await runner.positions()).values()) < until:
        await runner.step(limit=LAGGARDS_PAGE, until=until, complete=True)
        for stuck in runner.stuck.values():
            raise Halted(stuck)


def _tasks(
    sink: PostgresSink, views: Sequence[View], data_dir: Path, *, until: int, number: int
) -> list[FoldTask]:
    whole = FoldTask(
        data_dir=str(data_dir.resolve()),
        schema=sink.schema,
        partition=0,
        partitions=number,
        until=until,
        views=tuple(view.NAME for view in views),
    )
    return [replace(whole, partition=partition) for partition in range(number)]


async def _lay_out(sink: PostgresSink, views: Sequence[View], partitions: int) -> None:
    parted = PostgresSink(sink.url, schema=sink.schema, partitions=partitions)
    try:
        await parted.prepare(views)
    finally:
        await parted.close()


async def _run(command: Sequence[str], tasks: Sequence[FoldTask], folder: Path) -> bool:
    """Run one process per task; whether all succeeded. The first failure ends them all."""
    folder.mkdir(parents=True, exist_ok=True)
    children: list[tuple[Popen[bytes], Path]] = []
    try:
        for task in tasks:
            output = folder / f"fold-{task.partition}.log"
            output.unlink(missing_ok=True)
            words = [*command, json.encode(task).decode()]
            children.append((spawn(words, output), output))
        while any(child.poll() is None for child, _ in children):
            if failed := [output for child, output in children if child.poll()]:
                _log.warning("folding in one process: %s", _last_line(failed[0]))
                return False
            await asyncio.sleep(POLL_S)
        return not any(child.returncode for child, _ in children)
    finally:
        for child, _ in children:
            if child.poll() is None:
                child.kill()
                await asyncio.to_thread(child.wait)


def _last_line(output: Path) -> str:
    lines = output.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "a process ended")
