"""Tidemark: an event-sourced trading ledger and wealth platform.

VERBS maps each verb to its module. Only the module of the verb on the command line is imported:
all of them together take seconds. Each has `add(verbs, shared)` and a coroutine that runs the verb.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import uvloop

from commands.expected import Expected

if TYPE_CHECKING:
    from adapters.settings import Settings

VERBS: dict[str, tuple[str, str]] = {
    "serve": ("serve", "run the platform: HTTP, GraphQL, SQL; with --demo a market to try it on"),
    "demo": ("demo", "pause or resume the market of a running demo, or change its pace"),
    "simulate": ("simulate", "trade years of real prices through the ledger, at full speed"),
    "sql": ("sql", "ask the warehouse a question in SQL (read-only)"),
    "log": ("log", "look at the event log: follow it, verify it, trace an order through it"),
    "replay": ("books", "compute every read model again from the log, and compare the two"),
    "rebuild": ("books", "build a read model again from the log, and replace the old one"),
    "backup": ("backup", "copy the data directory while it is in use"),
    "erase": ("erase", "destroy a client's data key, so that names and texts stay unreadable"),
    "migrate": ("migrate", "bring the database schemas up to this build"),
    "relay": ("relay", "publish the log to Kafka (where TIDEMARK_BUS names one)"),
    "worker": ("worker", "keep read models up to date and run sagas, from Kafka"),
    "venue": ("venue", "run a simulated FIX venue, for a platform to trade on"),
    "bench": ("bench", "measure the speed of this build and of other software"),
    "conformance": ("conformance", "check this build against published examples"),
}
"""Verb -> (module, help). A new verb is a module in this folder and a line here."""

ABOUT = """\
Tidemark: an event-sourced trading ledger and wealth platform.

  tidemark serve --demo      a year of real prices traded by 100 accounts, then a market that
                             moves: http://127.0.0.1:8080
  tidemark serve             the platform on the data directory's own log, empty at first
"""
MORE = """\
Without settings everything runs on this machine, in the data directory: Postgres, ClickHouse,
keys. Variables name servers instead (TIDEMARK_LOG, TIDEMARK_BUS ...: docs/deploy.md).
`tidemark VERB --help` explains a verb.

exit codes: 0 done; 1 it failed, or found something wrong (one line on stderr names it);
            2 the command line is wrong; 130 stopped by Ctrl-C
"""


class UsageError(Exception):
    """The command line is wrong: one line on stderr, exit code 2."""


def main(argv: Sequence[str] | None = None) -> int:
    words = sys.argv[1:] if argv is None else list(argv)
    args = parser(_verb_of(words)).parse_args(words)
    try:
        return int(uvloop.run(_run(args)) or 0)
    except UsageError as e:
        return _complain(e, 2)
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Expected as e:
        return _complain(e, 1)


def parser(only: str | None = None) -> argparse.ArgumentParser:
    """The parser of the whole command line.

    Args:
        only: the verb whose options are added; None: those of all verbs.
    """
    shared = _shared_options()
    top = argparse.ArgumentParser(
        prog="tidemark", description=ABOUT, epilog=MORE, parents=[shared], **_FORMAT
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB", title="verbs")
    wanted = {VERBS[only][0]} if only in VERBS else set()
    added: set[str] = set()
    for name, (module, text) in VERBS.items():
        if only is not None and module not in wanted:
            verbs.add_parser(name, help=text, add_help=False)
        elif module not in added:
            import_module(f"api.cli.{module}").add(verbs, shared)
            added.add(module)
    return top


def add_verb(
    verbs: Any, shared: argparse.ArgumentParser, name: str, *, about: str, more: str
) -> argparse.ArgumentParser:
    """Add a verb's parser, with its help from VERBS.

    Args:
        about: what the verb does and what it is for; shown above its options.
        more: examples and exit codes; shown below them.
    """
    return add_words(verbs, [shared], name, text=VERBS[name][1], about=about, more=more)


def add_words(
    words: Any,
    parents: Sequence[argparse.ArgumentParser],
    name: str,
    *,
    text: str,
    about: str,
    more: str,
) -> argparse.ArgumentParser:
    """Add a parser of a verb, or of a word after it (`log verify`).

    Args:
        text: its line in the list of verbs or words.
        about, more: as in `add_verb`.
    """
    made: argparse.ArgumentParser = words.add_parser(
        name, parents=parents, help=text, description=about, epilog=more, **_FORMAT
    )
    return made


_FORMAT: dict[str, Any] = {"formatter_class": argparse.RawDescriptionHelpFormatter}


def command_line(*words: str) -> list[str]:
    """The command line that starts this program as a process of its own.

    Args:
        words: the verb and its options.
    """
    return [sys.executable, "-c", "import sys; from api.cli import main; sys.exit(main())", *words]


def settings(args: argparse.Namespace, **overrides: Any) -> "Settings":
    from adapters.settings import Settings  # noqa: PLC0415 - `--help` needs no pydantic

    return Settings.read(data_dir=getattr(args, "data_dir", None), **overrides)


def emit(args: argparse.Namespace, answer: dict[str, Any], text: str) -> None:
    """Print the verb's answer: JSON with --json, else text."""
    print(json.dumps(answer, default=str) if wants_json(args) else text)


def wants_json(args: argparse.Namespace) -> bool:
    return bool(getattr(args, "json", False))


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _shared_options() -> argparse.ArgumentParser:
    """The options that every verb takes, before or after it."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--data-dir",
        default=argparse.SUPPRESS,
        metavar="DIR",
        help="where everything is kept (default .tidemark, or TIDEMARK_DATA_DIR)",
    )
    shared.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS,
        help="one JSON object on stdout and nothing else there, for programs",
    )
    return shared


def _verb_of(words: Sequence[str]) -> str:
    """The verb among the words of a command line; "" if there is none, or an unknown one."""
    looker = argparse.ArgumentParser(prog="tidemark", parents=[_shared_options()], add_help=False)
    looker.add_argument("verb", nargs="?")
    verb = looker.parse_known_args(words)[0].verb
    return verb if verb in VERBS else ""


async def _run(args: argparse.Namespace) -> int | None:
    result: int | None = await args.run(args)
    return result


def _complain(error: Exception, code: int) -> int:
    say(f"tidemark: {error}")
    return code
