"""Key files: a missing or wrong one is an error of one line, and no reader creates one."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from adapters.host.entropy import SeededEntropy, SystemEntropy
from adapters.host.key_files import read_secret, secret_file, too_open, write_whole
from adapters.proof.signing import Signer, Verifier
from adapters.settings_error import SettingsError

OTHER = Signer(b"x" * 32)
NO_ED25519 = ec.generate_private_key(ec.SECP256R1()).public_key()
PEM = NO_ED25519.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    Signer.open(tmp_path / "keys", SystemEntropy())
    return tmp_path / "keys"


def one_line(error: pytest.ExceptionInfo[SettingsError], *parts: str) -> None:
    text = str(error.value)
    assert text.startswith("TIDEMARK_DATA_DIR: ") and "\n" not in text
    assert all(part in text for part in parts), text


@pytest.mark.parametrize("content", [b"", b"short", b"k" * 31, b"k" * 33, b"k" * 5_000])
@pytest.mark.parametrize("name", ["master.key", "checkpoint.key"])
def test_a_secret_of_another_length_is_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingsError) as error:
        secret_file(tmp_path / name, SystemEntropy(), label="x")
    one_line(error, name, f"{len(content)} bytes", "32")
    assert (tmp_path / name).read_bytes() == content


def test_a_secret_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "master.key").mkdir()
    with pytest.raises(SettingsError) as error:
        read_secret(tmp_path / "master.key")
    one_line(error, "master.key")


def test_a_secret_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file where the folder should be")
    with pytest.raises(SettingsError) as error:
        secret_file(tmp_path / "keys" / "master.key", SystemEntropy(), label="x")
    one_line(error, "master.key")


@pytest.mark.parametrize("content", [b"", b"nonsense", PEM, PEM[:40], b"\x00" * 32])
def test_a_published_key_that_is_none_is_one_line(keys: Path, content: bytes) -> None:
    (keys / "checkpoint.pub").write_bytes(content)
    for opened in (lambda: Signer.open(keys, SystemEntropy()), lambda: Verifier.find(keys)):
        with pytest.raises(SettingsError) as error:
            opened()
        one_line(error, "checkpoint.pub")
    (keys / "checkpoint.key").unlink()
    with pytest.raises(SettingsError) as error:
        Verifier.find(keys)
    one_line(error, "checkpoint.pub", "Ed25519")


def test_a_process_that_only_checks_makes_no_key(tmp_path: Path) -> None:
    assert Verifier.find(tmp_path / "keys") is None
    assert not (tmp_path / "keys").exists()


def test_the_published_key_alone_is_enough_to_check(keys: Path) -> None:
    wanted = Signer.read(keys).verifier.key_id
    (keys / "checkpoint.key").unlink()
    found = Verifier.find(keys)
    assert found is not None and found.key_id == wanted
    assert [p.name for p in keys.iterdir()] == ["checkpoint.pub"]


def test_a_log_that_was_signed_gets_no_new_key(keys: Path) -> None:
    ours = Signer.read(keys).verifier.key_id
    (keys / "checkpoint.key").unlink()
    with pytest.raises(SettingsError) as error:
        Signer.open(keys, SystemEntropy(), signed_by=ours)
    one_line(error, "checkpoint.key is missing", ours[:16])
    assert not (keys / "checkpoint.key").exists()


def test_the_key_of_another_log_signs_nothing_here(keys: Path) -> None:
    with pytest.raises(SettingsError) as error:
        Signer.open(keys, SystemEntropy(), signed_by=OTHER.verifier.key_id)
    one_line(error, "checkpoint.key", OTHER.verifier.key_id[:16])


def test_the_same_seed_finds_its_own_log(tmp_path: Path) -> None:
    first = Signer.open(tmp_path / "a", SeededEntropy(1))
    again = Signer.open(tmp_path / "a", SeededEntropy(1), signed_by=first.verifier.key_id)
    assert again.verifier.key_id == first.verifier.key_id


def test_a_key_that_was_retired_by_name_is_followed_by_a_new_one(keys: Path) -> None:
    old = Signer.read(keys).verifier.key_id
    (keys / "checkpoint.key").unlink()
    (keys / "checkpoint.pub").rename(keys / "retired-1.pub")
    new = Signer.open(keys, SystemEntropy(), signed_by=old)
    assert new.verifier.key_id != old
    assert new.verifier.accepts_key(old)
    again = Signer.open(keys, SystemEntropy(), signed_by=new.verifier.key_id)
    assert again.verifier.key_id == new.verifier.key_id


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o666, 0o777])
def test_a_secret_that_others_may_touch_is_named_with_its_cure(keys: Path, mode: int) -> None:
    assert too_open(keys) == []
    (keys / "checkpoint.key").chmod(mode)
    [line] = too_open(keys)
    assert f"{mode:04o}" in line and f"chmod 600 {keys}/checkpoint.key" in line


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "f"
    for content in (b"one", b"another, and longer", b""):
        write_whole(file, content)
        assert file.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
