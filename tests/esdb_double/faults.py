"""Misbehaviour on demand: faults of the next appends or reads that match."""

import threading
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    LOSE_REQUEST = "lose request"  # the connection drops before anything is written
    LOSE_REPLY = "lose reply"  # it is written, then the connection drops
    SILENCE = "silence"  # it is written, and no answer comes
    IGNORED = "ignored"  # nothing is written, and no answer comes
    TIMEOUT = "timeout"  # a timeout error, and nothing is written
    TIMEOUT_AFTER = "timeout after"  # a timeout error, and it is written
    NOT_LEADER = "not leader"
    SLOW = "slow"  # answers late
    UNAVAILABLE = "unavailable"  # refuses


@dataclass
class Armed:
    fault: Fault
    containing: bytes
    times: int


class Faults:
    """Faults that a test arms and the server's threads apply."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[Armed] = []
        self.slow_s = 0.2
        self.sprung = 0
        """Number of faults applied."""

    def arm(self, fault: str, *, containing: bytes = b"", times: int = 1) -> None:
        """Apply the fault to the next `times` requests that contain these bytes."""
        with self._lock:
            self._armed.append(Armed(Fault(fault), containing, times))

    def met(self, request: bytes) -> Fault | None:
        with self._lock:
            for armed in self._armed:
                if armed.containing in request:
                    armed.times -= 1
                    if not armed.times:
                        self._armed.remove(armed)
                    self.sprung += 1
                    return armed.fault
        return None
