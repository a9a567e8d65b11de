"""The key files outside the database, checked against the log that needs them."""

import os
from pathlib import Path

import psycopg
import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from adapters.host.entropy import SystemEntropy
from adapters.log.keys import ClosedKeyStore, KeyChanged, KeyState, WrongMasterKey
from adapters.postgres.keys import PostgresKeyStore, open_keys
from adapters.postgres.log.recorder import PostgresRecorder

ENTROPY = SystemEntropy()


@pytest.fixture
async def url(database_url: str) -> str:
    recorder = await PostgresRecorder.connect(database_url)
    await recorder.close()
    return database_url


@pytest.fixture
def master(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "master.key"


def opened(url: str, master: Path, *, make: bool = True) -> PostgresKeyStore:
    found = open_keys(url, master, ENTROPY, make=make)
    assert isinstance(found, PostgresKeyStore)
    return found


def with_clients(url: str, master: Path, *clients: str) -> None:
    keys = opened(url, master)
    for client_id in clients:
        keys.data_key(client_id)
    keys.close()


def run(url: str, sql: str, *values: object) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.encode(), values)


def key_states(url: str, master: Path) -> dict[str, KeyState]:
    keys = opened(url, master)
    found = dict(keys.key_states())
    keys.close()
    return found


def test_a_process_that_only_reads_makes_no_master_key(url: str, master: Path) -> None:
    assert isinstance(open_keys(url, master, ENTROPY, make=False), ClosedKeyStore)
    assert not master.parent.exists()


@pytest.mark.parametrize("make", [True, False], ids=["a writer", "a reader"])
@pytest.mark.parametrize("erased", [False, True], ids=["held", "all erased"])
def test_a_missing_master_key_is_reported_and_not_replaced(
    url: str, master: Path, make: bool, erased: bool
) -> None:
    with_clients(url, master, "C1")
    if erased:
        opened(url, master).destroy("C1")
    master.unlink()
    with pytest.raises(WrongMasterKey, match=r"master\.key is missing.*from the backup"):
        open_keys(url, master, ENTROPY, make=make)
    assert not master.exists()


def test_a_wrong_master_key_is_another_line(url: str, master: Path) -> None:
    with_clients(url, master, "C1", "C2")
    master.write_bytes(os.urandom(32))
    with pytest.raises(WrongMasterKey, match="is not the key of this log's personal data"):
        open_keys(url, master, ENTROPY)


@pytest.mark.parametrize("junk", [b"", b"x", b"x" * 24, b"x" * 33, b"x" * 40])
def test_one_changed_row_names_its_client_and_leaves_the_others_alone(
    url: str, master: Path, junk: bytes
) -> None:
    with_clients(url, master, "C1", "C2")
    run(url, "update keys.data_keys set wrapped = %s where client_id = 'C1'", junk)
    keys = opened(url, master)
    assert keys.find("C2") is not None
    with pytest.raises(KeyChanged, match="C1"):
        keys.find("C1")
    keys.close()
    assert key_states(url, master) == {"C1": KeyState.CHANGED, "C2": KeyState.HELD}


def test_an_erasure_leaves_a_mark_that_only_the_master_key_makes(url: str, master: Path) -> None:
    with_clients(url, master, "C1", "C2", "C3", "C4", "C5", "C6")
    keys = opened(url, master)
    keys.destroy("C1")
    keys.destroy("C1")
    keys.destroy("C9")  # a client without a key gets a mark, too
    keys.close()
    run(url, "update keys.data_keys set destroyed = true, wrapped = null where client_id = 'C2'")
    run(url, "update keys.data_keys set destroyed = true where client_id = 'C3'")
    run(url, "update keys.data_keys set destroyed = true, wrapped = (select wrapped from "
        "keys.data_keys where client_id = 'C1') where client_id = 'C4'")  # fmt: skip
    run(url, "update keys.data_keys set wrapped = %s where client_id = 'C5'",
        aes_key_wrap(b"z" * 32, b"y" * 32))  # fmt: skip
    changed = dict.fromkeys(("C2", "C3", "C4", "C5"), KeyState.CHANGED)
    ours = {"C1": KeyState.ERASED, "C6": KeyState.HELD, "C9": KeyState.ERASED}
    assert key_states(url, master) == ours | changed


def test_an_erasure_without_a_mark_gets_it_by_erasing_again(url: str, master: Path) -> None:
    """Builds before the mark was introduced left such rows."""
    with_clients(url, master, "C1", "C2")
    run(url, "update keys.data_keys set destroyed = true, wrapped = null where client_id = 'C1'")
    keys = opened(url, master)
    assert keys.find("C1") is None
    keys.destroy("C1")
    keys.close()
    assert key_states(url, master)["C1"] is KeyState.ERASED
