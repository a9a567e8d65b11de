"""`tidemark demo pause|resume|pace`: changes the pace of a demo's market while it runs."""

import argparse
from typing import Any

from msgspec.structs import replace

from api.cli import UsageError, add_verb, emit, settings
from simulation.pace import MINUTES, BadPace, PaceFile, parse_pace

ABOUT = """\
Change how fast the market of a demo (`tidemark serve --demo`) moves, or stop it for a while.
Without a word it prints the pace. docs/demo.md explains the demo.
"""
MORE = """\
examples:
  tidemark demo pause          stop the clock; commands are answered, orders wait
  tidemark demo resume         start the clock again where it stopped
  tidemark demo pace 1         a session takes one minute; a paused demo stays paused
  tidemark demo                print the pace

A running demo follows within a second; any other demo uses the setting at its next start.
"""


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    verb = add_verb(verbs, shared, "demo", about=ABOUT, more=MORE)
    verb.add_argument(
        "what",
        nargs="?",
        choices=("pause", "resume", "pace"),
        help="stop the clock, start it again, or set the pace; without a word: print the pace",
    )
    verb.add_argument(
        "minutes",
        nargs="?",
        metavar="MINUTES",
        help="with `pace`: the real minutes that a session of 6.5 hours takes, 0.05 to 1440"
        f" (at first {MINUTES:g})",
    )
    verb.set_defaults(run=_run)


async def _run(args: argparse.Namespace) -> None:
    config = settings(args)
    if (args.what == "pace") != (args.minutes is not None):
        raise UsageError("`demo pace` needs MINUTES; `pause` and `resume` take none")
    if not config.data_dir.is_dir():
        raise UsageError(f"there is no data directory {config.data_dir}")
    file = PaceFile(config.data_dir)
    pace = file.pace()
    if args.what == "pace":
        try:
            pace = parse_pace(args.minutes, now=pace)
        except BadPace as e:
            raise UsageError(str(e)) from e
    elif args.what:
        pace = replace(pace, paused=args.what == "pause")
    if args.what:
        file.set(pace)
    text = f"{pace}; resume with `tidemark demo resume`" if pace.paused else str(pace)
    emit(args, {"minutes": pace.minutes, "paused": pace.paused}, text)
