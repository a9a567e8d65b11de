"""Processor time as the benchmarks count it: by process, with the children of Postgres."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from tests.bench.processor import Meter, Spent, cpu_s, ourselves, postgres

TICKS_S = 2 / os.sysconf("SC_CLK_TCK")
BUSY = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"
THEN = "print('done', flush=True)\nimport sys\nsys.stdin.read()"


async def test_what_a_child_of_the_server_does_is_the_servers_and_not_ours(tmp_path: Path) -> None:
    folder = tmp_path / "server" / "data"
    folder.mkdir(parents=True)
    (folder / "postmaster.pid").write_text(f"{os.getpid()}\n/somewhere\n")
    busy: list[int] = []
    server = postgres(tmp_path)  # here this test is the server
    meter = Meter({"own": ourselves, "server": server, "busy": lambda: busy})

    async def work() -> None:
        child = subprocess.Popen(
            [sys.executable, "-c", BUSY + THEN], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        busy.append(child.pid)
        assert child.stdout
        await asyncio.to_thread(child.stdout.readline)

    try:
        found = await meter.spent(work)
    finally:
        for pid in busy:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
    assert found.seconds >= 0.3 and found.cpu["busy"] >= 0.3 - TICKS_S
    assert found.cpu["server"] >= found.cpu["busy"] + found.cpu["own"] - 2 * TICKS_S
    assert cpu_s(busy[0]) == 0.0  # gone


def test_the_total_is_of_all_groups() -> None:
    assert Spent(1.0, {"a": 0.5, "b": 0.25}).total == 0.75
