"""Bad input over a real socket: each wrong request has one clear answer, and the server lives."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.contract.http.edge import Edge, book, serving
from tests.contract.http.test_http_commands import deposit, problem


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    with serving() as edge:
        book(edge, "A1")
        yield edge


@pytest.mark.parametrize("actor", ["", "a b", "x" * 65, "a\tb"])
def test_an_odd_actor_is_400(edge: Edge, actor: str) -> None:
    answer = edge.post("DepositCash", deposit(reference="odd"), X_Actor=actor)
    problem(answer, 400, "actor_invalid")


@pytest.mark.parametrize(
    "actor", ["system", "SYSTEM", "simulator", "checkpoints", "timer", "saga.kyc", "cli.root"]
)
def test_no_caller_is_a_part_of_the_platform(edge: Edge, actor: str) -> None:
    answer = edge.post("DepositCash", deposit(reference="claimed"), X_Actor=actor)
    problem(answer, 400, "actor_reserved")


def test_a_dry_run_is_stated_by_true_or_false(edge: Edge) -> None:
    answer = edge.http.post("/commands/DepositCash?dry_run=perhaps", json=deposit())
    problem(answer, 400, "invalid_input")


@pytest.mark.parametrize("name", ["Nothing", "BookTrade", "RecordFill", "depositcash"])
def test_unknown_and_internal_commands_are_404(edge: Edge, name: str) -> None:
    problem(edge.post(name, {}), 404, "unknown_command")


def test_a_missing_key_is_400(edge: Edge) -> None:
    answer = edge.http.post("/commands/DepositCash", json=deposit())
    problem(answer, 400, "idempotency_key_missing")


@pytest.mark.parametrize("key", ["", "k" * 129, "a b", "order-O1@2#0", '""'])
def test_a_key_beyond_its_bounds_is_400(edge: Edge, key: str) -> None:
    headers = {"Idempotency-Key": key}
    answer = edge.http.post("/commands/DepositCash", json=deposit(), headers=headers)
    problem(answer, 400, "idempotency_key_invalid")


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"amount": 1}, "amount", "decimal"),
        ({"amount": "1e30"}, "amount", "decimal"),
        ({"amount": "NaN"}, "amount", "decimal"),
        ({"extra": 1}, "extra", "unknown_field"),
        ({"account_id": "a/b"}, "account_id", "identifier"),
    ],
)
def test_bad_input_names_field_and_rule(
    edge: Edge, change: dict[str, Any], field: str, rule: str
) -> None:
    found = problem(edge.post("DepositCash", deposit() | change), 400, "invalid_input")
    assert [(e["field"], e["rule"]) for e in found["errors"]] == [(field, rule)]


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ([], "", "must be a JSON object"),
        ({"account_id": "A1", "power": "all"}, "power", "must be a JSON object"),
        ({"account_id": "A1", "power": {}}, "power.person_id", "is required"),
        ({"account_id": "A1", "power": {"person_id": "P", "x": 1}}, "power.x",
         "is no field of this object"),
    ],
)  # fmt: skip
def test_the_message_speaks_of_json_and_not_of_python(
    edge: Edge, body: Any, field: str, message: str
) -> None:
    found = problem(edge.post("AuthorisePerson", body), 400, "invalid_input")
    assert [(e["field"], e["message"]) for e in found["errors"]] == [(field, message)]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"{'a': 1}",
        b'{"amount": NaN}',
        b'{"amount": Infinity}',
        b'{"account_id": "\xff\xfe"}',
        b'{"account_id": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 1_000 + b"]" * 1_000,
        b"\xef\xbb\xbf{}",
        b'{"amount": ' + b"9" * 10_000 + b"}",
    ],
    ids=range(12),
)
def test_what_is_not_json_is_400(edge: Edge, raw: bytes) -> None:
    answer = sent(edge, raw)
    problem(answer, 400, "invalid_json")


def test_json_of_another_kind_is_400(edge: Edge) -> None:
    for raw in (b"null", b"[]", b'"x"', b"1"):
        problem(sent(edge, raw), 400, "invalid_input")


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/jsonx",
        "application/json; charset=latin-1",
    ],
)
def test_another_content_type_is_415(edge: Edge, kind: str) -> None:
    answer = sent(edge, b"{}", kind=kind)
    problem(answer, 415, "unsupported_media_type")


def test_json_may_say_that_it_is_utf_8(edge: Edge) -> None:
    raw = json.dumps(deposit(reference="utf8")).encode()
    assert sent(edge, raw, kind='application/json; charset="UTF-8"').status_code == 201


@pytest.mark.parametrize("path", ["/commands/DepositCash", "/commands"])
def test_an_11_mb_body_is_413(edge: Edge, path: str) -> None:
    raw = b'{"a":"' + b"x" * (11 << 20) + b'"}'
    problem(sent(edge, raw, path=path), 413, "body_too_large")


def test_a_body_over_1_mib_is_413_even_without_a_length(edge: Edge) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"a":"'
        for _ in range(40):
            yield b"x" * (1 << 15)

    problem(sent(edge, chunks()), 413, "body_too_large")


def test_other_paths_and_methods_are_problems_too(edge: Edge) -> None:
    problem(edge.http.get("/nowhere"), 404, "not_found")
    answer = edge.http.get("/commands/DepositCash")
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "raw",
    [
        b'{"account_id": "A1", "amount": "1.00", "currency": "USD", "amount": "9"}',
        b'{"account_id": "A1", "amount": "1.00", "currency": "USD", "\\u0061mount": "9"}',
    ],
)
def test_a_field_that_is_there_twice_is_no_json(edge: Edge, raw: bytes) -> None:
    answer = sent(edge, raw)
    problem(answer, 400, "invalid_json")
    assert "amount" in answer.json()["detail"]


def test_a_bulk_and_a_query_have_no_field_twice_either(edge: Edge) -> None:
    bulk = b'[{"name": "DepositCash", "key": "k", "body": {"a": {"b": 1, "b": 2}}}]'
    problem(sent(edge, bulk, path="/commands"), 400, "invalid_json")
    query = b'{"query": "{ log { position } }", "query": "{ log { position } }"}'
    assert sent(edge, query, path="/graphql").status_code == 400
    over = '{"a": 1, "a": 2}'
    url = httpx.URL("/graphql", params={"query": "{ log { position } }", "variables": over})
    assert edge.http.get(url).status_code == 400


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip", "x"])
@pytest.mark.parametrize("path", ["/commands/DepositCash", "/commands", "/graphql"])
def test_an_encoded_body_is_415(edge: Edge, path: str, encoding: str) -> None:
    headers = {"Idempotency-Key": edge.key(), "Content-Encoding": encoding}
    answer = edge.http.post(path, json=deposit(), headers=headers)
    problem(answer, 415, "content_encoding_unsupported")


@pytest.mark.parametrize("name", ["Idempotency-Key", "Content-Type", "X-Actor"])
def test_a_header_that_decides_something_comes_once(edge: Edge, name: str) -> None:
    headers = [("Idempotency-Key", edge.key()), ("Content-Type", "application/json")]
    headers += [(name, "application/json")] * (1 if name != "X-Actor" else 2)
    raw = json.dumps(deposit(reference="twice")).encode()
    answer = edge.http.post("/commands/DepositCash", content=raw, headers=headers)
    problem(answer, 400, "header_repeated")


@pytest.mark.parametrize(
    "query", ["dryrun=true", "DRY_RUN=true", "dry_run=true&dry_run=false", "dry_run", "dry_run="]
)
@pytest.mark.parametrize("path", ["/commands/DepositCash", "/commands"])
def test_a_slip_in_dry_run_does_nothing_for_real(edge: Edge, path: str, query: str) -> None:
    before = edge.run(edge.platform.log.last())
    one = {"name": "DepositCash", "key": edge.key(), "body": deposit(reference="slip")}
    answer = edge.http.post(
        f"{path}?{query}",
        json=[one] if path == "/commands" else one["body"],
        headers={"Idempotency-Key": edge.key()},
    )
    assert answer.status_code == 400, answer.text
    assert "dry" in answer.json()["detail"].lower() or "name=value" in answer.json()["detail"]
    assert edge.run(edge.platform.log.last()) == before


def test_the_server_lives_after_all_that(edge: Edge) -> None:
    assert edge.http.get("/healthz").status_code == 200
    assert edge.post("DepositCash", deposit(reference="alive")).status_code == 201


def sent(
    edge: Edge,
    raw: bytes | Iterator[bytes],
    *,
    kind: str = "application/json",
    path: str = "/commands/DepositCash",
) -> httpx.Response:
    headers = {"Idempotency-Key": edge.key()} | ({"Content-Type": kind} if kind else {})
    return edge.http.post(path, content=raw, headers=headers)
