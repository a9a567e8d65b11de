"""The other endpoints over a real socket: health, metrics, OpenAPI, the warehouse."""

import base64
import hashlib
import re
import socket
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from api.http.commands import PUBLIC
from tests.contract.http.edge import Edge, book, serving

PROTOCOL = Subprotocol("graphql-transport-ws")
SQL = {"content-type": "application/sql"}


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    with serving() as edge:
        book(edge, "A1")
        yield edge


def test_the_process_is_up_and_ready(edge: Edge) -> None:
    assert edge.http.get("/healthz").json() == {"status": "up"}
    answer = edge.http.get("/readyz")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["log"]["position"] > 0
    assert {"accounts", "cash", "orders", "positions"} <= body["views"].keys()


def test_metrics_count_commands_by_name_and_outcome(edge: Edge) -> None:
    sample = 'tidemark_commands_total{name="DepositCash",outcome="appended"}'
    before = figures(edge).get(sample, 0)
    paid = {"account_id": "A1", "amount": "1.00", "currency": "USD", "reference": "metrics"}
    edge.did("DepositCash", paid)
    edge.post("DepositCash", paid | {"amount": "0"})
    after = figures(edge)
    assert after[sample] == before + 1
    assert after['tidemark_commands_total{name="DepositCash",outcome="refused"}'] == 1
    assert after["tidemark_log_position"] == edge.run(edge.platform.log.last())
    assert after['tidemark_view_lag_events{view="cash"}'] >= 0
    assert after["tidemark_append_commands_total"] >= after["tidemark_append_batches_total"] > 0


def test_an_invalid_body_is_counted_and_no_caller_makes_a_label(edge: Edge) -> None:
    edge.post("DepositCash", {})
    edge.post("Surprise", {})
    text = edge.http.get("/metrics").text
    assert 'outcome="invalid_input"' in text
    assert "Surprise" not in text


def test_openapi_knows_every_public_command_and_no_internal_one(edge: Edge) -> None:
    document = edge.http.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    found = {p.removeprefix("/commands/") for p in document["paths"] if p.startswith("/commands/")}
    assert found == set(PUBLIC)
    assert "BookTrade" not in found


def test_openapi_says_what_a_command_takes_and_how_it_may_be_refused(edge: Edge) -> None:
    document = edge.http.get("/openapi.json").json()
    deposit = document["paths"]["/commands/DepositCash"]["post"]
    refused = deposit["responses"]["422"]["content"]["application/problem+json"]["schema"]
    names = refused["allOf"][1]["properties"]["type"]["enum"]
    assert {"amount_not_positive", "account_unknown", "effective_at_in_future"} <= set(names)
    assert "limit_px_missing" not in names
    assert deposit["responses"].keys() >= {"200", "201", "400", "409", "413", "415", "422", "503"}
    schema = document["components"]["schemas"]["DepositCash"]
    assert schema["properties"]["amount"]["pattern"]
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) == {"account_id", "amount", "currency", "reference"}


def test_openapi_shows_a_stated_time_only_where_it_is_taken(edge: Edge) -> None:
    document = edge.http.get("/openapi.json").json()
    timed = {
        name
        for name in PUBLIC
        if "effective_at" in document["components"]["schemas"][name]["properties"]
    }
    assert timed == {"DepositCash", "ReturnDeposit", "RecordScreening", "MarkPrice", "FixRates"}


def test_every_reference_of_the_document_leads_somewhere(edge: Edge) -> None:
    document = edge.http.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    found = set(references(document))
    assert found
    assert {r.removeprefix("#/components/schemas/") for r in found} <= set(schemas)


def test_the_warehouse_answers_sql(edge: Edge) -> None:
    sql = "select toDecimal64(3.5, 2) as d, toDate('2024-01-02') as day, 9007199254740993 as n"
    answer = edge.http.post("/warehouse", content=sql, headers=SQL)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "columns": ["d", "day", "n"],
        "rows": [["3.50", "2024-01-02", "9007199254740993"]],
    }


@pytest.mark.parametrize(
    "sql",
    ["drop table x", "select * from file('/etc/passwd')", "not sql", "insert into x select 1"],
)
def test_the_warehouse_declines_what_is_not_a_read(edge: Edge, sql: str) -> None:
    answer = edge.http.post("/warehouse", content=sql, headers=SQL)
    assert answer.status_code == 400, answer.text
    assert answer.json()["type"] == "statement_declined"


def test_the_warehouse_bounds_rows_and_statements(edge: Edge) -> None:
    many = edge.http.post("/warehouse", content="select number from numbers(20000)", headers=SQL)
    assert many.status_code == 400
    for content, status in ((b"x" * (65 << 10), 413), (b"\xff", 400), (b" ", 400)):
        assert edge.http.post("/warehouse", content=content, headers=SQL).status_code == status


def test_the_warehouse_takes_json_with_the_one_field_query(edge: Edge) -> None:
    answer = edge.http.post("/warehouse", json={"query": "select 1 as one"})
    assert answer.json() == {"columns": ["one"], "rows": [[1]]}
    for wrong in ({}, {"query": 1}, {"query": "select 1", "x": 1}, [], {"query": ""}):
        assert edge.http.post("/warehouse", json=wrong).status_code == 400
    long = {"query": "select '" + "\u0001" * (65 << 10) + "'"}
    assert edge.http.post("/warehouse", json=long).status_code == 413


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "",
     "text/plain; application/sql", "application/json; charset=utf-16", "application/sqlx"],
)  # fmt: skip
def test_the_warehouse_takes_no_type_that_a_web_page_may_send_unasked(
    edge: Edge, kind: str
) -> None:
    answer = edge.http.post("/warehouse", content="select 1", headers={"content-type": kind})
    assert (answer.status_code, answer.json()["type"]) == (415, "unsupported_media_type")


def figures(edge: Edge) -> dict[str, float]:
    """Sample with its labels -> value, as a Prometheus scraper parses them."""
    out: dict[str, float] = {}
    for family in text_string_to_metric_families(edge.http.get("/metrics").text):
        for sample in family.samples:
            labels = ",".join(f'{k}="{v}"' for k, v in sorted(sample.labels.items()))
            out[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return out


def references(node: object) -> Iterator[str]:
    match node:
        case dict():
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            for value in node.values():
                yield from references(value)
        case list():
            for value in node:
                yield from references(value)


def test_graphiql_needs_no_other_host(edge: Edge) -> None:
    page = edge.http.get("/graphql", headers={"accept": "text/html"})
    assert page.status_code == 200
    scripts = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(scripts) == 6
    for path in scripts:
        assert path == "data:," or edge.http.get(path).status_code == 200


def test_graphiql_may_run_its_own_scripts_and_nothing_else(edge: Edge) -> None:
    page = edge.http.get("/graphql", headers={"accept": "text/html"})
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy and "*" not in policy
    assert "frame-ancestors 'none'" in policy
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        (inline,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert re.search(rf"{rule} 'self' 'sha256-{re.escape(digest)}'", policy)
    assert not re.search(r"\son\w+=|javascript:|\sstyle=", page.text)


DOORS = [
    ("POST", "/commands/DepositCash"), ("POST", "/commands"), ("POST", "/graphql"),
    ("POST", "/warehouse"), ("GET", "/graphql?query=%7Blog%7Bposition%7D%7D"), ("GET", "/readyz"),
    ("GET", "/metrics"), ("GET", "/openapi.json"), ("GET", "/graphiql/graphiql.min.js"),
    ("GET", "/nowhere"), ("DELETE", "/commands/DepositCash"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), DOORS)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example:8080", "Origin": "http://evil.example:8080"}, 421),
    ],
)
def test_a_page_of_another_site_gets_nothing_at_any_door(
    edge: Edge, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    before = edge.run(edge.platform.log.last())
    for kind in ("text/plain", "application/json", "application/x-www-form-urlencoded"):
        sent = headers | {"Content-Type": kind, "Idempotency-Key": edge.key()}
        answer = edge.http.request(method, path, headers=sent, content=b"SELECT 1")
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert edge.run(edge.platform.log.last()) == before


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        (None, "https://evil.example", 403),
        (None, "null", 403),
        (None, "http://localhost:1", 403),
        ("evil.example:8080", "http://evil.example:8080", 421),
    ],
)
def test_a_page_of_another_site_opens_no_socket(
    edge: Edge, host: str | None, origin: str, status: int
) -> None:
    address = edge.url.replace(
        "http://127.0.0.1", f"ws://{host.split(':')[0] if host else '127.0.0.1'}"
    )
    port = int(edge.url.rpartition(":")[2])
    with (
        socket.create_connection(("127.0.0.1", port)) as wire,
        pytest.raises(InvalidStatus) as refused,
        connect(f"{address}/graphql", sock=wire, origin=Origin(origin), subprotocols=[PROTOCOL]),
    ):
        pass
    assert refused.value.response.status_code == status
    assert b"_not_allowed" in refused.value.response.body


def test_our_own_page_opens_a_socket(edge: Edge) -> None:
    address = edge.url.replace("http", "ws") + "/graphql"
    with connect(address, origin=Origin(edge.url), subprotocols=[PROTOCOL]) as opened:
        assert opened.subprotocol == PROTOCOL
