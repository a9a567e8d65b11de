"""`tidemark demo pause|resume|pace`: how fast the market of a demo moves, while it runs."""

import argparse
from typing import Any

from msgspec.structs import replace

from api.cli import UsageError, add_verb, emit, settings
from streams.simulation.pace import MINUTES, BadPace, PaceFile, parse_pace

MORE = """\
examples:
  tidemark demo pause          the clock stands; commands are answered, orders wait
  tidemark demo resume
  tidemark demo pace 1         a session takes one minute
  tidemark demo                say the pace

The running demo follows within a second; a demo that is not running begins with it.
"""


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    verb = add_verb(verbs, shared, "demo", more=MORE)
    verb.add_argument(
        "what",
        nargs="?",
        choices=("pause", "resume", "pace"),
        help="nothing: only say the pace that holds",
    )
    verb.add_argument(
        "minutes",
        nargs="?",
        metavar="MINUTES",
        help=f"of `pace`: real minutes that a session of 6.5 hours takes (at first {MINUTES:g})",
    )
    verb.set_defaults(run=_run)


async def _run(args: argparse.Namespace) -> None:
    config = settings(args)
    if (args.what == "pace") != (args.minutes is not None):
        raise UsageError("`demo pace MINUTES` needs the minutes, and nothing else takes any")
    if not config.data_dir.is_dir():
        raise UsageError(f"there is no data directory {config.data_dir}")
    said = PaceFile(config.data_dir)
    pace = said.pace()
    if args.what == "pace":
        try:
            pace = parse_pace(args.minutes, now=pace)
        except BadPace as e:
            raise UsageError(str(e)) from e
    elif args.what:
        pace = replace(pace, paused=args.what == "pause")
    if args.what:
        said.set(pace)
    emit(args, {"minutes": pace.minutes, "paused": pace.paused}, str(pace))
