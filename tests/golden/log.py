"""The golden log: stored rows of a small run, and the rows of every view from them.

    python -m tests.golden.log            compares, and prints what differs
    python -m tests.golden.log --views    rewrites tests/golden/views.json
    python -m tests.golden.log --log      runs the story again: only if there is no log yet,
                                            or with --force

The log is input, created once and kept: newer builds must read the old bytes to the same views.
When a view is meant to change, `--views` takes over its new checksum, and the commit gives the
reason. A new log is for new kinds of events; the events of the old one stay as golden samples.
"""

import asyncio
import gzip
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import defstruct

from adapters.host.entropy import SeededEntropy
from adapters.log.codec import Codec
from adapters.log.event_log import RecorderLog
from adapters.log.keys import MemoryKeyStore
from adapters.log.recorder import Sealed, Stored, Write, Written
from adapters.memory.recorder import MemoryRecorder
from adapters.memory.sink import MemorySink
from adapters.proof.log_audit import verify
from adapters.proof.signing import Signer, Verifier
from adapters.warehouse.columns import Gathered
from domain.ledger import entries
from domain.shared.message import FIRM
from projections.catalogue import VIEWS
from projections.engine.checksum import Digest
from projections.engine.runner import Runner
from projections.facts import facts
from projections.facts.base import about
from projections.ledger.controls import Line, add
from tests.paths import GOLDEN

FOLDER = GOLDEN
LOG_FILE, VIEWS_FILE = FOLDER / "log.jsonl.gz", FOLDER / "views.json"
SEED = 20240304
CLIENTS = ("C1", "C2", "C3")
HOW_TO_UPDATE = (
    "if that is meant: python -m tests.golden.log --views, and say in the commit message why"
)


def read_rows() -> list[Stored]:
    """The golden log's rows, in position order."""
    with gzip.open(LOG_FILE, "rt") as lines:
        return [_row(json.loads(line)) for line in lines]


def write_rows(rows: Sequence[Stored]) -> None:
    text = "".join(json.dumps(_line(row)) + "\n" for row in rows)
    LOG_FILE.write_bytes(gzip.compress(text.encode(), mtime=0))


async def loaded(rows: Sequence[Stored]) -> RecorderLog:
    """The rows in a recorder in memory, at their own positions and times, with the clients' keys.

    Raises:
        AssertionError: the rows are not a log: a version or a position is out of order.
    """
    recorder = MemoryRecorder()
    for row in rows:
        write = Write(
            stream=row.stream,
            expected=row.version - 1,
            events=[Sealed(row.name, row.state, row.hash)],
            message_id="",
            request_hash=b"",
        )
        [result] = await recorder.append([write], clock=row.committed_at)
        assert result == Written(row.position), f"{row.stream}@{row.version}: {result}"
    return RecorderLog(recorder, codec(), request_key=b"")


def codec(without: str = "") -> Codec:
    """A codec with the keys of the story's clients and firm, without the key of `without`."""
    entropy = SeededEntropy(SEED)
    keys = MemoryKeyStore(entropy)
    for subject in (*CLIENTS, FIRM):
        if subject != without:
            keys.data_key(subject)
    return Codec(keys, entropy)


def verifier() -> Verifier:
    """Verifies the story's signatures."""
    return Signer(SeededEntropy(SEED).draw(32, "checkpoint-key")).verifier


async def folded(log: RecorderLog, *, limit: int = 1_000) -> dict[str, dict[str, Any]]:
    """Version, rows and hash of every view over the whole log.

    A view that reads no event of the log is left out, so a view of new events needs no entry.
    """
    told = {type(arrived.event) for arrived in await log.after(0, limit=1_000_000)}
    sink = MemorySink()
    await sink.prepare(VIEWS)
    runner = Runner(log, sink, VIEWS)
    while (await runner.step(limit=limit)).events:
        pass
    assert not runner.stuck, runner.stuck
    out = {}
    for view in (v for v in VIEWS if v.READS & told):
        found = await sink.checksum(view)
        out[view.NAME] = {"version": view.VERSION, "rows": found.rows, "hash": found.hash}
    return out


async def fact_tables(log: RecorderLog) -> dict[str, dict[str, Any]]:
    """Rows and hash of every table of facts, from the columns made for the warehouse."""
    gathered = Gathered()
    for stored in await log.stored(0, limit=1_000_000):
        arrived, metadata, payload = log.opened(stored)
        gathered.add(about(arrived), facts(arrived, metadata, payload))
    out = {}
    for name, table in gathered.tables().items():
        digest, row = Digest(), defstruct(name, table.column_names)
        digest.add(row(**values) for values in table.to_pylist())
        out[name] = {"rows": digest.rows, "hash": digest.hash}
    return out


async def balances(log: RecorderLog) -> dict[Line, Decimal]:
    """The ledger after the whole log: every line that is not zero."""
    out: dict[Line, Decimal] = {}
    for envelope in await log.after(0, limit=1_000_000):
        for entry in entries(envelope.event):
            add(out, entry.postings)
    return out


async def expected(log: RecorderLog) -> dict[str, Any]:
    """The content of views.json: the log's end and root, and every view."""
    found = await verify(log, verifier())
    return {
        "events": found["events"],
        "position": found["position"],
        "root": found["root"],
        "views": await folded(log),
        "facts": await fact_tables(log),
    }


def differences(wanted: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """One line for each figure of the log, view or table of facts that has changed."""
    lines = [
        f"{figure} was {wanted[figure]}, is {found[figure]}"
        for figure in ("events", "position", "root")
        if wanted[figure] != found[figure]
    ]
    for kind in ("views", "facts"):
        for name in sorted(wanted[kind].keys() | found[kind].keys()):
            was, now = wanted[kind].get(name), found[kind].get(name)
            if was != now:
                lines.append(f"{kind}: {name} was {was}, is {now}")
    return lines


def _row(line: dict[str, Any]) -> Stored:
    return Stored(
        line["position"],
        line["stream"],
        line["version"],
        line["name"],
        line["state"].encode(),
        bytes.fromhex(line["hash"]),
        datetime.fromisoformat(line["committed_at"]),
    )


def _line(row: Stored) -> dict[str, Any]:
    exact = {"state": row.state.decode(), "hash": row.hash.hex()}
    return {**row._asdict(), **exact, "committed_at": row.committed_at.isoformat()}


async def _main(wishes: Sequence[str]) -> int:
    if "--log" in wishes:
        if LOG_FILE.exists() and "--force" not in wishes:
            print(f"{LOG_FILE.name} is there already; it is kept (--force writes a new one)")
            return 1
        from tests.golden.story import tell_it  # noqa: PLC0415 - readers need no story

        recorder = await tell_it()
        write_rows(await recorder.after(0, limit=1_000_000))
    found = await expected(await loaded(read_rows()))
    if "--views" in wishes:
        VIEWS_FILE.write_text(json.dumps(found, indent=1) + "\n")
        return 0
    off = differences(json.loads(VIEWS_FILE.read_text()), found)
    print("\n".join([*off, HOW_TO_UPDATE] if off else ["everything as it was"]))
    return 1 if off else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(sys.argv[1:])))
