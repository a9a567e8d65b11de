"""`tidemark worker`: folds views and runs sagas from the bus, beside `serve` or `simulate`.

Any number of workers share the partitions; one at a time leads the sagas. On SIGTERM a worker takes
no more records, finishes and commits those it has, and ends. If it cannot go on, it ends with exit
code 1.
"""

import argparse
import asyncio
import logging
import os
import socket
import sys
import threading
from collections.abc import Sequence
from typing import Any

from adapters.wiring.platform import Platform
from adapters.wiring.workers import open_bus, stuck_views
from api.cli import UsageError, add_verb, say, settings
from api.cli.doors import doors
from api.cli.opening import platform_of
from projections.catalogue import BY_NAME, VIEWS
from projections.ports import View
from streams.worker_process import Worker, line

SIMULATED = "the log runs on a simulated clock, and the process with that clock leads its sagas"
LEAVE_S = 30.0  # then the process ends, finished or not

ABOUT = """\
Keep read models up to date and run sagas, from Kafka, beside the process that serves. Any number
may run; they share the work. `tidemark serve` runs TIDEMARK_WORKERS of them itself
(docs/workers.md).
"""
MORE = """\
examples:
  tidemark worker                               all read models and the sagas
  tidemark worker --views positions,orders      these two alone
  tidemark worker --requeue positions           after the cause is repaired
"""


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    verb = add_verb(verbs, shared, "worker", about=ABOUT, more=MORE)
    verb.add_argument(
        "--views",
        default=None,
        metavar="NAMES",
        help="the read models that it folds: all (default), or names with commas between them",
    )
    verb.add_argument(
        "--sagas",
        action="store_true",
        help="run the sagas, or stand by while another does (the default without --views)",
    )
    verb.add_argument(
        "--name",
        default=None,
        help="its name among the workers; keep it over restarts (default HOST.PID)",
    )
    verb.add_argument(
        "--port",
        type=int,
        default=0,
        help="the port of 127.0.0.1 for /status and /metrics (default: a free one)",
    )
    verb.add_argument(
        "--requeue",
        metavar="VIEW",
        help="do only this: have a read model (or all) try again the event at which it stopped",
    )
    verb.set_defaults(run=_run)


async def _run(args: argparse.Namespace) -> int:
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s"
    )
    config = settings(args)
    async with await platform_of(config, verb="worker", exclusive=False) as platform:
        if args.requeue:
            return await _requeue(platform, args.requeue)
        opened = await open_bus(platform)
        try:
            views, sagas = _selection(args)
            if platform.origin.simulated and sagas:
                if not views:
                    raise UsageError(f"--sagas: {SIMULATED}")
                say(f"views only: {SIMULATED}")
                sagas = False
            name = args.name or f"{socket.gethostname()}.{os.getpid()}"
            worker = Worker(platform, opened.bus, name=name, views=views, sagas=sagas)
            return await _work(worker, args)
        finally:
            opened.close()


def _selection(args: argparse.Namespace) -> tuple[Sequence[View], bool]:
    """The views to fold, and whether to run sagas; without options, all views and the sagas.

    Raises:
        UsageError: there is no such view.
    """
    if args.views is None:
        return ((), True) if args.sagas else (VIEWS, True)
    return _views(args.views), args.sagas


def _views(text: str) -> tuple[View, ...]:
    if text == "all":
        return VIEWS
    names = set(filter(None, text.split(",")))
    if unknown := names - set(BY_NAME):
        raise UsageError(f"no view {min(unknown)!r}; there are {', '.join(BY_NAME)}")
    return tuple(view for view in VIEWS if view.NAME in names)


async def _work(worker: Worker, args: argparse.Namespace) -> int:
    from api.http.worker_app import create_worker_app  # noqa: PLC0415 - not needed with --requeue

    async def status_line() -> str:
        return line(await worker.status())

    name = f"worker {worker.name}"
    async with doors(create_worker_app(worker), status_line, args, name=name) as stop:
        try:
            await _until_over(asyncio.create_task(worker.run(stop)), stop)
        except Exception as e:
            say(f"tidemark: {name} cannot go on: {type(e).__name__}: {e}")
            return 1
        finally:
            _end_in_time()
    return 0


async def _until_over(working: "asyncio.Task[None]", stop: asyncio.Event) -> None:
    """Wait for the work to end; exit at once if it takes over `LEAVE_S` after `stop` is set."""
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([working, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    done, _ = await asyncio.wait([working], timeout=LEAVE_S)
    if not done:
        say(f"tidemark: the worker did not end within {LEAVE_S:g} s")
        os._exit(1)  # a library's thread may block an ordinary exit for ever
    await working


def _end_in_time() -> None:
    """Exit after `LEAVE_S`, even if a library's thread does not end and keeps the process alive."""
    over = threading.Timer(LEAVE_S, os._exit, (1,))
    over.daemon = True
    over.start()


async def _requeue(platform: Platform, view: str) -> int:
    names = None if view == "all" else [v.NAME for v in _views(view)]
    marks = stuck_views(platform)
    try:
        found = await marks.requeue(names)
    finally:
        await marks.close()
    for name, partition in found:
        say(f"view {name}, partition {partition}: will be tried again")
    return 0
