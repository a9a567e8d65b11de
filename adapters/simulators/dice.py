"""Dice that do not depend on the order of throws: a function of a seed and of labels.

So a counterparty that restarts and gets the same orders does the same things.
"""

from hashlib import sha256

_SCALE = float(1 << 64)


def throw(seed: int, *labels: object) -> float:
    """A number in [0, 1), uniform over seeds and labels."""
    text = "\x1f".join((str(seed), *map(str, labels)))
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big") / _SCALE


def happens(probability: float, seed: int, *labels: object) -> bool:
    return probability > 0 and throw(seed, *labels) < probability


def token(seed: int, *labels: object) -> str:
    """A name of twelve hex digits."""
    text = "\x1f".join((str(seed), *map(str, labels)))
    return sha256(text.encode()).hexdigest()[:12]
