"""Python's garbage collector and interpreter lock, told what this process is.

It holds much that lives long, and no cycles. By default the collector walks young objects every
700 allocations, and everything there is whenever that has grown by a quarter: measured, 15 % of a
busy process's time, in pauses of 50-110 ms that were the 99th percentile of the views' lag. Nearly
all here is freed by its reference count; what is not (a traceback, a cancelled task) can wait.

Threads compute beside its event loop. By default such a thread (the warehouse's loader, folding)
lets others in 5 ms after they ask, and an insert into the warehouse asks eight times: it took 80 ms
beside the folding, 35 alone, and takes 40 with what is set here.
"""

import gc
import sys

YOUNG, MIDDLE, OLD = 10_000, 20, 100
"""Net allocations before the youngest are walked (under 10 ms), and how often the older are."""
SWITCH_S = 0.0005
"""How long a thread computes on while another waits for the interpreter."""


def settle() -> None:
    """Call once the process is up: what was imported and opened is never walked again.

    It changes the whole process, so a verb calls it (`api/cli/opening.py`), never a library.
    """
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
