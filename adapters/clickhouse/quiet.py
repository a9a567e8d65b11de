"""Keeps off the log what client and transport write about each failed attempt of our own calls.

Failed attempts are repeated, and callers get one WarehouseUnavailable. The client is ours alone;
urllib3 may serve other callers too, and goes on to log what happens in their threads.
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
    """Take effect from now on; a second call changes nothing."""
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)
    logging.getLogger("urllib3.connectionpool").addFilter(_OTHERS)
