"""`tidemark log`: tail, stats, verify, trace, export and checksum of the log itself."""

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from adapters.log import trace as log_trace
from adapters.log.event_log import RecorderLog
from adapters.log.frame import unframe
from adapters.log.recorder import Stored
from adapters.operations import schema_audit
from adapters.proof import log_audit
from adapters.proof.witness import NotAWitness, Witness, read_witnesses
from api.cli import UsageError, add_verb, add_words, emit, log_export, settings, wants_json
from api.cli.opening import platform_of

PAGE = 1_000

ABOUT = """\
Look at the event log itself, without changing it. `tidemark serve` may run meanwhile.
`tidemark log WHAT --help` explains each of these.
"""
MORE = """\
examples:
  tidemark log tail -f                       events as they come
  tidemark log verify                        exit code 1 if anything was tampered with
  tidemark log trace order-try-1@1           from an order to its settlement
"""

TAIL = """\
Show events in the order of the log, one a line: position, time, stream@version, payload. With
--json each line is one JSON object with all that is stored. Names and texts of clients stay
encrypted here.
"""
TAIL_MORE = """\
examples:
  tidemark log tail                                 the last 20 events
  tidemark log tail -f                              and then new ones as they come
  tidemark log tail --stream account-A00001 -n 5    the last 5 of one stream
  tidemark log tail --after 1000 -n 10              the 10 behind position 1000
"""
STATS = """\
Count the events of the log by name, and show its root: one hash over the ends of all streams. Two
logs with the same root hold the same events.
"""
STATS_MORE = """\
examples:
  tidemark log stats
  tidemark log stats --json
"""
VERIFY = """\
Find changes that were made to the log by hand. The verb computes every hash again, and checks every
signed checkpoint and every table that readers and writers of the log use. Each fault is one line
that names its stream and version. docs/operations.md lists the kinds of change that it finds.
"""
VERIFY_MORE = """\
examples:
  tidemark log verify
  tidemark log verify --json >> kept.jsonl       keep a witness; best on another machine
  tidemark log verify --witness kept.jsonl       compare the log with the witness

exit codes: 0 no fault; 1 faults, or the verb failed
"""
TRACE = """\
Show an event's conversation as a tree: its first event, and every event that followed from it. For
an order: its hold, its fills, the trade, the settlement.
"""
TRACE_MORE = """\
examples:
  tidemark log trace order-try-1@1      the first event of the stream order-try-1
  tidemark log trace 1234               the event at that position

exit codes: 0 done; 1 it failed; 2 there is no such event
"""
SUMS = """\
Hash the log, every read model and every table of the warehouse, all at one position. Equal answers
on two machines mean equal content.
"""
SUMS_MORE = """\
examples:
  tidemark log checksum
  tidemark log checksum --json > before.json
"""


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    log = add_verb(verbs, shared, "log", about=ABOUT, more=MORE).add_subparsers(
        dest="what", required=True, metavar="WHAT", title="what"
    )
    _add_tail(log, shared)
    stats = add_words(
        log, [shared], "stats", text="how many events of each name; the root",
        about=STATS, more=STATS_MORE,
    )  # fmt: skip
    stats.set_defaults(run=_stats)
    _add_verify(log, shared)
    trace = add_words(
        log, [shared], "trace", text="the events that led to an event, and those that followed",
        about=TRACE, more=TRACE_MORE,
    )  # fmt: skip
    trace.add_argument(
        "event",
        metavar="EVENT",
        help="which event: STREAM@VERSION, its position in the log, or its id (a UUID)",
    )
    trace.set_defaults(run=_trace)
    log_export.add(log, shared)
    sums = add_words(
        log, [shared], "checksum", text="hashes of the log, every read model, every table",
        about=SUMS, more=SUMS_MORE,
    )  # fmt: skip
    sums.set_defaults(run=_checksum)


def _add_tail(log: Any, shared: argparse.ArgumentParser) -> None:
    tail = add_words(
        log, [shared], "tail", text="the events themselves, in their order",
        about=TAIL, more=TAIL_MORE,
    )  # fmt: skip
    tail.add_argument(
        "--after",
        type=int,
        default=None,
        metavar="POSITION",
        help="begin with the first event behind this position (default: show the last events)",
    )
    tail.add_argument(
        "--stream", default=None, metavar="NAME", help="of one stream only, as account-A00001"
    )
    tail.add_argument(
        "-n", type=int, default=20, metavar="N", help="how many events to show (default 20)"
    )
    tail.add_argument(
        "-f",
        "--follow",
        action="store_true",
        help="then show new events as they come, until Ctrl-C",
    )
    tail.set_defaults(run=_tail)


def _add_verify(log: Any, shared: argparse.ArgumentParser) -> None:
    check = add_words(
        log, [shared], "verify", text="check that nothing has changed the log by hand",
        about=VERIFY, more=VERIFY_MORE,
    )  # fmt: skip
    check.add_argument(
        "--reaches",
        type=int,
        default=0,
        metavar="POSITION",
        help="it is also a fault if no signed checkpoint reaches up to this position",
    )
    check.add_argument(
        "--witness",
        metavar="FILE",
        help="it is also a fault if the log lacks what FILE states: answers of an earlier"
        " `log verify --json`, or the backup.json of a backup; - reads them from stdin",
    )
    check.set_defaults(run=_verify)


async def _tail(args: argparse.Namespace) -> None:
    async with await platform_of(settings(args), verb="log tail", exclusive=False) as p:
        if args.stream:
            found = await p.recorder.select(args.stream)
            chosen = [s for s in found if s.position > (args.after or 0)]
            first = max(len(chosen) - args.n, 0) if args.after is None else 0
            for stored in chosen[first : first + args.n]:
                _print(p.log, stored, args)
            return
        at, left = args.after, args.n
        if at is None:
            at = await log_trace.position_before(p.recorder, args.n)
        while args.follow or left > 0:
            page = await p.log.stored(at, limit=PAGE if args.follow else min(PAGE, left))
            for stored in page:
                _print(p.log, stored, args)
                at = stored.position
            left -= len(page)
            if not page:
                if not args.follow:
                    return
                await p.log.wait(at, timeout_s=5)


def _print(log: RecorderLog, stored: Stored, args: argparse.Namespace) -> None:
    """Print one event as stored: personal data stays encrypted on terminals and in their logs.

    Raises:
        Unreadable: the bytes are corrupt or unknown; names the stream and version.
    """
    meta = log.open(stored).meta
    metadata, payload = unframe(stored.state)
    if wants_json(args):
        line = {
            "position": stored.position,
            "stream": stored.stream,
            "version": stored.version,
            "name": stored.name,
            "committed_at": stored.committed_at.isoformat(),
            "hash": stored.hash.hex(),
            "metadata": json.loads(metadata),
            "payload": json.loads(payload),
        }
        print(json.dumps(line), flush=True)
    else:
        source = f"{stored.stream}@{stored.version}"
        at = f"{meta.recorded_at:%Y-%m-%d %H:%M:%S}"
        print(f"{stored.position:>9} {at} {source:<34} {payload.decode()}", flush=True)


async def _stats(args: argparse.Namespace) -> None:
    async with await platform_of(settings(args), verb="log stats", exclusive=False) as p:
        found = await log_audit.stats(p.recorder)
    lines = [f"{k:<12} {v}" for k, v in found.items() if k != "names"]
    lines += [f"  {n:<32} {c}" for n, c in found["names"].items()]
    emit(args, found, "\n".join(lines))


async def _verify(args: argparse.Namespace) -> int:
    witnesses = _witnesses(args.witness) if args.witness else ()
    async with await platform_of(settings(args), verb="log verify", exclusive=False) as p:
        known = log_audit.Known(
            reaches=args.reaches, kept=p.memory.last(), witnesses=witnesses, now=p.clock()
        )
        schema = await asyncio.to_thread(schema_audit.faults, p.log_url, "log")
        found = await log_audit.verify(p.log, p.verifier, known=known, keys=p.keys, schema=schema)
    text = f"{found['events']} events in {found['streams']} streams verified"
    text += f", {found['checkpoints']} checkpoints up to position {found['sealed_to']}"
    text += f", unsealed: {found['unsealed']} events"
    if found["unused_keys"]:
        text += f", unused keys: {', '.join(found['unused_keys'])}"
    if found["unrecorded_erasures"]:
        text += f", erasures to be done again: {', '.join(found['unrecorded_erasures'])}"
    if found["faults"]:
        text = "\n".join(f"{f['stream']}@{f['version']}: {f['fault']}" for f in found["faults"])
    emit(args, found, text)
    return 1 if found["faults"] else 0


def _witnesses(source: str) -> list[Witness]:
    """Read the witnesses kept from `log verify --json`, from a file or standard input."""
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text()
        return read_witnesses(text, "standard input" if source == "-" else source)
    except OSError as e:
        raise UsageError(f"--witness {source}: {e.strerror}") from e
    except (NotAWitness, UnicodeError) as e:
        raise UsageError(f"--witness {e}") from e


async def _trace(args: argparse.Namespace) -> int:
    async with await platform_of(settings(args), verb="log trace", exclusive=False) as p:
        found = await log_trace.trace(p.log, args.event)
    if found is None:
        raise UsageError(f"no event {args.event} in the log")
    lines = [f"{'  ' * e['depth']}{e['source']} {e['name']}" for e in found["events"]]
    emit(args, found, "\n".join(lines))
    return 0


async def _checksum(args: argparse.Namespace) -> None:
    from streams.proof.checksums import checksums  # noqa: PLC0415 - imports the warehouse

    async with await platform_of(settings(args), verb="log checksum", exclusive=False) as p:
        found = await checksums(p)
    lines = [f"position {found['position']}"]
    for kind in ("log", "postgres", "clickhouse"):
        for name, one in found[kind].items():
            lines.append(f"{kind:<11}{name:<18}{one['rows']:>10}  {one['hash']}")
    emit(args, found, "\n".join(lines))
