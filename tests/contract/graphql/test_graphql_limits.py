"""Bad input to GraphQL: query bombs and text that is no GraphQL are refused in a short time."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from graphql import (
    FragmentDefinitionNode,
    OperationDefinitionNode,
    build_schema,
    get_introspection_query,
    parse,
)

from api.graphql.engine import limits
from api.graphql.engine.limits import Meter
from api.graphql.schema import sdl
from tests.contract.http.edge import Edge, book, serving


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    with serving() as edge:
        book(edge, "A1")
        yield edge


def codes(answer: dict[str, Any]) -> list[str]:
    return [e["extensions"]["code"] for e in answer["errors"]]


def aliases(count: int) -> str:
    return "{" + " ".join(f'a{i}: account(id: "A1") {{ id }}' for i in range(count)) + "}"


def deep(levels: int) -> str:
    inner = "id"
    for _ in range(levels):
        inner = f"client {{ accounts(first: 1) {{ nodes {{ {inner} }} }} }}"
    return f'{{ account(id: "A1") {{ {inner} }} }}'


def fragments(count: int) -> str:
    """Each fragment spreads the next one twice: 2^count fields when expanded."""
    chain = [
        f"fragment F{i} on Account {{ ...F{i + 1} x{i}: client {{ accounts {{ nodes {{ ...F{i + 1} "
        f"}} }} }} }}"
        for i in range(count)
    ]
    last = f"fragment F{count} on Account {{ id }}"
    return '{ account(id: "A1") { ...F0 } }' + " ".join([*chain, last])


def cycle() -> str:
    return '{ account(id: "A1") { ...A } } fragment A on Account { ...B } ' + (
        "fragment B on Account { ...A }"
    )


WIDE = "{ accounts(first: 1000) { nodes { client { accounts(first: 1000) { nodes { id } } } } } }"
FOLDS = "{" + " ".join(f'a{i}: account(id:"A1",asOf:$t){{id}}' for i in range(30)) + "}"
BOMBS = {
    "aliases": aliases(60),
    "more aliases": aliases(3_000),
    "depth": deep(5),
    "more depth": deep(400),
    "nesting": "{a" * 20_000 + "}" * 20_000,
    "brackets": "{a(b:" + "[" * 20_000,
    "fragments": fragments(40),
    "more fragments": fragments(60),
    "repeats": "{ " + "log { position } " * 390 + "}",
    "repeats by fragments": "{ "
    + " ".join(f"...F{i}" for i in range(40))
    + " }"
    + " ".join(f"fragment F{i} on Query {{ {'log { position } ' * 7} }}" for i in range(40)),
    "tokens": "{ " + "log { position } " * 1_000 + "}",
    "length": "{ log { position } }" + " " * 60_000,
    "cost": WIDE,
    "cost of variables": WIDE.replace("first: 1000", "first: $n").replace(
        "{", "query($n: Int!) {", 1
    ),
    "cost of defaults": WIDE.replace("first: 1000", "first: $n").replace(
        "{", "query($n: Int! = 1000) {", 1
    ),
    "folds": "query($t: DateTime) " + FOLDS,
}


@pytest.mark.parametrize("query", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_at_once(edge: Edge, query: str) -> None:
    variables = {"n": 1000, "t": "2024-01-01T00:00:00Z"}
    used = {k: v for k, v in variables.items() if f"${k}:" in query and " = " not in query}
    started = time.monotonic()
    answer = edge.ask(query, **used)
    assert time.monotonic() - started < 1.5
    assert not answer.get("data")
    assert set(codes(answer)) <= {"TOO_COMPLEX", "GRAPHQL_VALIDATION_FAILED"}
    expected = "GRAPHQL_VALIDATION_FAILED" if query == BOMBS["tokens"] else "TOO_COMPLEX"
    assert codes(answer)[0] == expected


def test_a_cycle_of_fragments_is_refused(edge: Edge) -> None:
    assert "GRAPHQL_VALIDATION_FAILED" in codes(edge.ask(cycle()))


def test_introspection_stays_on_and_is_no_bomb(edge: Edge) -> None:
    answer = edge.ask(get_introspection_query())
    names = {t["name"] for t in answer["data"]["__schema"]["types"]}
    assert {"Account", "Order", "Position", "OrdStatus"} <= names
    spread = "name"
    for _ in range(8):
        spread = f"fields {{ type {{ {spread} }} }}"
    bomb = edge.ask(f"{{ __schema {{ types {{ {spread} }} }} }}")
    assert not bomb.get("data")
    assert codes(bomb) == ["GRAPHQL_VALIDATION_FAILED"]


def test_what_is_within_the_limits_is_answered(edge: Edge) -> None:
    assert len(edge.data(aliases(50))) == 50
    assert edge.data("{ accounts(first: 1000) { nodes { id status cash { traded } } } }")


@pytest.mark.parametrize(
    ("query", "cost"),
    [
        ("{ log { position } }", 2),
        ("{ accounts(first: 10) { nodes { id } } }", 1 + 10 * 2),
        ("{ accounts { nodes { id } } }", 1 + 50 * 2),
        ('{ account(id: "x") { positions { qty isin } } }', 1 + 1 + 10 * 2),
        ("query($n: Int) { accounts(first: $n) { nodes { id } } }", 1 + 7 * 2),
        ("query($m: Int = 3) { accounts(first: $m) { nodes { id } } }", 1 + 3 * 2),
        ('{ account(id: "x", asOf: "2024-01-01T00:00:00Z") { id } }', limits.FOLD + 2),
        ('{ account(id: "x", asOf: null) { id } }', 2),
        ("{ accounts(first: 2) { ...P } } fragment P on AccountConnection { nodes { id } }", 5),
        ("{ accounts(first: 99999999999) { nodes { id } } }", 1 + 1000 * 2),
    ],
)
def test_the_cost_of_a_query_is_what_it_may_return(query: str, cost: int) -> None:
    document = parse(query)
    (operation,) = (d for d in document.definitions if isinstance(d, OperationDefinitionNode))
    known = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    variables = limits.defaults(operation) | {"n": 7}
    meter = Meter(build_schema(sdl()), known, variables)
    assert meter.operation(operation).cost == cost


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"null", 400),
        (b"[]", 400),
        (b"1", 400),
        (b"{}", 400),
        (b'{"query": 5}', 400),
        (b'{"query": null}', 400),
        (b'{"query": ""}', 400),
        (b'{"query": "{log{position}}", "variables": []}', 400),
        (b'{"query": "{log{position}}", "variables": {"a": NaN}}', 400),
        (b'{"query": "\xff"}', 400),
        (b'{"query": "{log{position}}", "variables": ' + b'{"a":' * 5_000, 400),
        (b'{"query": "' + b"x" * (11 << 20) + b'"}', 413),
    ],
    ids=range(14),
)
def test_what_is_no_operation_is_declined(edge: Edge, raw: bytes, status: int) -> None:
    answer = post(edge, raw)
    assert answer.status_code == status, answer.text[:200]
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("kind", ["text/plain", "application/graphql", "multipart/form-data", ""])
def test_another_content_type_is_415(edge: Edge, kind: str) -> None:
    assert post(edge, b"{}", kind=kind).status_code == 415


@pytest.mark.parametrize(
    "query",
    [
        "not graphql",
        "{ nothing }",
        "{ account { id } }",
        '{ account(id: "A1") }',
        '{ accounts(first: "ten") { nodes { id } } }',
        "{ accounts(first: 9999999999) { nodes { id } } }",
        '{ account(id: "A1", asOf: "yesterday") { id } }',
        "query($x: Nothing) { log { position } }",
        "{ orders(status: nonsense) { nodes { id } } }",
        "mutation { account }",
    ],
)
def test_what_does_not_fit_the_schema_is_an_error_with_a_code(edge: Edge, query: str) -> None:
    answer = post(edge, json.dumps({"query": query}).encode())
    if answer.status_code != 400:  # 400: the schema has no mutations
        assert set(codes(answer.json())) == {"GRAPHQL_VALIDATION_FAILED"}
        assert not answer.json().get("data")


def test_queries_may_be_asked_by_get_and_browsers_get_graphiql(edge: Edge) -> None:
    answer = edge.http.get("/graphql", params={"query": "{ log { position } }"})
    assert int(answer.json()["data"]["log"]["position"]) > 0
    page = edge.http.get("/graphql", headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert "graphiql" in page.text.lower()


def post(edge: Edge, raw: bytes, *, kind: str = "application/json") -> httpx.Response:
    headers = {"Content-Type": kind} if kind else {}
    return edge.http.post("/graphql", content=raw, headers=headers)
