"""`tidemark migrate`: bring both Postgres schemas up to this build, as their owner."""

import argparse
import asyncio
from typing import Any

from adapters.migrate import bring_up
from api.cli import UsageError, emit, settings


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    verb = verbs.add_parser(
        "migrate", parents=[shared], help="bring the database schemas up to this build"
    )
    verb.add_argument("--dry-run", action="store_true", help="say what would be done")
    verb.add_argument("--roles", action="store_true", help="make the roles and their rights too")
    verb.set_defaults(run=_run)


async def _run(args: argparse.Namespace) -> None:
    if args.dry_run and args.roles:
        raise UsageError("--dry-run says what migrations are outstanding; --roles changes rights")
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
