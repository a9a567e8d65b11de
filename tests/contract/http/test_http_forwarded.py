"""The caller's address is the connection's, unless a trusted gateway names another."""

from typing import Any

import httpx
import pytest

from adapters.dispatch.rate_limit import caller_of
from api.cli.doors import LOOPBACK
from tests.contract.http.test_http_bounds import SHORT, serving

ELSEWHERE = [
    {"X-Forwarded-For": "192.0.2.7"},
    {"X-Forwarded-For": "192.0.2.7, 192.0.2.8", "X-Forwarded-Proto": "https"},
    {"X-Forwarded-Proto": "https"},
    {"Forwarded": "for=192.0.2.7;proto=https;host=evil.example"},
    {"X-Real-IP": "192.0.2.7", "X-Client-IP": "192.0.2.7", "CF-Connecting-IP": "192.0.2.7"},
    {"X-Forwarded-For": "[2001:db8::1]:80", "X-Forwarded-Host": "evil.example"},
]


def scope_of(forwarded: str, headers: dict[str, str]) -> Any:
    with serving(SHORT, forwarded=forwarded) as served:
        return httpx.get(f"http://127.0.0.1:{served.port}/who", headers=headers).json()


@pytest.mark.parametrize("forwarded", ["", "192.0.2.1", "10.0.0.0/8"])
def test_no_gateway_is_trusted_unless_the_settings_name_it(
    forwarded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    with serving(SHORT, forwarded=forwarded) as served:
        for headers in ELSEWHERE:
            found = httpx.get(f"http://127.0.0.1:{served.port}/who", headers=headers).json()
            assert found == [LOOPBACK, "http"], headers


@pytest.mark.parametrize("forwarded", [LOOPBACK, "10.0.0.1,127.0.0.0/8"])
def test_a_gateway_that_the_settings_name_is_believed(forwarded: str) -> None:
    assert scope_of(forwarded, ELSEWHERE[1]) == ["192.0.2.8", "https"]


def test_a_gateway_is_believed_in_the_two_headers_alone() -> None:
    assert scope_of(LOOPBACK, ELSEWHERE[3]) == [LOOPBACK, "http"]


@pytest.mark.parametrize("word", ["loopback", "unix", "localhost", "127.0.0.1.example"])
def test_a_forwarded_word_is_never_this_machine(word: str) -> None:
    assert caller_of(word) != "loopback"
