"""Settings of Python's garbage collector and interpreter lock for this kind of process.

It holds many long-lived objects and no cycles. By default the collector walks young objects every
700 allocations, and all objects whenever their number has grown by a quarter: measured, 15 % of a
busy process's time, in pauses of 50-110 ms that were the 99th percentile of the views' lag. Here
reference counts free nearly all objects; the rest (a traceback, a cancelled task) can wait.

Threads compute beside the event loop. By default such a thread (the warehouse's loader, folding)
keeps the interpreter for 5 ms after another thread asks for it, and an insert into the warehouse
asks eight times: it took 80 ms beside folding and 35 ms alone; with these settings it takes 40 ms.
"""

import gc
import sys

YOUNG, MIDDLE, OLD = 10_000, 20, 100
"""Net allocations before a walk of the youngest objects (under 10 ms); then, for each older
generation, the number of younger walks before its own."""
SWITCH_S = 0.0005
"""How long a thread keeps the interpreter while another waits for it."""


def settle() -> None:
    """Call once the process has started: the collector never walks existing objects again.

    This changes the whole process, so a verb calls it (`api/cli/opening.py`), never a library.
    """
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
