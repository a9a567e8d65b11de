"""One embedded Postgres per test session, a fresh database per test."""

import itertools
import os
import resource
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from adapters.postgres.embedded import EmbeddedPostgres
from tests.contract.bus.kafka_broker import Broker, broker
from tests.system.processes import SIMULATE, Simulated, folder, tidemark

_numbers = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Restore SIGINT: a shell makes background jobs and their children ignore it, and then no test
    could try Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URI of a server that lives as long as the test session."""
    folder = Path(tempfile.mkdtemp(prefix="tidemark-test-"))  # short enough for a socket path
    # A killed server loses nothing without fsync; only a machine that loses power does.
    server = EmbeddedPostgres(folder, settings={"fsync": "off"})
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """The URI of an empty database of its own."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    yield urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}"))
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture(scope="session")
def kafka() -> Iterator[Broker]:
    """A broker that lives as long as the test session; a test uses its own prefix for topics."""
    with broker() as running:
        yield running


@pytest.fixture(scope="session")
def simulated() -> Iterator[Simulated]:
    """A small simulated history, created once; a test that changes it uses `processes.copied`."""
    with folder() as made:
        ran = tidemark("simulate", *SIMULATE, "--json", data_dir=made / "d")
        assert ran.code == 0, ran.err
        yield Simulated(made / "d", ran.json)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the CPU time of the session and of every process that it started and waited for.

    `TIDEMARK_CPU_S` has the seconds that came before, as of linters (`.ci/run`).
    """
    whole = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    user, system = sum(w.ru_utime for w in whole), sum(w.ru_stime for w in whole)
    before = float(os.environ.get("TIDEMARK_CPU_S") or 0)
    terminalreporter.write_line(
        f"CPU: {(before + user + system) / 60:.1f} min "
        f"(tests: user {user:.0f} s, system {system:.0f} s; before: {before:.0f} s)"
    )
