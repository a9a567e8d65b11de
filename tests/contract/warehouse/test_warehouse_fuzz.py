"""Thousands of hostile statements against the real engine, with no fence around it.

The engine runs in the test's own process: a statement that passes the vetting could read the
canary file, write beside it or connect, and no other guard would stop it.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.clickhouse.engine import RESULT_BYTES_MAX, Engine, StatementFailed
from adapters.clickhouse.guard import Refused, vet
from adapters.warehouse.tables import create_statements
from tests.contract.warehouse.warehouse_grammar import Grammar

SECRET = "canary-5d1f3a"
STATEMENTS, RUN_MAX = 6_000, 600
SEED = 20261130
ROWS, SECONDS = 1_000, 1
LATE_S = 15.0  # for one statement on a busy machine; the owner's limit is 3.5
BUDGET_S = 40.0


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    made = Engine(tmp_path_factory.mktemp("fuzzed") / "db")
    for statement in create_statements():
        made.run(statement, "TSV", {}, {})
    yield made
    made.close()


class Neighbour:
    """Another caller that sends plain queries meanwhile."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._stop, self.slowest_s = engine, threading.Event(), 0.0
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "Neighbour":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._stop.wait(0.05):
            began = time.monotonic()
            self._engine.run("SELECT count() FROM events", "TSV", {}, {})
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)


@pytest.mark.slow
def test_no_statement_that_passes_reaches_a_file_the_network_or_beyond_a_bound(
    engine: Engine, tmp_path: Path
) -> None:
    canary, made = tmp_path / "canary.csv", tmp_path / "made"
    canary.write_text(f"{SECRET}\n")
    os.utime(canary, (1, 1))
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.1)
    grammar = Grammar(SEED, canary, made, listening.getsockname()[1])
    began, ran, answered = time.monotonic(), 0, 0
    with Neighbour(engine) as neighbour:
        for sql in grammar.statements(STATEMENTS):
            try:
                vet(sql, engine._functions)
            except Refused:
                continue
            if ran >= RUN_MAX or time.monotonic() - began > BUDGET_S:
                break
            ran += 1
            answered += _harmless(engine, sql)
    assert ran > 100 and answered > 20, (ran, answered)  # enough statements are valid
    assert canary.read_text() == f"{SECRET}\n" and canary.stat().st_mtime == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["canary.csv"]
    with pytest.raises(TimeoutError):
        listening.accept()
    listening.close()
    assert neighbour.slowest_s < 5


def _harmless(engine: Engine, sql: str) -> bool:
    """Run a statement and check that it does no harm; whether it had an answer."""
    asked = {"max_result_rows": str(ROWS), "max_execution_time": str(SECONDS)}
    began = time.monotonic()
    try:
        out = engine.analyse(sql, "TSV", asked).decode("utf-8", "replace")
    except StatementFailed as error:
        out = str(error)
        answered = False
    else:
        answered = True
        assert len(out) <= RESULT_BYTES_MAX, sql
        assert out.count("\n") <= ROWS or sql.lstrip().upper().startswith("EXPLAIN"), sql
    assert time.monotonic() - began < LATE_S, sql
    assert SECRET not in out, sql
    return answered
