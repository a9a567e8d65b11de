"""The command line: one verb a module, each with `add(verbs)` and a coroutine that runs it.

`--data-dir` and `--json` stand before or after the verb. With `--json` stdout carries one JSON
object (or lines of it) and nothing else; progress and complaints go to stderr.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any

import uvloop

from adapters.backup import BackupFailed
from adapters.bus import BusMismatch, BusUnavailable, Fenced
from adapters.data_dir import DataDirHeld
from adapters.embedded_postgres import PostgresFailed
from adapters.recorder import Unavailable
from adapters.settings import Settings, SettingsError
from adapters.warehouse import WarehouseError, WarehouseUnavailable
from commands.ports import Unreadable

EXPECTED = (
    BackupFailed,
    BusMismatch,
    BusUnavailable,
    DataDirHeld,
    Fenced,
    PostgresFailed,
    SettingsError,
    Unavailable,
    Unreadable,
    WarehouseError,
    WarehouseUnavailable,
)
"""What may go wrong without being a bug: one line on stderr, exit code 1."""


class UsageError(Exception):
    """The words of the command are off: one line on stderr, exit code 2."""


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    try:
        return int(uvloop.run(_run(args)) or 0)
    except UsageError as e:
        return _complain(e, 2)
    except EXPECTED as e:
        return _complain(e, 1)
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def parser() -> argparse.ArgumentParser:
    from api.cli import (  # noqa: PLC0415
        backup,
        bench,
        books,
        conformance,
        log,
        migrate,
        relay,
        serve,
        simulate,
        sql,
        worker,
    )

    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--data-dir", default=argparse.SUPPRESS, metavar="DIR")
    shared.add_argument("--json", action="store_true", default=argparse.SUPPRESS)
    top = argparse.ArgumentParser(prog="tidemark", description=__doc__, parents=[shared])
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    modules = (serve, simulate, log, books, sql, relay, worker, migrate, backup, bench, conformance)
    for module in modules:
        module.add(verbs, shared)
    return top


def settings(args: argparse.Namespace, **overrides: Any) -> Settings:
    return Settings.read(data_dir=getattr(args, "data_dir", None), **overrides)


def emit(args: argparse.Namespace, answer: dict[str, Any], text: str) -> None:
    """The verb's answer: JSON for programs, text for people."""
    print(json.dumps(answer, default=str) if wants_json(args) else text)


def wants_json(args: argparse.Namespace) -> bool:
    return bool(getattr(args, "json", False))


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


async def _run(args: argparse.Namespace) -> int | None:
    result: int | None = await args.run(args)
    return result


def _complain(error: Exception, code: int) -> int:
    say(f"tidemark: {error}")
    return code
