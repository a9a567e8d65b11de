"""When a runner reads again from its store what it remembers: every `TRUST_S`.

A store whose commits do not wait for the disk may lose the last ones in a crash. The runner that
wrote them survives the crash, and does not notice.
"""

from streams import waits

TRUST_S = 5.0


class RereadTimer:
    """Due at the first call, and again when `TRUST_S` have passed since it was last due."""

    def __init__(self) -> None:
        self._due_at: float | None = None

    def due(self) -> bool:
        """Whether to read again now; the caller does it."""
        now = waits.now()
        if self._due_at is not None and now - self._due_at <= TRUST_S:
            return False
        self._due_at = now
        return True
