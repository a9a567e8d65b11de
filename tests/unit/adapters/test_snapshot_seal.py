"""Snapshots are sealed with a key outside the store: a changed one is never loaded."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from adapters.log.codec import Codec
from adapters.log.event_log import SEAL_BYTES, RecorderLog
from adapters.log.evidence import SnapshotRow
from adapters.memory.recorder import MemoryRecorder
from adapters.proof.log_audit import verify
from commands.handler import SNAPSHOT_EVERY
from domain.house import FundHouse
from tests.unit.adapters.platform import WriteSide

STREAM = "house-main"


@dataclass
class Kept:
    """A store with a snapshot that the test rewrites."""

    side: WriteSide
    recorder: MemoryRecorder

    @property
    def row(self) -> SnapshotRow:
        [row] = self.recorder._snapshots.values()
        return row

    def put(self, **change: Any) -> None:
        row = self.row._replace(**change)
        self.recorder._snapshots = {(row.stream, row.domain_hash): row}


@pytest.fixture
async def kept() -> Kept:
    recorder = MemoryRecorder()
    side = WriteSide(recorder)
    for _ in range(SNAPSHOT_EVERY + 1):
        await side.do(FundHouse(currency="USD", amount=Decimal("1.00")))
    await side.handler.flush_snapshots()
    return Kept(side, recorder)


async def test_a_snapshot_of_ours_is_used(kept: Kept) -> None:
    loaded = (await kept.side.log.load([STREAM]))[STREAM]
    assert loaded.snapshot is not None
    assert (len(loaded.events), loaded.head.version) == (1, SNAPSHOT_EVERY + 1)


@pytest.mark.parametrize(
    "change",
    [
        {"version": SNAPSHOT_EVERY - 1},
        {"hash": b"h" * 32},
        {"state": b""},
        {"state": b"s" * SEAL_BYTES},
        {"state": b"s" * 400},
    ],
    ids=["version", "hash", "nothing", "only a seal", "junk"],
)
async def test_a_changed_snapshot_is_not_used_and_is_named(
    kept: Kept, change: dict[str, Any]
) -> None:
    honest = (await kept.side.log.load([STREAM]))[STREAM].head
    kept.put(**change)
    loaded = (await kept.side.log.load([STREAM]))[STREAM]
    assert (loaded.snapshot, loaded.head) == (None, honest)
    assert len(loaded.events) == SNAPSHOT_EVERY + 1
    found = await verify(kept.side.log)
    assert ["did not seal" in f["fault"] for f in found["faults"]] == [True]


async def test_a_snapshot_is_of_one_stream_only(kept: Kept) -> None:
    kept.put(stream="house-other")
    assert kept.side.log.snapshot_state(kept.row) is None


async def test_a_snapshot_of_another_builds_rules_is_not_ours(kept: Kept) -> None:
    kept.put(domain_hash="0" * 64)
    assert kept.side.log.snapshot_state(kept.row) is None


async def test_a_sealed_state_that_the_events_do_not_give_is_a_fault(kept: Kept) -> None:
    """The cause is a bug of ours, or a forger with the master key."""
    head = (await kept.side.log.load([STREAM]))[STREAM].head
    other = WriteSide().handler
    state, _ = await other.state(STREAM)
    kept.recorder._snapshots.clear()
    await kept.side.log.snapshot({STREAM: (head, replace(state, last_position=7))})
    found = await verify(kept.side.log)
    assert [f["fault"] for f in found["faults"]] == [
        "its snapshot differs from the fold of its events"
    ]


async def test_a_process_without_the_key_uses_and_makes_none(kept: Kept) -> None:
    keyless = RecorderLog(kept.recorder, Codec(kept.side.keys, None), request_key=b"")  # type: ignore[arg-type]
    loaded = (await keyless.load([STREAM]))[STREAM]
    assert (loaded.snapshot, len(loaded.events)) == (None, SNAPSHOT_EVERY + 1)
    before = kept.row
    await keyless.snapshot({STREAM: (loaded.head, None)})
    assert kept.row == before
