"""`tidemark backup TO`: the data directory, copied while it is in use."""

import argparse
import asyncio
from pathlib import Path
from typing import Any

from adapters.backup import backup
from api.cli import emit, settings


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    verb = verbs.add_parser(
        "backup", parents=[shared], help="copy the data directory while it is in use"
    )
    verb.add_argument("to", type=Path, metavar="TO", help="a folder that does not exist yet")
    verb.add_argument(
        "--without-keys", action="store_true", help="keys/ is kept apart, by other means"
    )
    verb.set_defaults(run=_run)


async def _run(args: argparse.Namespace) -> None:
    made = await asyncio.to_thread(backup, settings(args), args.to, keys=not args.without_keys)
    keys = "with keys" if made.keys else "without keys"
    text = f"{made.path}: {made.bytes:,} bytes, {keys}, position {made.position}"
    emit(args, made._asdict(), f"{text}, {made.seconds} s")
