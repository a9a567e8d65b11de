"""Faults around a log on EventStoreDB: lost answers, other leaders, killed servers."""

import asyncio
import itertools
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from esdbclient import EventStoreDBClient, NewEvent, StreamState
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.eventstoredb import clock as esdb_clock
from adapters.eventstoredb import keys as esdb_keys
from adapters.eventstoredb.event import event_id
from adapters.eventstoredb.recorder import EsdbRecorder
from adapters.log.recorder import (
    Known,
    Result,
    Sealed,
    Stored,
    Unavailable,
    Write,
    Written,
    WrongVersion,
)
from adapters.memory.recorder import MemoryRecorder
from commands.ports import Unreadable
from tests.contract.log.commit import over
from tests.contract.log.recorder_suite import T0, append, labels, positions, sealed, whole, write
from tests.contract.log.test_recorder_laws import built, histories, plain, ranks
from tests.esdb_double.server import Node, cluster
from tests.paths import ROOT

LOST = ["lose request", "lose reply", "silence", "ignored", "timeout", "timeout after",
        "not leader", "slow"]  # fmt: skip
DAY = timedelta(days=1)


async def connected(url: str, beside: MemoryRecorder | None = None) -> EsdbRecorder:
    return await EsdbRecorder.connect(url, beside or MemoryRecorder(), reply_s=1.0, retry_s=3.0)


@pytest.fixture
def node() -> Iterator[Node]:
    with Node() as node:
        yield node


@pytest.fixture
async def recorder(node: Node) -> AsyncIterator[EsdbRecorder]:
    opened = await connected(node.url)
    yield opened
    await opened.close()


@pytest.mark.parametrize("fault", LOST)
async def test_a_lost_answer_is_neither_lost_nor_doubled(
    node: Node, recorder: EsdbRecorder, fault: str
) -> None:
    await append(recorder, write("a-1", 0, "x"))
    node.faults.arm(fault, containing=b"the-event")
    results = await append(recorder, write("a-1", 1, "the-event"), write("b-1", 0, "beside"))
    assert node.faults.sprung == 1
    stored = {(e.stream, e.version): e.position for e in await whole(recorder)}
    assert set(stored) == {("a-1", 1), ("a-1", 2), ("b-1", 1)}
    assert results == [Written(stored["a-1", 2]), Written(stored["b-1", 1])]


@pytest.mark.parametrize("fault", LOST)
async def test_a_lost_answer_changes_no_result(
    node: Node, recorder: EsdbRecorder, fault: str
) -> None:
    await append(recorder, write("known-1", 0, "x", message_id="key"), write("stale-1", 0, "x"))
    node.faults.arm(fault, containing=b"the-event")
    results = await append(
        recorder,
        write("a-1", 0, "the-event"), write("known-1", 1, "again", message_id="key"),
        write("stale-1", 0, "lost"), write("a-1", 1, "chained"), write("empty-1", 0),
        write("a-1", 2), write("behind-1", 4, "gap"),
    )  # fmt: skip
    assert node.faults.sprung == 1
    kinds = [Written, Known, WrongVersion, Written, Written, Written, WrongVersion]
    assert [type(r) for r in results] == kinds
    assert labels(await recorder.select("a-1")) == ["the-event", "chained"]
    assert len(await whole(recorder)) == 4


async def test_one_of_two_that_decided_the_same_command_gets_known(
    node: Node, recorder: EsdbRecorder
) -> None:
    """The server alone would answer a repeated event id with success, even with other bytes."""
    first = write("a-1", 0, "x", message_id="key")
    other = Write(
        stream="a-1", expected=0, events=[sealed("a-1/a-moment-later")], message_id="key",
        request_hash=first.request_hash,
    )  # fmt: skip
    second = await connected(node.url)
    [won] = await append(recorder, first)
    [lost] = await append(second, other)
    assert isinstance(won, Written)
    assert isinstance(lost, Known)
    assert lost.message.hash == first.events[0].hash
    assert labels(await whole(second)) == ["x"]
    await second.close()


def test_an_event_id_is_drawn_from_content_and_place() -> None:
    ids = {event_id(sealed(label).hash, version) for label in "ab" for version in (1, 2)}
    assert len(ids) == 4
    assert event_id(sealed("a").hash, 1) in ids
    assert all(i[14] == "8" and i[19] in "89ab" for i in ids)


async def test_a_gone_server_is_one_clear_line_and_comes_back(
    node: Node, recorder: EsdbRecorder
) -> None:
    await append(recorder, write("a-1", 0, "x"))
    node.stop()
    started = time.monotonic()
    with pytest.raises(Unavailable) as refused:
        await append(recorder, write("a-1", 1, "y"))
    assert time.monotonic() - started < 6
    assert "cannot be reached" in str(refused.value)
    assert "\n" not in str(refused.value)
    with pytest.raises(Unavailable):
        await recorder.last()
    node.start()
    assert [type(r) for r in await append(recorder, write("a-1", 1, "y"))] == [Written]
    assert labels(await whole(recorder)) == ["x", "y"]


async def test_a_waiter_survives_the_loss_of_its_subscription(
    node: Node, recorder: EsdbRecorder
) -> None:
    await append(recorder, write("a-1", 0, "x"))
    last, _ = await recorder.last()
    waiting = asyncio.create_task(recorder.wait(last, timeout_s=30))
    await asyncio.sleep(0.3)
    node.stop()
    node.start()
    other = await connected(node.url)
    await append(other, write("b-1", 0, "x"))
    await other.close()
    assert await asyncio.wait_for(waiting, 10)


async def test_a_waiter_wakes_at_once_when_another_process_writes(
    node: Node, recorder: EsdbRecorder
) -> None:
    await recorder.wait(0, timeout_s=0.3)  # the subscription has started
    other = await connected(node.url)
    waiting = asyncio.create_task(recorder.wait(0, timeout_s=30))
    await asyncio.sleep(0.1)
    await append(other, write("a-1", 0, "x"))
    assert await asyncio.wait_for(waiting, 0.8)
    await other.close()


async def test_a_connection_that_is_replaced_does_not_disturb_calls_that_used_it(
    node: Node,
) -> None:
    """One lost answer closes the connection that all other calls use."""
    recorder = await EsdbRecorder.connect(node.url, MemoryRecorder(), reply_s=20, retry_s=40)
    await append(recorder, *[write(f"a-{n}", 0, *"xyz") for n in range(200)])
    everything = await whole(recorder)
    done = asyncio.Event()

    async def reader() -> int:
        reads = 0
        while not done.is_set():
            assert (await whole(recorder))[: len(everything)] == everything
            reads += 1
        return reads

    reading = [asyncio.create_task(reader()) for _ in range(3)]
    for n in range(6):
        node.faults.arm("lose reply", containing=b"b-1")
        [result] = await append(recorder, write("b-1", n, f"n{n}"))
        assert isinstance(result, Written)
    done.set()
    assert min(await asyncio.gather(*reading)) >= 1
    assert node.faults.sprung == 6
    await recorder.close()


async def test_another_leader_is_followed_and_nothing_is_written_twice() -> None:
    nodes = cluster(3)
    for each in nodes:
        each.start()
    targets = ",".join(f"127.0.0.1:{each.port}" for each in nodes)
    url = f"esdb://{targets}?Tls=false&MaxDiscoverAttempts=3&DiscoveryInterval=50&GossipTimeout=1"
    recorder = await connected(url)
    written: list[Result] = []
    for version, leader in enumerate([nodes[0], nodes[1], nodes[2], nodes[1]]):
        leader.lead()
        written += await append(recorder, write("a-1", version, f"n{version}"))
    nodes[1].stop()  # the leader dies, and another is elected
    nodes[0].lead()
    written += await append(recorder, write("a-1", 4, "n4"))
    assert all(isinstance(r, Written) for r in written)
    assert labels(await whole(recorder)) == [f"n{n}" for n in range(5)]
    await recorder.close()
    for each in nodes:
        each.stop()


async def test_a_follower_alone_names_the_leader() -> None:
    _leader, follower = nodes = cluster(2)
    for each in nodes:
        each.start()
    recorder = await connected(follower.url)
    assert isinstance((await append(recorder, write("a-1", 0, "x")))[0], Written)
    assert labels(await whole(recorder)) == ["x"]
    await recorder.close()
    for each in nodes:
        each.stop()


def certificate(name: str) -> tuple[bytes, bytes]:
    """(private key, self-signed certificate) in PEM for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - DAY).not_valid_after(now + DAY)
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = builder.add_extension(here, critical=False).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, signed.public_bytes(pem)


async def test_tls_and_credentials_come_with_the_url(tmp_path: Path) -> None:
    key, chain = certificate("a")
    (tmp_path / "ca.crt").write_bytes(chain)
    (tmp_path / "other.crt").write_bytes(certificate("b")[1])
    with Node(tls=(key, chain), password="s3cret") as node:
        where = f"127.0.0.1:{node.port}?Tls=true&TlsCaFile={tmp_path}"
        recorder = await connected(f"esdb://admin:s3cret@{where}/ca.crt")
        assert isinstance((await append(recorder, write("a-1", 0, "x")))[0], Written)
        assert labels(await whole(recorder)) == ["x"]
        assert not await recorder.wait((await recorder.last())[0], timeout_s=0.2)
        await recorder.close()
        with pytest.raises(Unavailable, match="refused: Authentication failed") as refused:
            await connected(f"esdb://admin:wr0ng@{where}/ca.crt")
        assert "wr0ng" not in str(refused.value)
        with pytest.raises(Unavailable):
            await connected(f"esdb://admin:s3cret@{where}/other.crt")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("esdb://127.0.0.1:1?Tls=false", "cannot be reached"),
        ("esdb://127.0.0.1:1", "Username and password are required"),
        ("esdb://admin:s3cret@127.0.0.1:1?Tlz=false", "Unknown field"),
        ("esdb://?Tls=false", "No targets"),
        ("esdb://admin:s3cret@127.0.0.1:1?TlsCaFile=/none.crt", "none.crt"),
    ],
)
async def test_a_wrong_url_is_one_clear_line(url: str, words: str) -> None:
    with pytest.raises(Unavailable, match=words) as refused:
        await EsdbRecorder.connect(url, MemoryRecorder(), retry_s=0.2)
    assert "\n" not in str(refused.value)
    assert "s3cret" not in str(refused.value)


async def test_a_write_that_the_server_finds_too_large_says_so(recorder: EsdbRecorder) -> None:
    large = Sealed("thing.done", b'"' + b"x" * (1 << 20) + b'"', sealed("large").hash)
    one = Write(stream="a-1", expected=0, events=[large], message_id="m", request_hash=b"")
    with pytest.raises(Unavailable, match="refused: Max size"):
        await append(recorder, one)
    assert await whole(recorder) == []


async def test_what_others_keep_on_the_server_is_read_and_known_for_foreign(
    node: Node, recorder: EsdbRecorder
) -> None:
    await append(recorder, write("a-1", 0, "x"))
    with EventStoreDBClient(node.url) as other:
        event = NewEvent(type="Foreign", data=b'{"a": 1}')
        other.append_to_stream("theirs-1", current_version=StreamState.NO_STREAM, events=event)
        other.set_stream_metadata("theirs-1", metadata={"$maxCount": 9})
    stored = await whole(recorder)
    assert [e.name for e in stored] == ["thing.done", "Foreign"]  # without $metadata
    assert (stored[1].state, stored[1].hash, stored[1].version) == (b'{"a": 1}', b"", 1)


async def test_a_stream_that_was_cut_off_is_not_taken_for_whole(
    node: Node, recorder: EsdbRecorder
) -> None:
    await append(recorder, write("a-1", 0, *"xyz"))
    with EventStoreDBClient(node.url) as operator:
        operator.set_stream_metadata("a-1", metadata={"$maxCount": 2})
    with pytest.raises(Unreadable, match="a-1@1"):
        await recorder.read(["a-1"])


async def test_a_position_between_events_may_be_asked_for(recorder: EsdbRecorder) -> None:
    await append(recorder, *[write(f"a-{i}", 0, f"n{i}") for i in range(10)])
    stored = list(await whole(recorder))
    gaps = [b.position - a.position for a, b in itertools.pairwise(stored)]
    assert min(gaps) > 1
    for i, event in enumerate(stored):
        assert await recorder.after(event.position - 1, limit=3) == stored[i : i + 3]
        assert await recorder.after(event.position + 1, limit=3) == stored[i + 1 : i + 4]


async def test_marks_and_keys_outlive_a_process_and_may_be_lost(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(esdb_clock, "MARK_BYTES", 1_500)
    monkeypatch.setattr(esdb_clock, "CHUNK", 3)
    monkeypatch.setattr(esdb_keys, "SNAPSHOT_EVERY", 5)
    beside = MemoryRecorder()
    first = await connected(node.url, beside)
    for n in range(40):
        one = write("a-1", n, f"n{n}", message_id=f"m{n}")
        await append(first, one, at=T0 + timedelta(seconds=n % 7 + n))
    stored = await whole(first)
    await first.save_snapshots([esdb_keys.SnapshotRow("a-1", 40, b"h", "d", b"s")])
    await first.close()
    times = [e.committed_at for e in stored]
    assert times == sorted(times)
    for kept in (beside, MemoryRecorder()):
        second = await connected(node.url, kept)
        known = len(second._clock._marks)
        assert known > 4 if kept is beside else known == 1
        for i, event in reversed(list(enumerate(stored))):
            assert await second.after(event.position, limit=99) == stored[i + 1 :]
            assert await second.position_at(event.committed_at) == max(
                e.position for e in stored if e.committed_at <= event.committed_at
            )
        for n in (0, 17, 39):
            again = write("a-1", 40, "again", message_id=f"m{n}")
            [result] = await append(second, again)
            assert isinstance(result, Known)
            assert result.message.version == n + 1
        await second.close()


async def test_a_database_that_was_filled_from_another_log_is_refused(node: Node) -> None:
    beside = MemoryRecorder()
    recorder = await connected(node.url, beside)
    await append(recorder, write("a-1", 0, "x"))
    await recorder.close()
    await (await connected(node.url, beside)).close()
    with Node() as other, pytest.raises(Unavailable, match="filled from another event log"):
        await connected(other.url, beside)


_examples = itertools.count(1)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    history=histories,
    other=st.booleans(),
    fault=st.sampled_from(["", "lose request", "lose reply"]),
)
async def test_eventstoredb_answers_as_memory_does(
    node: Node, history: list[list[tuple[int, int, int, int]]], other: bool, fault: str
) -> None:
    example, serial = next(_examples), itertools.count()
    memory = MemoryRecorder()
    one = await connected(node.url)
    two = await connected(node.url) if other else one
    start = (await one.last())[0]
    expected: list[Result] = []
    answered: list[Result] = []
    nothings = False
    for recorder, shaped in zip(itertools.cycle((one, two)), history, strict=False):
        batch = [built(example, shape, next(serial)) for shape in shaped]
        nothings = nothings or any(not w.events for w in batch)
        if other and nothings:
            break  # only the recorder that wrote no events knows the message
        if fault:
            node.faults.arm(fault, containing=batch[0].stream.encode())
        expected += await append(memory, *batch)
        answered += await append(recorder, *batch)
    ours, theirs = await memory.after(0, limit=999), await one.after(start, limit=999)
    by_rank = [{e.position: i for i, e in enumerate(log, 1)} for log in (ours, theirs)]
    assert [ranks(r, by_rank[1]) for r in answered] == [ranks(r, by_rank[0]) for r in expected]
    assert [plain(e) for e in theirs] == [plain(e) for e in ours]
    await one.close()
    if other:
        await two.close()


class Process:
    """A double in its own process, with a file; the test may kill it."""

    def __init__(self, file: Path) -> None:
        self._file, self.port = file, 0
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.esdb_double", "--file", str(self._file),
             "--port", str(self.port)],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        self.port = int(self.url.split(":")[2].split("?")[0])

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()


async def test_a_killed_server_loses_and_doubles_nothing(tmp_path: Path) -> None:
    server = Process(tmp_path / "log")
    recorder = await EsdbRecorder.connect(server.url, MemoryRecorder(), reply_s=5, retry_s=60)
    commit = over(recorder, T0)
    acknowledged: dict[tuple[str, int], int] = {}

    async def caller(n: int) -> None:
        for version in range(40):
            result = await commit.submit(write(f"s-{n}", version, f"{n}v{version}"))
            assert isinstance(result, Written), result
            acknowledged[f"s-{n}", version + 1] = result.position

    callers = [asyncio.create_task(caller(n)) for n in range(16)]
    for at_least in (60, 250, 500):
        while len(acknowledged) < at_least and not any(task.done() for task in callers):
            await asyncio.sleep(0.001)
        server.kill()
        await asyncio.to_thread(server.start)
    await asyncio.gather(*callers)
    stored = await whole(recorder)
    assert {(e.stream, e.version): e.position for e in stored} == acknowledged
    assert len(stored) == 16 * 40
    await commit.close()
    await recorder.close()
    server.kill()


async def test_writers_race_and_a_tail_misses_nothing(node: Node) -> None:
    recorders = [await connected(node.url) for _ in range(3)]
    tailing = await connected(node.url)
    acknowledged: list[int] = []

    async def writer(n: int) -> None:
        for version in range(30):
            done = await append(recorders[n], write(f"own-{n}", version, f"n{version}"))
            acknowledged.extend(positions(done))
            [won] = await append(recorders[n], write("shared-1", version, f"w{n}"))
            acknowledged.extend(positions([won]))

    writing = asyncio.gather(*[writer(n) for n in range(3)])
    tailed: list[Stored] = []
    end: Callable[[], int] = lambda: tailed[-1].position if tailed else 0  # noqa: E731
    while not writing.done() or await tailing.wait(end(), timeout_s=0.1):
        await tailing.wait(end(), timeout_s=0.1)
        tailed += await tailing.after(end(), limit=7)
    await writing
    assert tailed == list(await whole(tailing))
    assert sorted(acknowledged) == [e.position for e in tailed]
    assert len(tailed) == 3 * 30 + 30
    for each in (*recorders, tailing):
        await each.close()
