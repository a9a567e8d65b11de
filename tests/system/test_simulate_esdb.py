"""`TIDEMARK_LOG=esdb://`: the same run gives the same books and the same root on another log."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.esdb_double.server import Node
from tests.system.processes import SIMULATE, Simulated, folder, tidemark

OF_THE_STORE = {"log_position", "wall_s", "events_per_s"}


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with Node() as node:
        yield node


@pytest.fixture(scope="module")
def on_esdb(node: Node) -> Iterator[Simulated]:
    with folder() as made:
        env = {"TIDEMARK_LOG": node.url}
        ran = tidemark("simulate", *SIMULATE, "--json", data_dir=made / "d", env=env)
        assert ran.code == 0, ran.err
        yield Simulated(made / "d", ran.json)


def test_the_books_and_the_root_are_those_of_the_embedded_log(
    simulated: Simulated, on_esdb: Simulated
) -> None:
    ours, theirs = (
        {k: v for k, v in run.answer.items() if k not in OF_THE_STORE}
        for run in (on_esdb, simulated)
    )
    assert ours == theirs
    assert ours["events"] > 500
    assert on_esdb.answer["log_position"] > 100 * ours["events"]  # bytes of log, not events


def test_what_was_run_goes_on_from_what_is_there(node: Node, on_esdb: Simulated) -> None:
    env = {"TIDEMARK_LOG": node.url}
    again = tidemark("simulate", *SIMULATE, "--json", data_dir=on_esdb.data_dir, env=env)
    assert again.code == 0, again.err
    assert again.json["root"] == on_esdb.answer["root"]
    assert again.json["events"] == on_esdb.answer["events"]


def test_every_hash_and_checkpoint_is_verified(node: Node, on_esdb: Simulated) -> None:
    env = {"TIDEMARK_LOG": node.url}
    ran = tidemark("log", "verify", "--json", data_dir=on_esdb.data_dir, env=env)
    assert ran.code == 0, ran.out
    assert ran.json["ok"]
    assert ran.json["checkpoints"] > 5
    assert ran.json["events"] == on_esdb.answer["events"]


def test_the_log_folds_to_every_view_again(node: Node, on_esdb: Simulated) -> None:
    env = {"TIDEMARK_LOG": node.url}
    assert tidemark("replay", "--json", data_dir=on_esdb.data_dir, env=env).code == 0
    ran = tidemark("log", "checksum", "--json", data_dir=on_esdb.data_dir, env=env)
    assert ran.code == 0, ran.err
    assert ran.json["position"] == on_esdb.answer["log_position"]


def test_an_event_is_traced_by_its_position_and_the_tail_counts_events(
    node: Node, on_esdb: Simulated
) -> None:
    env = {"TIDEMARK_LOG": node.url}
    tail = tidemark("log", "tail", "-n", "7", "--json", data_dir=on_esdb.data_dir, env=env)
    assert len(tail.lines) == 7
    where = str(on_esdb.answer["log_position"])
    ran = tidemark("log", "trace", where, "--json", data_dir=on_esdb.data_dir, env=env)
    assert ran.code == 0, ran.err
    assert tail.lines[-1].split('"position": ')[1].split(",")[0] == where


def test_a_changed_byte_is_found(node: Node, on_esdb: Simulated) -> None:
    at, record = next(
        (i, r) for i, r in enumerate(node.store.log) if r.event.type == "cash.deposited"
    )
    data = record.event.data.replace(b'"amount":"1', b'"amount":"2', 1)
    assert data != record.event.data
    forged = record._replace(event=record.event._replace(data=data))
    stream = node.store.streams[record.stream]
    node.store.log[at] = stream[record.revision] = forged
    try:
        env = {"TIDEMARK_LOG": node.url}
        ran = tidemark("log", "verify", "--json", data_dir=on_esdb.data_dir, env=env)
    finally:
        node.store.log[at] = stream[record.revision] = record
    assert ran.code == 1
    assert {f["fault"] for f in ran.json["faults"]} >= {"its bytes do not give its hash"}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("esdb://127.0.0.1:1?Tls=false", "cannot be reached"),
        ("esdb://127.0.0.1:1", "Username and password are required"),
        ("eventstore://127.0.0.1", "its scheme must be one of postgresql, esdb, esdb+discover"),
    ],
)
def test_a_wrong_url_is_one_line_that_names_the_variable(
    on_esdb: Simulated, tmp_path: Path, url: str, words: str
) -> None:
    env = {"TIDEMARK_LOG": url}
    ran = tidemark("log", "stats", data_dir=on_esdb.data_dir, env=env)
    assert ran.code in {1, 2}
    assert ran.complaint.startswith("tidemark: TIDEMARK_LOG: ")
    assert words in ran.complaint


def test_another_log_under_the_same_database_is_refused(on_esdb: Simulated) -> None:
    with Node() as other:
        env = {"TIDEMARK_LOG": other.url}
        ran = tidemark("log", "stats", data_dir=on_esdb.data_dir, env=env)
    assert "TIDEMARK_LOG: TIDEMARK_DATABASE was filled from another event log" in ran.complaint
