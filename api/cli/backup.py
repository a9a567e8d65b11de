"""`tidemark backup TO`: copies the data directory while it is in use."""

import argparse
import asyncio
from pathlib import Path
from typing import Any

from adapters.operations.backup import backup
from api.cli import add_verb, emit, settings

ABOUT = """\
Copy log, read models and keys of the data directory into a new folder. `tidemark serve` may run
meanwhile. The copy leaves the warehouse out, because it is loaded again from the log after a
restore. docs/operations.md explains how to restore.
"""
MORE = """\
examples:
  tidemark backup /backups/today
  tidemark serve --data-dir /backups/today     a copy is a data directory

The verb does not copy servers (TIDEMARK_LOG, ...): use their own tools.
"""


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    verb = add_verb(verbs, shared, "backup", about=ABOUT, more=MORE)
    verb.add_argument(
        "to", type=Path, metavar="TO", help="the folder to make; it must not exist yet"
    )
    verb.add_argument(
        "--without-keys",
        action="store_true",
        help="leave the folder keys/ out; keep it elsewhere: without it no name can be read",
    )
    verb.set_defaults(run=_run)


async def _run(args: argparse.Namespace) -> None:
    made = await asyncio.to_thread(backup, settings(args), args.to, keys=not args.without_keys)
    keys = "with keys" if made.keys else "without keys"
    text = f"{made.path}: {made.bytes:,} bytes, {keys}, position {made.position}"
    emit(args, made._asdict(), f"{text}, {made.seconds} s")
