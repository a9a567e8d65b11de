"""The states of a row of `keys.data_keys`: a key, an erasure and its time, or a change."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from adapters.host.entropy import SystemEntropy
from adapters.log.keys import KeyState
from adapters.postgres.keys import PostgresKeyStore
from adapters.postgres.versions import ready


@pytest.fixture
def keys(database_url: str, tmp_path: Path) -> Iterator[PostgresKeyStore]:
    ready(database_url, "log")
    store = PostgresKeyStore(database_url, tmp_path / "master.key", SystemEntropy())
    store.data_key("C1")
    store.data_key("C2")
    yield store
    store.close()


def run(url: str, sql: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.encode(), values)
        return cursor.fetchall() if cursor.description else []


def test_the_mark_of_an_erasure_covers_its_time(keys: PostgresKeyStore, database_url: str) -> None:
    keys.destroy("C1")
    assert keys.key_states() == {"C1": KeyState.ERASED, "C2": KeyState.HELD}
    moved = "update keys.data_keys set destroyed_at = destroyed_at + interval '1 microsecond'"
    run(database_url, f"{moved} where client_id = 'C1'")
    assert keys.key_states()["C1"] is KeyState.CHANGED


def test_erasing_again_keeps_the_first_time(keys: PostgresKeyStore, database_url: str) -> None:
    keys.destroy("C1")
    row = "select wrapped, destroyed_at from keys.data_keys where client_id = 'C1'"
    first = run(database_url, row)
    keys.destroy("C1")
    assert run(database_url, row) == first
    run(database_url, "update keys.data_keys set destroyed_at = now() where client_id = 'C1'")
    keys.destroy("C1")
    assert keys.key_states()["C1"] is KeyState.ERASED
    assert run(database_url, row) != first


def test_an_erasure_whose_mark_covers_no_time_is_still_one(
    keys: PostgresKeyStore, database_url: str
) -> None:
    old = keys._mark("C1", None)
    run(
        database_url,
        "update keys.data_keys set wrapped = %s, destroyed = true where client_id = 'C1'",
        old,
    )
    assert keys.key_states()["C1"] is KeyState.ERASED


def test_a_key_under_two_names_is_named_at_both(keys: PostgresKeyStore, database_url: str) -> None:
    copy = "insert into keys.data_keys select 'C3', wrapped from keys.data_keys"
    run(database_url, f"{copy} where client_id = 'C1'")
    copied, held = KeyState.COPIED, KeyState.HELD
    assert keys.key_states() == {"C1": copied, "C2": held, "C3": copied}


def test_a_key_that_has_a_time_of_destruction_was_changed(
    keys: PostgresKeyStore, database_url: str
) -> None:
    run(database_url, "update keys.data_keys set destroyed_at = now() where client_id = 'C2'")
    assert keys.key_states()["C2"] is KeyState.CHANGED
