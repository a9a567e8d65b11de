"""Tampering at the command line: clear lines and exit code 1, never a traceback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.host.entropy import SystemEntropy
from adapters.postgres.embedded import EmbeddedPostgres
from adapters.postgres.keys import PostgresKeyStore
from adapters.postgres.versions import migrations
from tests.system.processes import Simulated, copied, folder, sql, tidemark, verb

pytestmark = pytest.mark.slow


@pytest.fixture
def data_dir(simulated: Simulated) -> Iterator[Path]:
    """A copy to change; its Postgres is up."""
    with folder() as made:
        own = copied(simulated.data_dir, made / "d")
        with EmbeddedPostgres(own / "postgres"):
            yield own


def test_a_log_without_its_head_is_named_by_every_verb_in_one_line(data_dir: Path) -> None:
    sql(data_dir, "delete from log.head")
    checked = verb("log", "verify", data_dir=data_dir)
    assert (checked.code, checked.err) == (1, "")
    [fault] = checked.lines
    assert fault.endswith("log.head holds 0 rows, and must hold 1")
    for words in (("replay",), ("serve", "--port", "0")):
        ran = tidemark(*words, data_dir=data_dir)
        assert (ran.code, ran.out) == (1, ""), words
        assert ran.complaint.startswith("tidemark: log.head holds 0 rows, and must hold 1"), words


def test_replay_names_what_differs_beside_the_rows(data_dir: Path) -> None:
    sql(
        data_dir,
        "update street.read set position = position + 5",
        "update views.checkpoints set version = 99 where view = 'cash'",
        "update sagas.checkpoint set version = 99 where saga = 'order'",
        "alter table views.lots disable row level security",
    )
    ran = verb("replay", data_dir=data_dir)
    assert ran.code == 1
    result = "\n".join(ran.lines)
    assert "cash: it was written by version 99 of its code" in result
    assert "order: it was written by version 99 of its code" in result
    assert "street: the bank has read the log up to" in result
    assert "table views.lots was changed" in result
    found = verb("replay", "--json", data_dir=data_dir).json
    assert [v["view"] for v in found["views"] if not v["equal"]] == ["cash"]
    assert found["schema"] == ["table views.lots was changed"]
    again = verb("replay", "--json", data_dir=data_dir).json
    assert again == found  # replay changed nothing


def test_a_key_that_nothing_is_sealed_with_is_named_and_no_fault(data_dir: Path) -> None:
    """A command that is cut off before its append leaves such a key."""
    with EmbeddedPostgres(data_dir / "postgres") as server:
        keys = PostgresKeyStore(server.uri, data_dir / "keys" / "master.key", SystemEntropy())
        keys.data_key("GHOST")
        keys.close()
    ran = verb("log", "verify", "--json", data_dir=data_dir)
    assert (ran.code, ran.json["unused_keys"]) == (0, ["GHOST"])
    assert verb("log", "verify", data_dir=data_dir).out.strip().endswith("unused keys: GHOST")


def test_a_list_of_migrations_that_lacks_its_last_one_is_named_in_one_line(data_dir: Path) -> None:
    sql(
        data_dir,
        f"delete from tidemark.migrations where part = 'log' and number = {len(migrations('log'))}",
    )
    ran = verb("log", "verify", data_dir=data_dir)
    assert ran.code == 1
    assert (
        f"{migrations('log')[-1].name} makes, and tidemark.migrations does not list it"
        in ran.complaint
    )
