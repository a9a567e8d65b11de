"""The golden log: today's build folds the old bytes into the same views."""

import json
from collections.abc import Sequence
from functools import reduce
from typing import Any

import msgspec
import pytest

from adapters.log.event_log import RecorderLog
from adapters.log.recorder import Stored
from adapters.proof.log_audit import verify
from domain.catalogue import CATEGORIES, EVENTS
from domain.ledger import entries
from domain.shared.envelope import state_category
from projections.catalogue import VIEWS
from projections.ledger.controls import by_unit, check
from tests.golden import log as golden_log
from tests.golden import samples as golden_samples
from tests.golden import story as golden_story

KINDS = 88
"""Event types in the golden log. A log from today's story would hold more."""
SIZE_MAX = 1 << 20
VIEWS_OF_THE_LOG = 19


@pytest.fixture(scope="module")
def rows() -> list[Stored]:
    return golden_log.read_rows()


@pytest.fixture
async def log(rows: list[Stored]) -> RecorderLog:
    return await golden_log.loaded(rows)


def wanted() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(golden_log.VIEWS_FILE.read_text())
    return found


def test_it_is_small_and_golden_samples_hold_the_events_that_came_after_it(
    rows: list[Stored],
) -> None:
    assert golden_log.LOG_FILE.stat().st_size < SIZE_MAX
    held = {row.name for row in rows}
    assert len(held) == KINDS
    assert held <= set(EVENTS), "a released event cannot go"
    for name in set(EVENTS) - held:
        assert golden_samples.file_of(name, 1).exists(), name


async def test_every_hash_chain_and_the_root_hold(log: RecorderLog) -> None:
    found = await verify(log, golden_log.verifier())
    assert found["faults"] == [] and found["ok"]
    assert found["checkpoints"] == 1 and found["sealed_to"] > 0
    assert {k: found[k] for k in ("events", "position", "root")} == {
        k: wanted()[k] for k in ("events", "position", "root")
    }


async def test_every_view_and_every_fact_is_as_it_was(log: RecorderLog) -> None:
    off = golden_log.differences(wanted(), await golden_log.expected(log))
    assert not off, "\n".join(["the golden log gives other views:", *off, golden_log.HOW_TO_UPDATE])


async def test_how_the_log_is_cut_into_pages_changes_no_view(log: RecorderLog) -> None:
    assert await golden_log.folded(log, limit=7) == wanted()["views"]


async def test_no_view_holds_personal_data(rows: list[Stored]) -> None:
    log = await golden_log.loaded(rows)
    erased = RecorderLog(log.recorder, golden_log.codec(without="C1"), request_key=b"")
    assert await golden_log.folded(erased) == wanted()["views"]
    text = "".join(row.state.decode() for row in rows)
    for word in ("Lovelace", "ada@example.org", "QQ123456C", "TIN-1", "GB33BUKB"):
        assert word not in text


async def test_all_books_are_zero_and_the_clearing_accounts_empty(log: RecorderLog) -> None:
    for envelope in await log.after(0, limit=10_000):
        for entry in entries(envelope.event):
            for unit in {p.unit for p in entry.postings}:
                assert sum(p.amount for p in entry.postings if p.unit == unit) == 0, envelope.source
    lines = await golden_log.balances(log)
    open_refs = {
        "C.STREET": frozenset({"O5.t1"}),  # the instruction that is still failing at the end
        "C.PAYOUT": frozenset[str](),
        "C.XFER": frozenset[str](),
        "C.UNALLOC": frozenset[str](),
    }
    bank, custody = by_unit(lines, "C.NOSTRO"), by_unit(lines, "C.DEPOT")
    controls = check(lines, bank=bank, custody=custody, open_refs=open_refs)
    assert [c for c in controls if not c.ok] == []
    assert {line.ref for line in lines if line.account == "C.STREET"} == {"O5.t1"}
    assert len(lines) > 30


async def test_every_stream_folds_into_a_state_that_can_be_a_snapshot(log: RecorderLog) -> None:
    streams: dict[str, list[Any]] = {}
    for envelope in await log.after(0, limit=10_000):
        streams.setdefault(envelope.stream, []).append(envelope.event)
    for stream, events in streams.items():
        decider = CATEGORIES[state_category(stream)]
        state = reduce(decider.evolve, events, decider.INITIAL)
        stored = msgspec.msgpack.encode(state)
        assert msgspec.msgpack.decode(stored, type=type(decider.INITIAL)) == state, stream


@pytest.mark.parametrize("damage", ["a byte", "a row", "two rows in each other's place"])
async def test_a_damaged_golden_log_does_not_pass(rows: list[Stored], damage: str) -> None:
    at = next(n for n, row in enumerate(rows) if row.name == "cash.deposited")
    assert await faults(_damaged(rows, at, damage))


def _damaged(rows: Sequence[Stored], at: int, damage: str) -> list[Stored]:
    out = list(rows)
    match damage:
        case "a byte":
            out[at] = rows[at]._replace(state=rows[at].state.replace(b"20000.00", b"20000.01"))
        case "a row":
            del out[at]
        case _:
            out[at], out[at + 1] = rows[at + 1], rows[at]
    assert out != list(rows)
    return out


async def faults(rows: Sequence[Stored]) -> list[Any]:
    """The faults that `verify` finds, or the error if the rows form no log."""
    try:
        log = await golden_log.loaded(rows)
    except AssertionError as e:
        return [str(e)]
    return list((await verify(log, golden_log.verifier()))["faults"])


def test_a_difference_names_the_view_and_how_to_take_it_over() -> None:
    now = wanted()
    now["views"]["cash"]["hash"] = "0" * 64
    del now["views"]["lots"]
    first, second = golden_log.differences(wanted(), now)
    assert "cash" in first and "0000" in first
    assert "lots" in second
    assert "--views" in golden_log.HOW_TO_UPDATE and "why" in golden_log.HOW_TO_UPDATE


def test_every_view_that_reads_an_event_of_the_log_is_held(rows: list[Stored]) -> None:
    told = {EVENTS[row.name] for row in rows}
    assert set(wanted()["views"]) == {view.NAME for view in VIEWS if view.READS & told}
    assert len(wanted()["views"]) >= VIEWS_OF_THE_LOG


async def test_the_story_told_again_is_a_sound_log_with_every_event(rows: list[Stored]) -> None:
    """Its bytes may differ later, as new rules write new events; the log must still be sound."""
    recorder = await golden_story.tell_it()
    again = await recorder.after(0, limit=10_000)
    log = await golden_log.loaded(again)
    assert (await verify(log, golden_log.verifier()))["ok"]
    assert {row.name for row in again} >= {row.name for row in rows}
