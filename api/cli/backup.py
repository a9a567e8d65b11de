"""`tidemark backup TO`: copies the data directory while it is in use."""

import argparse
import asyncio
from pathlib import Path
from typing import Any

from adapters.operations.backup import backup
from api.cli import add_verb, emit, settings

ABOUT = """\
Copy the data directory into a new folder while `tidemark serve` uses it, or not: log, read models
and keys. The warehouse is left out: a restored copy loads it again from the log. docs/operations.md
says how to restore.
"""
MORE = """\
examples:
  tidemark backup /backups/today
  tidemark serve --data-dir /backups/today     a copy is a data directory

What lies outside the data directory (servers that variables name) is not copied.
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
