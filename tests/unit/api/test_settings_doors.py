"""Settings of the HTTP server: lists of names; a wrong name is an error of one line."""

import pytest

from adapters.settings import Settings
from adapters.settings_error import SettingsError
from api.http.browsers import Site


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "ALLOWED_HOSTS", "ALLOWED_ORIGINS", "CONNECTIONS", "BODIES_MB"):
        monkeypatch.delenv(f"TIDEMARK_{name}", raising=False)
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)


def test_names_stand_between_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEMARK_ALLOWED_HOSTS", " Desk.example , 10.0.0.7,[fd00::1], fd00::2 ,")
    monkeypatch.setenv("TIDEMARK_ALLOWED_ORIGINS", "https://desk.example,https://d.example:8443")
    found = Settings.read()
    site = Site.of([*found.hosts, found.host], found.origins)
    for name in ("desk.example", "10.0.0.7", "[fd00::1]", "[fd00::2]", "127.0.0.1", "localhost"):
        assert site.has(name)
    assert not site.has("other.example")
    assert site.origins == {"https://desk.example", "https://d.example:8443"}


def test_without_settings_only_this_machine_is_served() -> None:
    found = Settings.read()
    assert (found.hosts, found.origins) == ([], [])
    assert found.forwarded == "", "no gateway is believed"


@pytest.mark.parametrize(
    ("value", "read"),
    [(" 10.0.0.7 , 10.1.0.0/16,::1,", "10.0.0.7,10.1.0.0/16,::1"), ("*", "*"), ("", "")],
)
def test_gateways_are_named_in_the_variable_of_the_server_itself(
    value: str, read: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", value)
    assert Settings.read().forwarded == read


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TIDEMARK_ALLOWED_HOSTS", "desk.example:8080"),
        ("TIDEMARK_ALLOWED_HOSTS", "https://desk.example"),
        ("TIDEMARK_ALLOWED_HOSTS", "good.example, *"),
        ("TIDEMARK_ALLOWED_HOSTS", "a b"),
        ("TIDEMARK_ALLOWED_HOSTS", "abc:8080"),
        ("TIDEMARK_ALLOWED_ORIGINS", "desk.example"),
        ("TIDEMARK_ALLOWED_ORIGINS", "null"),
        ("TIDEMARK_ALLOWED_ORIGINS", "*"),
        ("TIDEMARK_ALLOWED_ORIGINS", "https://desk.example/"),
        ("FORWARDED_ALLOW_IPS", "gateway"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.7,10.0.0.1/8"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.0/33"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.7:8080"),
        ("TIDEMARK_CONNECTIONS", "0"),
        ("TIDEMARK_BODIES_MB", "-1"),
    ],
)
def test_a_wrong_value_is_named_by_its_variable(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=f"^{variable}: ") as refused:
        Settings.read()
    assert "\n" not in str(refused.value)
