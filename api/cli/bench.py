"""`tidemark bench NAME`: runs one benchmark (or all) and its named peer in the same run."""

import argparse
import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from api.cli import UsageError, add_verb, checkout, emit, say

NAMES = (
    "append", "command", "http", "load", "growth", "lag", "catch-up", "simulate", "cache",
    "warehouse", "esdb", "relay", "worker", "fix",
)  # fmt: skip

ABOUT = """\
Measure the speed of this build on this machine. Each benchmark also runs other software (its peer)
that does the same work. docs/benchmarks.md has the figures and explains each. The verb needs the
source tree.
"""
MORE = """\
examples:
  tidemark bench append                              one benchmark
  tidemark bench all --write docs/benchmarks.md      all of them, for an hour or so
"""

_log = logging.getLogger(__name__)


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    verb = add_verb(verbs, shared, "bench", about=ABOUT, more=MORE)
    every = (*NAMES, "all")
    verb.add_argument(
        "name", choices=every, metavar="NAME", help=f"what to measure: {', '.join(every)}"
    )
    verb.add_argument(
        "--write",
        type=Path,
        default=None,
        metavar="FILE",
        help="also write the figures into this page",
    )
    verb.set_defaults(run=_run)


async def _run(args: argparse.Namespace) -> None:
    reports, failed = [], []
    for name in NAMES if args.name == "all" else (args.name,):
        say(f"bench {name} ...")
        try:
            reports.append(
                await asyncio.to_thread(checkout.module("bench", name.replace("-", "_")).run)
            )
        except UsageError:
            raise
        except Exception:  # the other benchmarks still run
            _log.exception("bench %s", name)
            failed.append(name)
            continue
        say(_text(reports[-1]))
        if args.write:  # after each: a later failure must not lose its figures
            _write(args.write, reports[-1])
    emit(args, reports[0] if len(reports) == 1 else {"reports": reports}, "")
    if failed:
        raise UsageError(f"not measured: {', '.join(failed)}")


def _write(page: Path, report: dict[str, Any]) -> None:
    """Replace the benchmark's section of the page; the others stay."""
    before = page.read_text() if page.exists() else ""
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    harness = checkout.module("bench", "harness")
    page.write_text(harness.markdown([report], today, before=before, order=NAMES))


def _text(report: dict[str, Any]) -> str:
    lines = []
    for r in report["rows"]:
        word = "met" if r["met"] else "NOT met"
        goal = "" if r["goal"] is None else f" (goal {r['goal']:g}: {word})"
        ratio = "" if r["ratio"] is None else f" ratio {r['ratio']:.3g}"
        peer = "" if r["peer"] is None else f" against {r['peer']:,.4g} ({r['peer_name']})"
        lines.append(f"  {r['what']}: {r['ours']:,.4g} {r['unit']}{peer}{ratio}{goal}")
    return "\n".join(lines)
