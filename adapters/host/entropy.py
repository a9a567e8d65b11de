"""Entropy for keys, nonces and minted ids: from the system, or derived from a seed.

Seeded entropy is a function of (seed, label), never of the order of calls, so a simulated platform
gets the same bytes however its tasks interleave. Only `simulate` may use it, and a demo for its
initial history.
"""

import hashlib
import hmac
import os
import time
from typing import Protocol
from uuid import UUID


class Entropy(Protocol):
    def draw(self, size: int, label: str, /) -> bytes:
        """`size` unpredictable bytes; `label` names their one use."""
        ...


class SystemEntropy:
    def draw(self, size: int, label: str, /) -> bytes:
        return os.urandom(size)


class SeededEntropy:
    def __init__(self, seed: int) -> None:
        self._key = hashlib.sha256(f"tidemark:{seed}".encode()).digest()

    def draw(self, size: int, label: str, /) -> bytes:
        stream = b""
        while len(stream) < size:
            stream += hmac.digest(self._key, f"{len(stream)}:{label}".encode(), "sha256")
        return stream[:size]


class HandedOver:
    """Seeded while a demo's history is made, so that all demos begin alike; then the system's."""

    def __init__(self, seed: int) -> None:
        self._dice: Entropy = SeededEntropy(seed)

    def reseed(self, seed: int) -> None:
        self._dice = SeededEntropy(seed)

    def hand_over(self) -> None:
        """Draw from the system from now on, so that later draws cannot be predicted."""
        self._dice = SystemEntropy()

    def draw(self, size: int, label: str, /) -> bytes:
        return self._dice.draw(size, label)


def uuid7(entropy: Entropy, label: str = "", *, at_ms: int | None = None) -> str:
    """A time-ordered id (RFC 9562): 48 bits of milliseconds, then entropy."""
    stamp = int(time.time() * 1000) if at_ms is None else at_ms
    raw = bytearray(stamp.to_bytes(6, "big") + entropy.draw(10, f"uuid7:{stamp}:{label}"))
    raw[6] = raw[6] & 0x0F | 0x70
    raw[8] = raw[8] & 0x3F | 0x80
    return str(UUID(bytes=bytes(raw)))
