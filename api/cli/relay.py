"""`tidemark relay`: feeds the log to Kafka. `relay dead`: letters on events that stopped a view.

On SIGTERM the relay finishes its batch and ends. A second relay of the same generation takes over,
and the first ends with exit code 1. Needed only beside a `serve` with TIDEMARK_SUPERVISE=no, as any
other `serve` relays by itself.
"""

import argparse
import asyncio
import logging
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from adapters.wiring.platform import Platform
from adapters.wiring.workers import dead_letters, open_bus, relay_outlet, stuck_views
from api.cli import UsageError, add_verb, add_words, emit, settings
from api.cli.doors import doors
from api.cli.opening import platform_of
from projections.catalogue import BY_NAME
from streams.log.relay import Relay
from streams.log.relay_status import RelayStatus, line, status

Ask = Callable[[], Awaitable[RelayStatus]]

ABOUT = """\
Publish the log to Kafka, from where workers read it. `tidemark serve` runs a relay itself unless
TIDEMARK_SUPERVISE=no. `tidemark relay dead` shows and retries events that a read model cannot fold
(docs/bus.md).
"""
MORE = """\
examples:
  tidemark relay                   until it is stopped
  tidemark relay --once            for a script
  tidemark relay dead list
"""
DEAD = """\
Show dead letters, or retry their events. If a read model cannot fold an event, its worker stops it
there and publishes a letter that names the event and the error. Other read models continue.
"""
DEAD_MORE = """\
examples:
  tidemark relay dead list
  tidemark relay dead requeue positions
"""
LIST = """\
Show the letters that no requeue has answered: read model, event, error. `[past it]` marks a letter
whose read model has passed the event since.
"""
LIST_MORE = """\
examples:
  tidemark relay dead list
  tidemark relay dead list --json
"""
REQUEUE = """\
Have a read model try again the event at which it stopped, and count its letters as answered. Repair
the cause first.
"""
REQUEUE_MORE = """\
examples:
  tidemark relay dead requeue positions
  tidemark relay dead requeue all
"""


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    verb = add_verb(verbs, shared, "relay", about=ABOUT, more=MORE)
    verb.add_argument(
        "--once", action="store_true", help="publish what the log holds now, then end"
    )
    verb.add_argument(
        "--name", default=None, help="its name in /status and in messages (default HOST.PID)"
    )
    verb.add_argument(
        "--port",
        type=int,
        default=0,
        help="the port of 127.0.0.1 for /status and /metrics (default: a free one)",
    )
    verb.set_defaults(run=_run)
    _add_dead(verb.add_subparsers(dest="what", metavar="dead"), shared)


def _add_dead(words: Any, shared: argparse.ArgumentParser) -> None:
    text = "events that a read model cannot fold"
    dead = add_words(words, [], "dead", text=text, about=DEAD, more=DEAD_MORE)
    letters = dead.add_subparsers(dest="letters", required=True, metavar="WHAT", title="what")
    shown = add_words(
        letters, [shared], "list", text="show the open letters", about=LIST, more=LIST_MORE
    )
    shown.set_defaults(run=_list)
    again = add_words(
        letters, [shared], "requeue", text="try again", about=REQUEUE, more=REQUEUE_MORE
    )
    again.add_argument("view", metavar="VIEW", help="the read model, as positions; or all")
    again.set_defaults(run=_requeue)


async def _run(args: argparse.Namespace) -> int:
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s"
    )
    name = args.name or f"{socket.gethostname()}.{os.getpid()}"
    async with await platform_of(settings(args), verb="relay", exclusive=False) as platform:
        opened = await open_bus(platform)
        try:
            outlet = relay_outlet(opened.bus, name)
            relay = Relay(platform.log, outlet, partitions=opened.bus.partitions)

            async def ask() -> RelayStatus:
                return await status(relay, platform.recorder, opened.bus, name=name)

            if args.once:
                try:
                    await relay.catch_up()
                finally:
                    await outlet.close()
            else:
                await _follow(relay, ask, args)
            current = await ask()
            emit(
                args,
                msgspec.to_builtins(current),
                f"relayed to {current.position}, {current.topic}",
            )
        finally:
            opened.close()
    return 0


async def _follow(relay: Relay, ask: Ask, args: argparse.Namespace) -> None:
    from api.http.relay_app import create_relay_app  # noqa: PLC0415 - not needed with --once

    async def status_line() -> str:
        return line(await ask())

    async with doors(create_relay_app(ask), status_line, args, name="relay") as stop:
        await relay.run(stop)


async def _list(args: argparse.Namespace) -> None:
    async with await platform_of(settings(args), verb="relay dead", exclusive=False) as platform:
        opened = await open_bus(platform)
        try:
            letters = await asyncio.to_thread(dead_letters(opened.bus).open)
            stuck = await _stuck(platform)
        finally:
            opened.close()
    found = [
        msgspec.to_builtins(f) | {"stuck": (f.view, f.partition, f.position) in stuck}
        for f in letters
    ]
    lines = [f"{f['view']}, partition {f['partition']}: {_what(f)}" for f in found]
    emit(args, {"letters": found}, "\n".join(lines) or "no letter is open")


async def _requeue(args: argparse.Namespace) -> None:
    views = None if args.view == "all" else [args.view]
    if views and args.view not in BY_NAME:
        raise UsageError(f"no view {args.view!r}; there are {', '.join(BY_NAME)}")
    async with await platform_of(settings(args), verb="relay dead", exclusive=False) as platform:
        opened = await open_bus(platform)
        marks = stuck_views(platform)
        try:
            answered = await asyncio.to_thread(dead_letters(opened.bus).requeue, views)
            again = await marks.requeue(views)
        finally:
            await marks.close()
            opened.close()
    requeued = [{"view": view, "partition": partition} for view, partition in again]
    lines = [f"view {v}, partition {p}: will be tried again" for v, p in again]
    answer = {"answered": msgspec.to_builtins(answered), "again": requeued}
    emit(args, answer, "\n".join(lines) or "no view is stuck")


async def _stuck(platform: Platform) -> set[tuple[str, int, int]]:
    """The events at which views are stuck now, by view, partition and position."""
    marks = stuck_views(platform)
    try:
        return {(v, p, s.position) for (v, p), s in (await marks.all()).items()}
    finally:
        await marks.close()


def _what(letter: dict[str, Any]) -> str:
    where = f"{', '.join(letter['events'])} (position {letter['position']})"
    return f"{where}: {letter['error']}{'' if letter['stuck'] else ' [past it]'}"
