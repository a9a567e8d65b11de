"""`tidemark backup TO`: the data directory, copied while it is in use."""

import argparse
import asyncio
from pathlib import Path
from typing import Any

from adapters.backup import backup
from api.cli import add_verb, emit, settings

MORE = """\
examples:
  tidemark backup /backups/today
  tidemark serve --data-dir /backups/today     a copy is a data directory

What lies outside the data directory (servers that variables name) is not copied.
"""


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    verb = add_verb(verbs, shared, "backup", more=MORE)
    verb.add_argument("to", type=Path, metavar="TO", help="a folder that does not exist yet")
    verb.add_argument(
        "--without-keys", action="store_true", help="leave keys/ out: you keep it by other means"
    )
    verb.set_defaults(run=_run)


async def _run(args: argparse.Namespace) -> None:
    made = await asyncio.to_thread(backup, settings(args), args.to, keys=not args.without_keys)
    keys = "with keys" if made.keys else "without keys"
    text = f"{made.path}: {made.bytes:,} bytes, {keys}, position {made.position}"
    emit(args, made._asdict(), f"{text}, {made.seconds} s")
