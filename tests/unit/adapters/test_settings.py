"""A wrong setting is an error of one line that names the variable and the rule."""

import pytest

from adapters.settings import Settings
from adapters.settings_error import SettingsError


@pytest.mark.parametrize("name", ["", " ", "\t", "/", "//", "a\0b"])
@pytest.mark.parametrize("from_environment", [True, False])
def test_a_data_directory_without_a_name_is_refused_and_never_the_current_folder(
    name: str, from_environment: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {}
    if from_environment and "\0" not in name:
        monkeypatch.setenv("TIDEMARK_DATA_DIR", name)
    else:
        given = {"data_dir": name}
    with pytest.raises(SettingsError) as failed:
        Settings.read(**given)
    assert str(failed.value).startswith("TIDEMARK_DATA_DIR: it must ")
    assert "\n" not in str(failed.value)


def test_the_current_folder_is_taken_where_it_is_named() -> None:
    assert str(Settings.read(data_dir=".").data_dir) == "."


@pytest.mark.parametrize("variable", ["WAREHOUSE", "READ_WAREHOUSE", "CACHE"])
@pytest.mark.parametrize("port", ["99999", "-1", "http", "8123x"])
def test_a_port_that_cannot_be_one_is_refused_by_the_variables_name(
    variable: str, port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheme = "redis" if variable == "CACHE" else "clickhouse"
    monkeypatch.setenv(f"TIDEMARK_{variable}", f"{scheme}://h:{port}/x")
    with pytest.raises(SettingsError) as failed:
        Settings.read()
    assert str(failed.value).startswith(f"TIDEMARK_{variable}: ")
    assert "ort" in str(failed.value)
    assert "\n" not in str(failed.value)
