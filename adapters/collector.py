"""Python's garbage collector, told what this process is: much that lives long, and no cycles.

By default it walks young objects every 700 allocations, and everything there is whenever that has
grown by a quarter: measured, 15 % of a busy process's time, in pauses of 50-110 ms that were the
99th percentile of the views' lag. Nearly all here is freed by its reference count; what is not
(a traceback, a cancelled task) can wait.
"""

import gc

YOUNG, MIDDLE, OLD = 10_000, 20, 100
"""Net allocations before the youngest are walked (under 10 ms), and how often the older are."""


def settle() -> None:
    """Call once the process is up: what was imported and opened is never walked again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
