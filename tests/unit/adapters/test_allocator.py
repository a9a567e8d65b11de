"""Freed memory is reused without a new request to the system; each case in its own process."""

import platform
import subprocess
import sys

import pytest

from adapters.host.allocator import keep_freed

WORK = """
import resource
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def batch():
    return [b"x" * (100_000 + n) for n in range(100)]
batch()
before = faults()
for _ in range(10):
    batch()
print(faults() - before)
"""
KEEP = "from adapters.host.allocator import keep_freed\nassert keep_freed()\n"


def faults(program: str) -> int:
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    return int(found.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the switches are glibc's")
def test_a_batch_takes_the_memory_of_the_one_before_it() -> None:
    assert faults(KEEP + WORK) * 10 < faults(WORK)


def test_without_such_switches_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    assert keep_freed() is False
