"""Starts a child process that ends with us: the kernel signals it when we die, however we die.

The kernel sends the signal when the *thread* that spawned the child ends. So a thread of its own
spawns the child and waits for it: an executor's worker would end the child when it retires.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1

_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def spawn(
    words: Sequence[str | Path],
    log: Path,
    *,
    at_our_end: signal.Signals = signal.SIGTERM,
    **more: Any,
) -> "subprocess.Popen[bytes]":
    """Start a program in a session of its own and append its output to `log`.

    Args:
        at_our_end: the signal that it gets when this process dies.
        more: further arguments of `subprocess.Popen`: env, cwd, user.

    Raises:
        OSError: it cannot be started.
    """
    ask = _ask_for(at_our_end, os.getpid())
    spawned: Future[subprocess.Popen[bytes]] = Future()

    def keep() -> None:
        try:
            with log.open("ab") as output:
                child = subprocess.Popen(
                    list(words), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                    start_new_session=True,
                    preexec_fn=ask,  # noqa: PLW1509 (there is no other way to prctl)
                    **more,
                )  # fmt: skip
        except BaseException as e:
            spawned.set_exception(e)
            return
        spawned.set_result(child)
        child.wait()

    threading.Thread(target=keep, name=f"keeper of {words[0]}", daemon=True).start()
    return spawned.result()


def _ask_for(signalled: signal.Signals, parent: int) -> Callable[[], None] | None:
    """The child's work between fork and exec: no import, no lock, almost no allocation."""
    if _LIBC is None:
        return None
    prctl = _LIBC.prctl

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, signalled)
        if os.getppid() != parent:  # the parent died before prctl took effect
            os._exit(1)

    return ask
