"""Suppresses log lines of the client and its transport about failed attempts of our own calls.

Tidemark repeats a failed attempt, and its caller gets one WarehouseUnavailable, so these lines add
nothing. Other code in the process may use urllib3: lines from its threads are still logged.
"""

import logging

THREADS = ("warehouse", "analyst")
"""Name prefixes of the threads that call the warehouse."""


class _Others(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is of a thread that does not call the warehouse."""
        return not (record.threadName or "").startswith(THREADS)


_OTHERS = _Others()


def hush() -> None:
    """Suppress these log lines from now on; idempotent."""
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)
    logging.getLogger("urllib3.connectionpool").addFilter(_OTHERS)
