"""One embedded Postgres per test session, a fresh database per test."""

import gc
import itertools
import os
import resource
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from adapters.postgres.embedded import EmbeddedPostgres
from tests import memory_disk
from tests.contract.bus.kafka_broker import Broker, broker
from tests.system.processes import SIMULATE, Simulated, folder, tidemark

_numbers = itertools.count(1)
FILES_SHOWN = 15  # in the summary: the files that used the most CPU time
# A busy machine makes examples slow; pytest's timeout ends one that hangs.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")
_measured = {"until": 0.0}  # CPU seconds of this process up to the last report


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


def pytest_configure() -> None:
    memory_disk.use()


def pytest_unconfigure() -> None:
    memory_disk.leave()


def pytest_collection_finish() -> None:
    """Keep the garbage collector from looking through all the test modules again and again."""
    gc.collect()
    gc.freeze()


def pytest_runtest_logstart() -> None:
    _measured["until"] = sum(_used_s())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the CPU time of a test's phase, with the processes that it started and waited for."""
    report = yield
    before, now = _measured["until"], sum(_used_s())
    report.user_properties = [*report.user_properties, ("cpu_s", now - before)]
    _measured["until"] = now
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the CPU time of the session and of every process that it started and waited for, and
    of the most expensive test files; a session's server counts for none of them.

    `TIDEMARK_CPU_S` has the seconds that came before, as of linters (`.ci/run`).
    """
    user, system = _used_s()
    before = float(os.environ.get("TIDEMARK_CPU_S") or 0)
    terminalreporter.write_line(
        f"CPU: {(before + user + system) / 60:.1f} min "
        f"(tests: user {user:.0f} s, system {system:.0f} s; before: {before:.0f} s)"
    )
    files = Counter[str]()
    for report in (r for reports in terminalreporter.stats.values() for r in reports):
        used = dict(getattr(report, "user_properties", ())).get("cpu_s", 0)
        files[str(getattr(report, "nodeid", "")).partition("::")[0]] += used
    for name, seconds in files.most_common(FILES_SHOWN):
        if seconds >= 1:
            terminalreporter.write_line(f"  {seconds:5.0f} s  {name}")


def _used_s() -> tuple[float, float]:
    """User and system seconds of this process and of the children that it has waited for."""
    whole = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(w.ru_utime for w in whole), sum(w.ru_stime for w in whole)
