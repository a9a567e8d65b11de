"""Processor time as the benchmarks count it: by process, with the children of Postgres."""

import os
import subprocess
import sys
from pathlib import Path

from tests.bench.processor import TICKS_S, Spent, meter, since

BUSY = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"
THEN = "import sys\nprint('done', flush=True)\nsys.stdin.read()"


def test_what_a_child_of_the_server_does_is_the_servers_and_not_ours(tmp_path: Path) -> None:
    folder = tmp_path / "server" / "data"
    folder.mkdir(parents=True)
    (folder / "postmaster.pid").write_text(f"{os.getpid()}\n/somewhere\n")
    with subprocess.Popen(
        [sys.executable, "-c", BUSY + THEN], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin and child.stdout
        spent = meter(tmp_path, lambda: child.pid)
        child.stdout.readline()
        found = spent()
        child.stdin.close()
    assert found.broker >= 0.3 - 2 / TICKS_S
    assert found.postgres >= found.broker + found.own - 2 / TICKS_S  # here the server is this test
    assert spent().broker == 0.0  # gone


def test_a_run_is_what_came_in_between() -> None:
    found = since(Spent(1.0, 2.0, 3.0), Spent(1.5, 2.25, 4.0))
    assert found == (0.5, 0.25, 1.0)
    assert found.total == 1.75
