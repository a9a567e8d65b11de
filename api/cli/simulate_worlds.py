"""`tidemark simulate --worlds N`: runs a small platform under faults N times; needs no engine.

The answer names each failing run by its seed; `--world-seed X` repeats that run with its trace.
"""

import argparse
import asyncio
import os

from api.cli import UsageError, emit, wants_json
from api.cli.progress import Bar

RUNS_MAX = 1_000_000
WORKERS_MAX = 16


async def run(args: argparse.Namespace) -> int:
    """Print the counts; the exit code is 1 if any law was broken.

    Raises:
        UsageError: such runs are impossible, with the reason.
    """
    _check(args)
    # Imported only here: numpy, polars and the simulators take longer than other verbs do.
    from simulation.faults.campaign import answer, campaign, run_seeds, trace  # noqa: PLC0415

    if args.world_seed is not None:
        found = await asyncio.to_thread(run_seeds, [args.world_seed])
        result = answer(found) | {"trace": trace(found[0]), "wall_s": round(found[0].wall_s, 2)}
        emit(args, result, "\n".join(result["trace"]))
        return 1 if result["failing"] else 0
    first = 0 if args.seed is None else args.seed
    workers = min(os.cpu_count() or 1, WORKERS_MAX)
    with Bar(quiet=wants_json(args), what="runs") as bar:
        seeds = range(first, first + args.worlds)
        result = await campaign(seeds, seen=bar.count, workers=workers)
    text = (
        f"{result['runs']} runs, {result['faults']} faults of {len(result['kinds'])} kinds; "
        f"{result['commands']} commands answered, {result['lost']} lost, "
        f"{result['doubled']} doubled; {result['failing']} runs broke a law"
    )
    failing = [f"--world-seed {d['seed']}: {d['broken'][0]}" for d in result["differences"]]
    emit(args, result, "\n".join([text, *failing]))
    return 1 if result["failing"] else 0


def _check(args: argparse.Namespace) -> None:
    if args.crash:
        raise UsageError("--worlds and --crash are two kinds of run: give one of them")
    words = ("first", "last", "accounts", "faults")
    if any(getattr(args, name) is not None for name in words):
        raise UsageError(
            "--worlds trades small worlds of its own: leave out --from, --to, --accounts and"
            " --faults"
        )
    if args.worlds is not None and not 1 <= args.worlds <= RUNS_MAX:
        raise UsageError(f"--worlds must be from 1 to {RUNS_MAX}, not {args.worlds}")
    for name in ("seed", "world_seed"):
        if (getattr(args, name) or 0) < 0:
            raise UsageError(f"--{name.replace('_', '-')} must not be negative")
