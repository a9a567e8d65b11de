"""A record of the log topic, as a consumer gets it."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import NamedTuple

from adapters.bus.page import Span


class Record(NamedTuple):
    """A page or a watermark, as received."""

    partition: int
    span: Span
    value: bytes | None


Take = Callable[[Sequence[Record]], Awaitable[None]]
Moved = Callable[[Collection[int]], Awaitable[None]]
