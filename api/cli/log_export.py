"""`tidemark log export`: the log into a store of the `eventsourcing` library."""

import argparse
from typing import Any

from api.cli import add_words, emit, say, settings
from api.cli.opening import platform_of

ABOUT = """\
Copy the log into a store of the Python library `eventsourcing`, event by event with the bytes that
are stored, personal texts encrypted. A service elsewhere follows that store with the library alone:
docs/eventsourcing.md. An export goes on where the last one ended. Nothing can be imported back.
"""
MORE = """\
examples:
  tidemark log export --to eventsourcing:sqlite:events.db
  tidemark log export --to eventsourcing:postgresql://user:secret@host/events -f

exit codes: 0 the store holds the whole log; 1 it failed (one line gives the reason)
"""
WAIT_S = 5


def add(log: Any, shared: argparse.ArgumentParser) -> None:
    verb = add_words(
        log, [shared], "export", text="copy it into a store of the eventsourcing library",
        about=ABOUT, more=MORE,
    )  # fmt: skip
    verb.add_argument(
        "--to",
        required=True,
        metavar="URL",
        help="the store: eventsourcing:sqlite:FILE or eventsourcing:postgresql://...",
    )
    verb.add_argument(
        "-f", "--follow", action="store_true", help="then copy new events as they come"
    )
    verb.set_defaults(run=_run)


async def _run(args: argparse.Namespace) -> None:
    from adapters.operations.export import export, open_store  # noqa: PLC0415 - and the library

    store = open_store(args.to)
    try:
        async with await platform_of(settings(args), verb="log export", exclusive=False) as p:
            events = position = 0
            while True:
                async for done in export(p.recorder, store.recorder):
                    position = done.position
                events += done.events
                if not args.follow:
                    break
                if done.events:
                    say(f"exported up to position {position}")
                await p.log.wait(position, timeout_s=WAIT_S)
    finally:
        store.close()
    emit(
        args,
        {"events": events, "position": position},
        f"exported {events} events; the store holds the log up to position {position}",
    )
