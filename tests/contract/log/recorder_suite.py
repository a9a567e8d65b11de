"""The contract of every recorder; each implementation runs all of it.

A test module gives a `recorder` fixture and imports `*` from here.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec
import pytest
from msgspec import Raw

from adapters.log.evidence import SnapshotRow
from adapters.log.frame import UNKNOWN, Payloads, frame, unframe
from adapters.log.recorder import (
    BATCH_MAX,
    Known,
    Message,
    Recorder,
    Result,
    Sealed,
    Stored,
    StreamRead,
    Write,
    Written,
    WrongVersion,
)

T0 = datetime(2024, 1, 2, 9, 30, tzinfo=UTC)


def sealed(label: str, name: str = "thing.done", *, schema: int = 1) -> Sealed:
    metadata = f'{{"schema":{schema},"label":"{label}"}}'.encode()
    state, payload_at = frame(metadata, f'{{"label":"{label}"}}'.encode())
    return Sealed(name, state, sha256(label.encode()).digest(), schema, payload_at)


def write(
    stream: str, expected: int, *labels: str, message_id: str = "", keep: bool = False
) -> Write:
    """A write with one event per label; the default message id is used nowhere else."""
    unique = f"{stream}@{expected}:{'+'.join(labels)}"
    return Write(
        stream=stream,
        expected=expected,
        events=[sealed(f"{stream}/{label}") for label in labels],
        message_id=message_id or unique,
        request_hash=sha256(unique.encode()).digest(),
        keep=keep,
    )


async def append(recorder: Recorder, *batch: Write, at: datetime = T0) -> Sequence[Result]:
    return await recorder.append(batch, clock=at)


async def whole(recorder: Recorder) -> Sequence[Stored]:
    return await recorder.after(0, limit=100_000)


def labels(stored: Sequence[Stored]) -> list[str]:
    return [read_label(unframe(event.state)[1]) for event in stored]


def read_labels(read: StreamRead) -> list[str]:
    return [read_label(one) for one in msgspec.json.decode(read.events.json, type=list[Raw])]


def read_label(payload: bytes | Raw) -> str:
    return str(msgspec.json.decode(payload)["label"].split("/")[1])


def positions(results: Sequence[Result]) -> list[int]:
    return [result.position for result in results if isinstance(result, Written)]


async def test_an_empty_log_answers_everything(recorder: Recorder) -> None:
    assert await recorder.last() == (0, None)
    assert await whole(recorder) == []
    assert await recorder.read(["a-1"]) == {}
    assert await recorder.select("a-1") == []
    assert await recorder.heads(["a-1"]) == {}
    assert await recorder.messages([("a-1", "m")]) == {}
    assert await recorder.position_at(T0) == 0
    assert await append(recorder) == []


async def test_events_come_back_byte_for_byte(recorder: Recorder) -> None:
    state = bytes(range(256)) * 40
    event = Sealed("thing.done", state, sha256(state).digest())
    one = Write(stream="a-1", expected=0, events=[event], message_id="m", request_hash=b"\0r")
    [result] = await append(recorder, one)
    [stored] = await recorder.select("a-1")
    assert stored == Stored(positions([result])[0], "a-1", 1, event.name, state, event.hash, T0)
    assert await recorder.after(0, limit=9) == [stored]


async def test_versions_count_from_one_and_positions_grow_in_order(recorder: Recorder) -> None:
    results = await append(recorder, write("a-1", 0, "x", "y"), write("b-1", 0, "z"))
    results = [*results, *await append(recorder, write("a-1", 2, "w"))]
    stored = await whole(recorder)
    assert [(e.stream, e.version) for e in stored] == [
        ("a-1", 1), ("a-1", 2), ("b-1", 1), ("a-1", 3),
    ]  # fmt: skip
    assert labels(stored) == ["x", "y", "z", "w"]
    assert [e.position for e in stored] == sorted({e.position for e in stored})
    assert positions(results) == [stored[1].position, stored[2].position, stored[3].position]
    assert await recorder.last() == (stored[-1].position, T0)


async def test_a_stale_version_writes_nothing(recorder: Recorder) -> None:
    await append(recorder, write("a-1", 0, "x"))
    before = await recorder.last()
    assert await append(recorder, write("a-1", 0, "late", "later")) == [WrongVersion()]
    assert await recorder.last() == before
    assert labels(await recorder.select("a-1")) == ["x"]


@pytest.mark.parametrize("expected", [1, 2, 7])
async def test_a_version_from_the_future_leaves_no_gap(recorder: Recorder, expected: int) -> None:
    assert await append(recorder, write("a-1", expected, "x")) == [WrongVersion()]
    assert await whole(recorder) == []


async def test_a_write_is_whole_or_absent(recorder: Recorder) -> None:
    await append(recorder, write("a-1", 0, "x", "y"))
    assert await append(recorder, write("a-1", 1, "p", "q", "r")) == [WrongVersion()]
    assert labels(await whole(recorder)) == ["x", "y"]
    assert await recorder.messages([("a-1", "a-1@1:p+q+r")]) == {}


async def test_a_conflict_never_fails_its_neighbours(recorder: Recorder) -> None:
    await append(recorder, write("b-1", 0, "taken"))
    results = await append(
        recorder,
        write("a-1", 0, "a"), write("b-1", 0, "lost"), write("c-1", 3, "gap"), write("d-1", 0, "d"),
    )  # fmt: skip
    assert [type(r) for r in results] == [Written, WrongVersion, WrongVersion, Written]
    assert labels(await whole(recorder)) == ["taken", "a", "d"]
    stored = await whole(recorder)
    assert positions(results) == [stored[1].position, stored[2].position]


async def test_two_racing_in_one_batch_are_decided_by_order(recorder: Recorder) -> None:
    results = await append(recorder, write("a-1", 0, "first"), write("a-1", 0, "second"))
    assert [type(r) for r in results] == [Written, WrongVersion]
    assert labels(await whole(recorder)) == ["first"]


async def test_writes_may_follow_each_other_in_a_batch(recorder: Recorder) -> None:
    results = await append(
        recorder, write("a-1", 0, "x"), write("b-1", 0, "o"), write("a-1", 1, "y", "z"),
        write("a-1", 3, "w"),
    )  # fmt: skip
    assert all(isinstance(r, Written) for r in results)
    assert labels(await recorder.select("a-1")) == ["x", "y", "z", "w"]


async def test_what_follows_a_failed_write_is_not_written_even_if_it_fits(
    recorder: Recorder,
) -> None:
    await append(recorder, write("a-1", 0, "theirs"))
    results = await append(
        recorder, write("a-1", 0, "ours"), write("a-1", 1, "decided on ours"), write("b-1", 0, "b")
    )
    assert [type(r) for r in results] == [WrongVersion, WrongVersion, Written]
    assert labels(await whole(recorder)) == ["theirs", "b"]


async def test_what_follows_a_loser_of_the_batch_is_not_written(recorder: Recorder) -> None:
    results = await append(
        recorder,
        write("a-1", 0, "won"), write("a-1", 0, "lost"), write("a-1", 1, "decided on lost"),
    )  # fmt: skip
    assert [type(r) for r in results] == [Written, WrongVersion, WrongVersion]


async def test_a_known_message_writes_nothing_and_returns_its_first_result(
    recorder: Recorder,
) -> None:
    once = write("a-1", 0, "x", "y", message_id="key")
    [first] = await append(recorder, once)
    [again] = await append(recorder, once)
    assert isinstance(first, Written)
    assert again == Known(Message(once.request_hash, 2, first.position, once.events[-1].hash))
    assert labels(await whole(recorder)) == ["x", "y"]


async def test_a_known_message_is_known_at_any_version(recorder: Recorder) -> None:
    await append(recorder, write("a-1", 0, "x", message_id="key"))
    await append(recorder, write("a-1", 1, "y"))
    for expected in (0, 1, 2, 9):
        [result] = await append(recorder, write("a-1", expected, "again", message_id="key"))
        assert isinstance(result, Known)
        assert result.message.version == 1


async def test_the_same_key_with_another_body_is_found_by_the_request_hash(
    recorder: Recorder,
) -> None:
    first = write("a-1", 0, "x", message_id="key")
    other = write("a-1", 1, "other", message_id="key")
    await append(recorder, first)
    [result] = await append(recorder, other)
    assert isinstance(result, Known)
    assert result.message.request_hash == first.request_hash != other.request_hash


async def test_the_same_key_twice_in_a_batch_is_written_once(recorder: Recorder) -> None:
    once = write("a-1", 0, "x", message_id="key")
    first, again, behind = await append(
        recorder, once, write("a-1", 1, "x", message_id="key"), write("a-1", 1, "behind")
    )
    assert isinstance(first, Written)
    assert again == Known(Message(once.request_hash, 1, first.position, once.events[0].hash))
    assert behind == WrongVersion()
    assert labels(await whole(recorder)) == ["x"]


async def test_a_known_message_never_fails_its_neighbours(recorder: Recorder) -> None:
    await append(recorder, write("a-1", 0, "x", message_id="key"))
    results = await append(
        recorder,
        write("b-1", 0, "b"), write("a-1", 1, "x", message_id="key"), write("c-1", 0, "c"),
    )  # fmt: skip
    assert [type(r) for r in results] == [Written, Known, Written]
    assert labels(await whole(recorder)) == ["x", "b", "c"]


async def test_keys_belong_to_their_stream(recorder: Recorder) -> None:
    results = await append(
        recorder, write("a-1", 0, "x", message_id="key"), write("b-1", 0, "y", message_id="key")
    )
    assert all(isinstance(r, Written) for r in results)


async def test_a_write_without_events_binds_its_message_only(recorder: Recorder) -> None:
    await append(recorder, write("a-1", 0, "x"))
    results = await append(
        recorder, write("a-1", 1, message_id="nothing"), write("b-1", 0, message_id="nothing")
    )
    assert results == [Written(0), Written(0)]
    found = await recorder.messages([("a-1", "nothing"), ("b-1", "nothing"), ("c-1", "nothing")])
    x_hash = sealed("a-1/x").hash
    assert found == {
        ("a-1", "nothing"): Message(write("a-1", 1).request_hash, 1, 0, x_hash),
        ("b-1", "nothing"): Message(write("b-1", 0).request_hash, 0, 0, b""),
    }
    assert (await recorder.heads(["a-1", "b-1"])) == {"a-1": (1, x_hash)}
    [again] = await append(recorder, write("a-1", 1, message_id="nothing"))
    assert isinstance(again, Known)


@pytest.mark.parametrize("expected", [0, 2])
async def test_a_write_without_events_needs_the_right_version_too(
    recorder: Recorder, expected: int
) -> None:
    await append(recorder, write("a-1", 0, "x"))
    results = await append(
        recorder, write("a-1", expected, message_id="nothing"), write("b-1", 0, "b")
    )
    assert [type(r) for r in results] == [WrongVersion, Written]
    assert await recorder.messages([("a-1", "nothing")]) == {}


async def test_a_write_without_events_keeps_the_chain(recorder: Recorder) -> None:
    results = await append(
        recorder,
        write("a-1", 0, message_id="before"), write("a-1", 0, "x"),
        write("a-1", 1, message_id="between"), write("a-1", 1, "y"),
    )  # fmt: skip
    assert all(isinstance(r, Written) for r in results)
    found = await recorder.messages([("a-1", "before"), ("a-1", "between")])
    assert found["a-1", "before"][1:] == (0, 0, b"")
    assert found["a-1", "between"][1:] == (1, 0, sealed("a-1/x").hash)


async def test_more_than_a_batch_is_split_and_keeps_its_order(recorder: Recorder) -> None:
    many = [write(f"s-{i % 7}", i // 7, f"n{i}") for i in range(BATCH_MAX + 500)]
    results = await append(recorder, *many)
    assert all(isinstance(r, Written) for r in results)
    assert labels(await whole(recorder)) == [f"n{i}" for i in range(len(many))]


async def test_a_failure_before_the_split_counts_behind_it(recorder: Recorder) -> None:
    await append(recorder, write("a-1", 0, "theirs"))
    results = await append(
        recorder, write("a-1", 0, "ours"), *[write(f"s-{i}", 0, "s") for i in range(BATCH_MAX)],
        write("a-1", 1, "decided on ours"),
    )  # fmt: skip
    assert [type(results[0]), type(results[-1])] == [WrongVersion, WrongVersion]
    assert sum(isinstance(r, Written) for r in results) == BATCH_MAX


async def test_one_write_may_be_larger_than_a_batch(recorder: Recorder) -> None:
    names = [f"n{i}" for i in range(BATCH_MAX * 2 + 1)]
    results = await append(recorder, write("a-1", 0, "x"), write("a-1", 1, *names, message_id="m"))
    assert all(isinstance(r, Written) for r in results)
    assert labels(await recorder.select("a-1")) == ["x", *names]


@pytest.mark.parametrize(
    ("stream", "message_id", "expected"),
    [("", "m", 0), ("a-\0", "m", 0), ("a-1", "m\n", 0), ("a-1", "\ud800", 0), ("a-1", "m", -1),
     ("a" * 300, "m", 0), ("a-1", "m" * 3000, 0)],
)  # fmt: skip
async def test_what_cannot_be_stored_is_refused_before_anything_is_written(
    recorder: Recorder, stream: str, message_id: str, expected: int
) -> None:
    bad = Write(
        stream=stream, expected=expected, events=[sealed("a/b")], message_id=message_id,
        request_hash=b"",
    )  # fmt: skip
    with pytest.raises(ValueError, match="cannot store"):
        await append(recorder, write("b-1", 0, "b"), bad)
    assert await recorder.last() == (0, None)


async def test_the_longest_ids_fit(recorder: Recorder) -> None:
    widest = "\U0001d538"  # 4 bytes in UTF-8
    [result] = await append(recorder, write(widest * 200, 0, "x", message_id=widest * 400))
    assert isinstance(result, Written)


async def test_the_logs_clock_never_steps_back(recorder: Recorder) -> None:
    hour = timedelta(hours=1)
    await append(recorder, write("a-1", 0, "x"), at=T0)
    await append(recorder, write("a-1", 1, "y"), at=T0 - hour)
    await append(recorder, write("a-1", 2, "z"), at=T0 + hour)
    assert [e.committed_at for e in await whole(recorder)] == [T0, T0, T0 + hour]
    assert (await recorder.last())[1] == T0 + hour


async def test_known_at_is_the_last_position_committed_by_then(recorder: Recorder) -> None:
    second = timedelta(seconds=1)
    written = []
    for i in range(40):
        results = await append(recorder, write("a-1", i, f"n{i}"), at=T0 + (i // 3) * second)
        written += positions(results)
    assert await recorder.position_at(T0 - second) == 0
    for step in range(14):
        assert await recorder.position_at(T0 + step * second) == written[min(3 * step + 2, 39)]
    assert await recorder.position_at(T0 + 0.5 * second) == written[2]
    assert await recorder.position_at(T0 + 999 * second) == written[39]


async def test_the_log_is_read_in_pages(recorder: Recorder) -> None:
    await append(recorder, *[write(f"a-{i}", 0, f"n{i}") for i in range(10)])
    stored = list(await whole(recorder))
    seen: list[Stored] = []
    while page := await recorder.after(seen[-1].position if seen else 0, limit=3):
        assert len(page) <= 3
        seen += page
    assert seen == stored
    until = stored[6].position
    assert await recorder.after(stored[2].position, limit=99, until=until) == stored[3:7]
    assert await recorder.after(until, limit=99, until=until) == []


async def test_a_stream_is_read_in_parts(recorder: Recorder) -> None:
    await append(recorder, write("a-1", 0, *"abcdef"), write("a-10", 0, "other"))
    assert labels(await recorder.select("a-1", after_version=2)) == ["c", "d", "e", "f"]
    assert labels(await recorder.select("a-1", after_version=2, limit=2)) == ["c", "d"]
    assert await recorder.select("a-1", after_version=6) == []


async def test_many_streams_are_read_at_once(recorder: Recorder) -> None:
    await append(recorder, write("a-1", 0, "x", "y"), write("b-1", 0, "z"), write("a-1", 2, "w"))
    found = await recorder.read(["b-1", "a-1", "missing-1", "a-1"])
    assert set(found) == {"a-1", "b-1"}
    assert read_labels(found["a-1"]) == ["x", "y", "w"]
    assert read_labels(found["b-1"]) == ["z"]
    assert found["a-1"].snapshot is None
    assert (found["a-1"].version, found["a-1"].hash) == (3, sealed("a-1/w").hash)
    assert await recorder.heads(["a-1", "b-1", "missing-1", "a-1"]) == {
        "a-1": (3, sealed("a-1/w").hash),
        "b-1": (1, sealed("b-1/z").hash),
    }


async def test_payloads_are_read_with_the_schema_versions_they_were_written_with(
    recorder: Recorder,
) -> None:
    odd = Sealed("thing.done", bytes(range(256)), b"h" * 32)
    twice = [sealed("a-1/x"), sealed("a-1/y", schema=2)]
    await append(recorder, write("b-1", 0, "z"))
    for stream, events in (("a-1", twice), ("c-1", [sealed("c-1/x"), odd])):
        one = Write(stream=stream, expected=0, events=events, message_id="m", request_hash=b"r")
        await append(recorder, one)
    found = await recorder.read(["c-1", "b-1", "a-1"])
    assert found["a-1"].events == Payloads(b'[{"label":"a-1/x"},{"label":"a-1/y"}]', (1, 2))
    assert found["b-1"].events == Payloads(b'[{"label":"b-1/z"}]', (1,))
    assert found["c-1"].events == UNKNOWN
    assert (found["c-1"].version, found["c-1"].hash) == (2, odd.hash)


async def test_a_snapshot_replaces_the_events_before_it(recorder: Recorder) -> None:
    await append(recorder, write("a-1", 0, "x", "y", "z"), write("b-1", 0, "o"))
    two = SnapshotRow("a-1", 2, sealed("a-1/y").hash, "domain-1", b"\0state")
    await recorder.save_snapshots([two])
    found = await recorder.read(["a-1", "b-1"], domain_hash="domain-1")
    assert found["a-1"].snapshot == two
    assert read_labels(found["a-1"]) == ["z"]
    assert found["b-1"].snapshot is None
    assert read_labels(found["b-1"]) == ["o"]


async def test_a_snapshot_of_another_domain_is_not_looked_at(recorder: Recorder) -> None:
    await append(recorder, write("a-1", 0, "x", "y"))
    await recorder.save_snapshots([SnapshotRow("a-1", 1, b"h", "old domain", b"s")])
    for domain_hash in ("new domain", ""):
        found = await recorder.read(["a-1"], domain_hash=domain_hash)
        assert found["a-1"].snapshot is None
        assert read_labels(found["a-1"]) == ["x", "y"]


async def test_the_newest_snapshot_wins_and_all_may_be_dropped(recorder: Recorder) -> None:
    await append(recorder, write("a-1", 0, "x", "y", "z"))
    at = {v: SnapshotRow("a-1", v, b"h", "d", f"s{v}".encode()) for v in (1, 2, 3)}
    await recorder.save_snapshots([at[1], at[3], at[2]])
    await recorder.save_snapshots([at[2]])
    found = await recorder.read(["a-1"], domain_hash="d")
    assert found["a-1"].snapshot == at[3]
    assert read_labels(found["a-1"]) == []
    assert (found["a-1"].version, found["a-1"].hash) == (3, b"h")
    await recorder.save_snapshots([])
    await recorder.drop_snapshots()
    found = await recorder.read(["a-1"], domain_hash="d")
    assert found["a-1"].snapshot is None
    assert read_labels(found["a-1"]) == ["x", "y", "z"]


async def test_messages_are_forgotten_by_age_unless_kept(recorder: Recorder) -> None:
    day = timedelta(days=1)
    await append(recorder, write("a-1", 0, "x", message_id="old"), at=T0)
    await append(recorder, write("a-1", 1, "y", message_id="kept", keep=True), at=T0)
    await append(recorder, write("a-1", 2, message_id="empty"), at=T0)
    await append(recorder, write("a-1", 2, "z", message_id="new"), at=T0 + day)
    assert await recorder.prune(T0) == 0
    assert await recorder.prune(T0 + day) == 2
    keys = [("a-1", key) for key in ("old", "kept", "empty", "new")]
    assert set(await recorder.messages(keys)) == {("a-1", "kept"), ("a-1", "new")}
    assert labels(await whole(recorder)) == ["x", "y", "z"]


async def test_waiting_ends_when_the_log_has_grown(recorder: Recorder) -> None:
    assert not await recorder.wait(0, timeout_s=0.05)
    waiting = asyncio.create_task(recorder.wait(0, timeout_s=20))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await append(recorder, write("a-1", 0, "x"))
    assert await asyncio.wait_for(waiting, 5)
    last = (await recorder.last())[0]
    assert await recorder.wait(last - 1, timeout_s=5)
    assert not await recorder.wait(last, timeout_s=0.05)


async def test_many_callers_at_once_lose_nothing(recorder: Recorder) -> None:
    async def caller(n: int) -> None:
        for version in range(10):
            [result] = await append(recorder, write(f"s-{n}", version, f"n{n}v{version}"))
            assert isinstance(result, Written)

    await asyncio.gather(*[caller(n) for n in range(20)])
    stored = await whole(recorder)
    assert len({(e.stream, e.version) for e in stored}) == len(stored) == 200
    assert sorted(e.position for e in stored) == [e.position for e in stored]


async def test_overlapping_calls_on_one_stream_are_done_in_call_order(recorder: Recorder) -> None:
    calls = [
        asyncio.create_task(append(recorder, write("a-1", n, f"n{n}"), write(f"b-{n % 3}", 0, "b")))
        for n in range(20)
    ]
    assert all(isinstance(first, Written) for first, _ in await asyncio.gather(*calls))
    assert labels(await recorder.select("a-1")) == [f"n{n}" for n in range(20)]


async def test_of_many_callers_for_one_version_one_wins(recorder: Recorder) -> None:
    results = await asyncio.gather(
        *[append(recorder, write("a-1", 0, f"n{n}"), write(f"b-{n}", 0, "b")) for n in range(20)]
    )
    assert sum(isinstance(first, Written) for first, _ in results) == 1
    assert all(isinstance(second, Written) for _, second in results)
