"""`tidemark migrate`: brings both Postgres schemas up to this build, as their owner."""

import argparse
import asyncio
from typing import Any

from adapters.operations.migrate import bring_up
from api.cli import UsageError, add_verb, emit, settings

ABOUT = """\
Bring the database schemas up to this build, as their owner. Use it for servers (docs/deploy.md).
The embedded Postgres is migrated when it starts.
"""
MORE = """\
examples:
  tidemark migrate --dry-run
  tidemark migrate --roles

The variables TIDEMARK_LOG and TIDEMARK_DATABASE name the servers.
"""


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    verb = add_verb(verbs, shared, "migrate", about=ABOUT, more=MORE)
    verb.add_argument(
        "--dry-run", action="store_true", help="only print what would be done, and change nothing"
    )
    verb.add_argument(
        "--roles",
        action="store_true",
        help="also make the database roles and grant them their rights (docs/operations.md)",
    )
    verb.set_defaults(run=_run)


async def _run(args: argparse.Namespace) -> None:
    if args.dry_run and args.roles:
        raise UsageError("--dry-run changes nothing, and --roles changes rights: give one of them")
    found = await asyncio.to_thread(
        bring_up, settings(args), dry_run=args.dry_run, roles=args.roles
    )
    word = "to apply" if args.dry_run else "applied"
    lines = [
        f"{one.part:<8} at {one.version:04}, {word}: {', '.join(one.applied) or 'nothing'}"
        + (", rights granted" if one.roles else "")
        for one in found
    ]
    answer: dict[str, Any] = {
        one.part: {"version": one.version, word.replace(" ", "_"): one.applied, "roles": one.roles}
        for one in found
    }
    emit(args, answer, "\n".join(lines))
