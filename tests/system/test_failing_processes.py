"""One platform per directory, shutdown in order, and no orphans, even after a kill."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.processes import (
    PATIENCE_S,
    ROOT,
    TIDEMARK,
    Served,
    client,
    folder,
    is_alive,
    kill,
    serving,
    sql,
    tidemark,
    until,
)

pytestmark = pytest.mark.slow
AT_ONCE_S = 15.0  # interpreter and imports included, on a busy machine


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with folder() as made:
        yield made / "d"


def family(served: Served) -> list[int]:
    """The pids of Postgres and the warehouse, once both run."""
    until(lambda: len(served.children) >= 2, what="the warehouse's process")
    return served.children


def test_the_second_serve_names_the_process_that_holds_the_directory(data_dir: Path) -> None:
    with serving(data_dir) as first:
        started = time.monotonic()
        second = tidemark("serve", "--port", "0", data_dir=data_dir)
        assert time.monotonic() - started < AT_ONCE_S
        held = f"tidemark: {data_dir} is held by tidemark serve (pid {first.process.pid})"
        assert (second.code, second.complaint, second.out) == (1, held, "")
        third = tidemark("simulate", "--accounts", "1", data_dir=data_dir)
        assert (third.code, third.complaint) == (1, held)
        assert first.ready().status_code == 200
        assert (
            tidemark("log", "stats", "--json", data_dir=data_dir).code == 0
        )  # readers are allowed


def test_sigterm_ends_everything_in_order(data_dir: Path) -> None:
    with serving(data_dir) as served:
        client(served, "A1", cash="10.00")
        children = family(served)
        assert served.terminate() < 20
        assert served.process.returncode == 0
        until(lambda: not any(is_alive(pid) for pid in children), seconds=5)
        assert served.errors.splitlines() == [f"ready {served.url}"]  # and no other line
    assert "database system is shut down" in (data_dir / "postgres/server.log").read_text()
    assert (data_dir / "platform.lock").read_text() == ""


def test_a_killed_serve_leaves_no_orphans_and_the_next_starts_at_once(data_dir: Path) -> None:
    with serving(data_dir) as served:
        client(served, "A1", cash="10.00")
        children = family(served)
        kill(served.process.pid)
        served.process.wait(PATIENCE_S)
        with serving(data_dir) as again:
            until(lambda: not any(is_alive(pid) for pid in children), seconds=20)
            answer = again.do(
                "DepositCash",
                {"account_id": "A1", "amount": "10.00", "currency": "USD", "reference": "r"},
                "A1-cash",
            )
            assert answer.headers["Idempotent-Replayed"] == "true"
            until(lambda: again.ready().status_code == 200)
    assert sql(data_dir, "select count(*) from log.events where stream = 'account-A1'") == [(2,)]


def test_two_that_start_at_once_are_one(data_dir: Path) -> None:
    both = [
        subprocess.Popen(
            [*TIDEMARK, "serve", "--port", "0", "--data-dir", str(data_dir)],
            cwd=ROOT, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    try:
        until(lambda: any(p.poll() is not None for p in both))
        (loser,) = [p for p in both if p.poll() is not None]
        (winner,) = [p for p in both if p is not loser]
        assert loser.stderr is not None and winner.stderr is not None
        result = loser.stderr.read()
        assert (loser.returncode, result.count("\n")) == (1, 1)
        assert f"is held by tidemark serve (pid {winner.pid})" in result
        assert winner.stderr.readline().startswith("ready ")
    finally:
        for process in both:
            process.terminate()
            process.communicate(timeout=PATIENCE_S)


WRONG = [
    ("TIDEMARK_LOG", "mysql://x"),
    ("TIDEMARK_LOG", "postgresql://nobody@127.0.0.1:1/x"),
    ("TIDEMARK_LOG", "postgresql://nobody@no-such-host.invalid/x"),
    ("TIDEMARK_DATABASE", "sqlite:///x"),
    ("TIDEMARK_DATABASE", "postgresql://nobody@127.0.0.1:1/x"),
    ("TIDEMARK_WAREHOUSE", "duckdb:///x"),
    ("TIDEMARK_WAREHOUSE", "chdb:"),
    ("TIDEMARK_WAREHOUSE", "clickhouse://someone:secret@127.0.0.1:1/x"),
    ("TIDEMARK_BUS", "pigeons:"),
    ("TIDEMARK_PORT", "99999"),
    ("TIDEMARK_PORT", "a door"),
    ("TIDEMARK_HOST", "no-such-host.invalid"),
    ("TIDEMARK_HOST", "192.0.2.1"),  # an address of another machine
    ("TIDEMARK_DATA_DIR", "/proc/no/such"),
]


@pytest.mark.parametrize(("variable", "value"), WRONG)
def test_a_wrong_setting_is_one_line_that_names_the_variable(
    data_dir: Path, variable: str, value: str
) -> None:
    env = {"TIDEMARK_DATA_DIR": str(data_dir), "TIDEMARK_PORT": "0", variable: value}
    started = time.monotonic()
    refused = tidemark("serve", env=env)
    assert time.monotonic() - started < 2 * AT_ONCE_S
    assert (refused.code, refused.out) == (1, "")
    assert refused.complaint.startswith(f"tidemark: {variable}: ")
    assert "secret" not in refused.complaint


def test_a_port_that_is_taken_is_named(data_dir: Path) -> None:
    with folder() as other, serving(other / "d") as first:
        port = first.url.rpartition(":")[2]
        refused = tidemark("serve", "--port", port, data_dir=data_dir)
        assert refused.code == 1
        assert "--port" in refused.complaint and port in refused.complaint
        assert not data_dir.exists(), "nothing is made for a refused start"
        refused = tidemark("serve", data_dir=data_dir, env={"TIDEMARK_PORT": port})
        assert "TIDEMARK_PORT" in refused.complaint and port in refused.complaint


def test_a_reader_makes_no_directory(data_dir: Path) -> None:
    refused = tidemark("log", "stats", data_dir=data_dir)
    assert refused.code == 1
    assert "TIDEMARK_DATA_DIR" in refused.complaint and str(data_dir) in refused.complaint
    assert not data_dir.exists()
