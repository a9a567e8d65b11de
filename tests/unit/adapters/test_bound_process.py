"""A child process that ends with us: its output goes to a file, its arguments to the system."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adapters.host.bound_process import spawn

PATIENCE_S = 20.0


def test_its_output_is_appended_to_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    child = spawn(["/bin/sh", "-c", "echo out; echo err >&2"], log)
    assert child.wait(PATIENCE_S) == 0
    assert log.read_text() == "before\nout\nerr\n"


def test_further_arguments_reach_it(tmp_path: Path) -> None:
    log, folder = tmp_path / "log", tmp_path / "folder"
    folder.mkdir()
    child = spawn(["/bin/sh", "-c", "pwd; echo $WORD"], log, cwd=folder, env={"WORD": "given"})
    assert child.wait(PATIENCE_S) == 0
    assert log.read_text().splitlines() == [str(folder.resolve()), "given"]


def test_a_program_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        spawn([tmp_path / "nothing"], tmp_path / "log")


@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is Linux's")
@pytest.mark.parametrize("at_our_end", [signal.SIGTERM, signal.SIGINT])
def test_it_gets_the_signal_when_its_parent_is_killed(
    tmp_path: Path, at_our_end: signal.Signals
) -> None:
    log = tmp_path / "log"
    wait = f"trap 'echo ended; exit' {at_our_end.name[3:]}; echo $$; while :; do sleep 0.05; done"
    parent = subprocess.Popen(
        [
            sys.executable, "-c",
            "import sys, signal, time; from pathlib import Path\n"
            "from adapters.host.bound_process import spawn\n"
            f"spawn(['/bin/sh', '-c', sys.argv[1]], Path(sys.argv[2]), "
            f"at_our_end=signal.{at_our_end.name})\n"
            "time.sleep(60)",
            wait, str(log),
        ]
    )  # fmt: skip
    deadline = time.monotonic() + PATIENCE_S
    while not (log.exists() and log.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    parent.kill()
    parent.wait()
    while "ended" not in log.read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    pid, ended = log.read_text().split()
    assert ended == "ended"
    assert int(pid) != os.getpid()
