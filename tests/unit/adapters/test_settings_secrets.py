"""Secrets as files: a URL with its password may be in a file instead of the environment."""

from pathlib import Path

import pytest

from adapters.settings import Settings
from adapters.settings_error import SettingsError


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TIDEMARK_LOG", "TIDEMARK_CACHE", "TIDEMARK_SECRETS_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_a_file_sets_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tidemark_log").write_text("postgresql://writer:pw@db/tidemark\n")
    monkeypatch.setenv("TIDEMARK_SECRETS_DIR", str(tmp_path))
    assert Settings.read().log == "postgresql://writer:pw@db/tidemark"


def test_the_environment_wins_over_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tidemark_cache").write_text("redis://file")
    monkeypatch.setenv("TIDEMARK_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("TIDEMARK_CACHE", "redis://environment")
    assert Settings.read().cache == "redis://environment"


def test_a_wrong_value_in_a_file_is_named_by_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tidemark_cache").write_text("memcached://secret@x")
    monkeypatch.setenv("TIDEMARK_SECRETS_DIR", str(tmp_path))
    with pytest.raises(SettingsError, match=r"^TIDEMARK_CACHE: ") as refused:
        Settings.read()
    assert "secret" not in str(refused.value)


def test_a_directory_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEMARK_SECRETS_DIR", "/no/such/place")
    with pytest.raises(SettingsError, match="TIDEMARK_SECRETS_DIR: there is no directory"):
        Settings.read()
