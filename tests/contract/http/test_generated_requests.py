"""Requests generated from what we publish (schemathesis): the OpenAPI document, the GraphQL schema.

No answer is a bug or comes late, none has a status, type or shape that the document does not name,
and what breaks the document is refused. Bounded in time; the seed is fixed, so that a red run is
the change's.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case

from api.graphql.engine import faults
from tests.contract.http.edge import Edge, book, listing, serving, settled

pytestmark = pytest.mark.slow

SECONDS = 40
LATE_S = 10
TOOL = Path(sys.executable).parent / "schemathesis"
CHECKED = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_headers_conformance", "response_schema_conformance", "negative_data_rejection",
    "missing_required_header", "unsupported_method", "allow_header_conformance",
)  # fmt: skip
"""All that can hold here: a valid body may be refused for the state of the books (422)."""
CODES = {value for name, value in vars(faults).items() if name.isupper() and isinstance(value, str)}


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    with serving() as edge:
        book(edge, "A1")
        listing(edge, "AAPL", "US0378331005")
        settled(edge)
        yield edge


def test_the_openapi_document_is_kept_whatever_is_asked(edge: Edge, tmp_path: Path) -> None:
    words = [
        TOOL, "run", f"{edge.url}/openapi.json", "--checks", ",".join(CHECKED), "--seed", "1",
        "--max-time", SECONDS, "--request-timeout", LATE_S, "--max-examples", "8",
        "--phases", "examples,coverage,fuzzing", "--suppress-health-check", "all",
        "--generation-database", "none", "--continue-on-failure", "--no-color",
    ]  # fmt: skip
    ran = subprocess.run(
        [str(w) for w in words], check=False, cwd=tmp_path, capture_output=True, text=True,
        timeout=SECONDS + 120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-6_000:] + ran.stderr[-2_000:]
    assert edge.http.get("/healthz").status_code == 200
    assert edge.http.get("/readyz").status_code == 200


def test_every_graphql_operation_is_answered_with_data_or_a_known_error(edge: Edge) -> None:
    schema = schemathesis.graphql.from_url(f"{edge.url}/graphql")
    operations = [found.ok() for found in schema.get_all_operations()]
    names = {operation.label for operation in operations}
    assert {"Query.account", "Query.orders", "Query.log"} <= names
    until = time.monotonic() + SECONDS
    asked = 0
    for operation in operations:
        if time.monotonic() < until:
            given(operation.as_strategy())(EACH(_asker(edge)))()
            asked += 1
    assert asked > len(operations) / 2, "time was enough for most of them"


EACH = settings(
    max_examples=15, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


def _asker(edge: Edge) -> Callable[[Case], None]:
    def ask(case: Case) -> None:
        began = time.monotonic()
        answer = edge.http.post("/graphql", json={"query": case.body})
        assert time.monotonic() - began < LATE_S
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        said = answer.json()
        assert "data" in said or said["errors"]
        codes = {error["extensions"]["code"] for error in said.get("errors") or ()}
        assert codes <= CODES - {faults.INTERNAL, faults.INVALID}, (case.body, said)

    return ask
