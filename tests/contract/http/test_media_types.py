"""Every endpoint reads media types in any case, and refuses every other media type."""

from collections.abc import Iterator

import httpx
import pytest

from tests.contract.http.edge import Edge, serving

BODIES = {
    "/graphql": ("json", b'{"query": "{ log { position } }"}'),
    "/commands": ("json", b"[]"),
    "/commands/DepositCash?dry_run=true": ("json", b"{}"),
    "/warehouse": ("sql", b"select 1"),
    "/warehouse#json": ("json", b'{"query": "select 1"}'),
}
"""Endpoint -> its media type, and a body of that type."""


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    with serving() as edge:
        yield edge


def asked(edge: Edge, door: str, kind: str) -> httpx.Response:
    name, body = BODIES[door]
    spelled = kind.replace("json", name).replace("JSON", name.upper())
    headers = {"Content-Type": spelled, "Idempotency-Key": edge.key()}
    return edge.http.post(door.partition("#")[0], content=body, headers=headers)


@pytest.mark.parametrize("door", BODIES)
@pytest.mark.parametrize(
    "kind",
    [
        "application/json", "APPLICATION/JSON", "Application/json; Charset=UTF-8",
        'application/JSON;charset="Utf-8"',
        "application/json ;\tcharset=utf-8", "application/json;",
    ],
)  # fmt: skip
def test_a_type_is_known_however_it_is_spelled(edge: Edge, door: str, kind: str) -> None:
    answer = asked(edge, door, kind)
    expected = (
        400 if "DepositCash" in door else 200
    )  # the body was read, but its fields are missing
    assert answer.status_code == expected, answer.text


@pytest.mark.parametrize("door", BODIES)
@pytest.mark.parametrize(
    "kind",
    [
        "text/plain", "TEXT/PLAIN; charset=utf-8", "application/jsonx", "xapplication/json",
        "application/json; charset=utf-16", "application/json; charset=iso-8859-1",
        "application/json; charset=utf-8; charset=utf-16", "application/json; version=2",
        "text/plain; application/json", "application/json, text/plain", "application/json+x",
        "application/x-www-form-urlencoded", "json", "*/*",
    ],
)  # fmt: skip
def test_another_type_is_415(edge: Edge, door: str, kind: str) -> None:
    answer = asked(edge, door, kind)
    assert (answer.status_code, answer.json()["type"]) == (415, "unsupported_media_type")
