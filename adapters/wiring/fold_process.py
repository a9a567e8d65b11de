"""Folds one partition of a log in its own process, for `adapters.operations.fold_apart`.

python -m adapters.wiring.fold_process TASK    (JSON, `adapters.operations.fold_apart.FoldTask`)
"""

import asyncio
import sys
from pathlib import Path

import uvloop
from msgspec import json

from adapters.host import gc_settings
from adapters.operations.fold_apart import FoldTask, fold_part
from adapters.postgres.views.sink import PostgresSink
from adapters.settings import Settings
from adapters.wiring.platform import open_platform
from projections.catalogue import BY_NAME


async def run(task: FoldTask) -> None:
    """Open the log while another process holds the data directory, and fold.

    Raises:
        Halted, Unavailable, Unreadable, SettingsError: the process prints it as its last line.
    """
    settings = Settings.read(data_dir=Path(task.data_dir), log_connections=1, read_connections=1)
    async with await open_platform(settings, verb="fold", exclusive=False) as platform:
        sink = PostgresSink(
            platform.database_url,
            schema=task.schema,
            partition=task.partition,
            partitions=task.partitions,
        )
        try:
            views = [BY_NAME[name] for name in task.views]
            await fold_part(platform.log, sink, views, partition=task.partition, until=task.until)
        finally:
            await sink.close()


def main() -> None:
    task = json.decode(sys.argv[1], type=FoldTask)
    gc_settings.settle()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(task))


if __name__ == "__main__":
    main()
