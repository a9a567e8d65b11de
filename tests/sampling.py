"""How many examples expensive properties try: `make test` a sample, `make test-faults` all.

A test that uses `examples` has the marker `sampled`, so `make test-faults` runs it too.
"""

import os

from hypothesis import settings

WHOLE = bool(os.environ.get("TIDEMARK_TEST_WHOLE"))


def examples(whole: int, *, sample: int, steps: int = 50) -> settings:
    """Settings of a property or, with `steps` in each example, of a state machine."""
    return settings(max_examples=whole if WHOLE else sample, stateful_step_count=steps)
