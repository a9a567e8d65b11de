"""Backup, restore, and a data directory of the last release, with real processes.

The fixture `tests/golden/release-0.1.0` is what `tidemark simulate` of that release left behind
(five days, two accounts): its database as `pg_dump` wrote it, its keys, and its answer.
"""

import gzip
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from adapters.postgres.embedded import EmbeddedPostgres
from adapters.postgres.server_account import binaries
from adapters.postgres.versions import PARTS, migrations
from tests.paths import GOLDEN
from tests.system.processes import (
    Simulated,
    copied,
    deposit,
    folder,
    serving,
    sql,
    tidemark,
    until,
    verb,
)

pytestmark = pytest.mark.slow

RELEASE = GOLDEN / "release-0.1.0"


@pytest.fixture
def place() -> Iterator[Path]:
    with folder() as made:
        yield made


def sound(data_dir: Path) -> dict[str, Any]:
    """The answer of `log verify`; neither it nor `replay` may find a fault."""
    found = intact(data_dir)
    again = verb("replay", "--json", data_dir=data_dir)
    assert (again.code, again.json["equal"]) == (0, True), again.out
    return found


def intact(data_dir: Path) -> dict[str, Any]:
    """The answer of `log verify`, which may find no fault."""
    checked = verb("log", "verify", "--json", data_dir=data_dir)
    assert checked.code == 0, checked.out + checked.err
    found: dict[str, Any] = checked.json
    return found


def test_a_backup_made_while_serving_is_restored_verified_and_goes_on(
    simulated: Simulated, place: Path
) -> None:
    data_dir = copied(simulated.data_dir, place / "d")
    assert (
        verb("demo", "pause", data_dir=data_dir).code == 0
    )  # its market would append and seal more
    with serving(data_dir) as served:
        account = sql(data_dir, "select account_id from views.accounts order by 1 limit 1")[0][0]
        served.did("DepositCash", deposit(account, "7.00", "before"), "before")
        made = tidemark("backup", str(place / "copy"), "--json", data_dir=data_dir)
        assert made.code == 0, made.err
        served.did("DepositCash", deposit(account, "7.00", "after"), "after")
    restored = copied(place / "copy", place / "restored")
    assert made.json["position"] > simulated.answer["log_position"]
    for asked in (
        ("--reaches", str(made.json["sealed_to"])),
        ("--witness", str(restored / "backup.json")),
    ):
        reached = verb("log", "verify", *asked, "--json", data_dir=restored)
        assert reached.code == 0, reached.out + reached.err
    assert sound(restored)["sealed_to"] >= made.json["sealed_to"] > 0
    assert made.json["witness"]["last_position"] == made.json["sealed_to"]
    with serving(restored) as served:  # it accepts the command sent after the backup
        served.did("DepositCash", deposit(account, "7.00", "after"), "after")
        assert served.ready().status_code == 200


def test_a_log_put_back_to_before_is_found_by_a_position_it_had(
    simulated: Simulated, place: Path
) -> None:
    """A log cut with its head is sound in itself; only knowledge kept elsewhere shows the cut."""
    data_dir = copied(simulated.data_dir, place / "d")
    before = sound(data_dir)
    sealed = before["sealed_to"]
    cut = sealed - 5
    sql(
        data_dir,
        f"delete from log.events where position > {cut}",
        f"update log.head set position = {cut}",
    )
    checked = verb("log", "verify", "--reaches", str(sealed), "--json", data_dir=data_dir)
    assert checked.code == 1
    faults = [f["fault"] for f in checked.json["faults"]]
    assert any(f"it ends at {cut}, before position {sealed}" in fault for fault in faults)
    assert any("the signer's memory" in fault for fault in faults)
    assert checked.json["sealed_to"] < sealed


def test_a_log_cut_behind_its_checkpoint_is_found_by_the_signature(
    simulated: Simulated, place: Path
) -> None:
    """Events that a checkpoint covers are gone; the checkpoint itself is still there."""
    data_dir = copied(simulated.data_dir, place / "d")
    sql(
        data_dir,
        "delete from log.events where stream <> 'checkpoint-log' and position > "
        "(select max(position) - 20 from log.events)",
    )
    checked = verb("log", "verify", "--json", data_dir=data_dir)
    assert checked.code == 1
    assert any(f["stream"] == "checkpoint-log" for f in checked.json["faults"])


def test_a_backup_that_cannot_be_made_is_one_line_and_leaves_nothing(
    simulated: Simulated, place: Path
) -> None:
    data_dir = copied(simulated.data_dir, place / "d")
    (place / "there").mkdir()
    refused = tidemark("backup", str(place / "there"), data_dir=data_dir)
    assert (refused.code, refused.complaint) == (1, f"tidemark: {place}/there is there already")
    empty = tidemark("backup", str(place / "new"), data_dir=place / "none")
    assert empty.complaint == f"tidemark: TIDEMARK_DATA_DIR: no log in {place}/none"
    env = {"TIDEMARK_LOG": "postgresql://127.0.0.1:1/x"}
    server = tidemark("backup", str(place / "new"), data_dir=data_dir, env=env)
    assert server.complaint.startswith("tidemark: TIDEMARK_LOG: a server's database")
    (data_dir / "keys").rename(data_dir / "gone")
    broken = tidemark("backup", str(place / "new"), data_dir=data_dir)
    assert (broken.code, "No such file" in broken.complaint) == (1, True)
    assert sorted(p.name for p in place.iterdir()) == ["d", "there"]
    (data_dir / "gone").rename(data_dir / "keys")
    apart = tidemark("backup", str(place / "new"), "--without-keys", "--json", data_dir=data_dir)
    assert apart.json["keys"] is False
    assert not (place / "new" / "keys").exists()


@pytest.fixture
def last_release(place: Path) -> Path:
    """The release's data directory, as its processes left it."""
    data_dir = place / "d"
    with EmbeddedPostgres(data_dir / "postgres") as server:
        done = subprocess.run(
            [binaries() / "psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", server.uri],
            input=gzip.decompress((RELEASE / "database.sql.gz").read_bytes()),
            check=False, capture_output=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    shutil.copytree(RELEASE / "keys", data_dir / "keys")
    return data_dir


def test_a_data_directory_of_the_last_release_is_migrated_and_is_right(last_release: Path) -> None:
    then = json.loads((RELEASE / "answer.json").read_text())
    stats = verb("log", "stats", "--json", data_dir=last_release)  # the first process to open it
    assert (stats.json["position"], stats.json["root"]) == (then["log_position"], then["root"])
    found = intact(last_release)
    assert (found["events"], found["checkpoints"]) == (then["events"], 5)
    kept = verb("replay", "--json", data_dir=last_release).json
    result = [d for part in (*kept["views"], *kept["sagas"]) for d in part["differences"]]
    assert result and all("the next start" in d for d in result)
    with EmbeddedPostgres(last_release / "postgres") as server, psycopg.connect(server.uri) as db:
        applied = db.execute("select part, number from tidemark.migrations order by 1, 2")
        assert applied.fetchall() == [(p, m.number) for p in PARTS for m in migrations(p)]


def test_a_data_directory_of_the_last_release_goes_on_trading(last_release: Path) -> None:
    with serving(last_release) as served:
        account = sql(last_release, "select account_id from views.accounts limit 1")[0][0]
        served.did("DepositCash", deposit(account, "7.00", "new"), "new")
        until(lambda: served.ready().status_code == 200, what="ready")  # its views follow soon
    sound(last_release)
    with EmbeddedPostgres(last_release / "postgres") as server, psycopg.connect(server.uri) as db:
        open_ones = db.execute(
            "select relname from pg_class where relnamespace = 'views'::regnamespace "
            "and relkind = 'r' and not relrowsecurity"
        )
        assert open_ones.fetchall() == [("checkpoints",), ("stuck",)]
