"""The state cache: folded states by stream, each with its head. Bounded; may be emptied.

No answer depends on it: an entry only saves a load. The handler detects a stale entry by the
expected version (an append) or by reading the heads (a refusal).
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from commands.ports import Head

ENTRIES_MAX = 100_000


class StateCache:
    def __init__(self, entries_max: int = ENTRIES_MAX) -> None:
        self._entries: OrderedDict[str, tuple[Any, Head]] = OrderedDict()
        self._max = entries_max

    def __contains__(self, stream: str) -> bool:
        return stream in self._entries

    def __getitem__(self, stream: str) -> tuple[Any, Head]:
        self._entries.move_to_end(stream)
        return self._entries[stream]

    def put(self, stream: str, entry: tuple[Any, Head]) -> None:
        self._entries[stream] = entry
        self._entries.move_to_end(stream)
        self._thin()

    def take(self, entries: Mapping[str, tuple[Any, Head]]) -> None:
        """Add entries as the newest; drop the least recently used ones beyond the maximum."""
        for stream in entries:
            self._entries.pop(stream, None)
        self._entries.update(entries)
        self._thin()

    def drop(self, stream: str) -> None:
        self._entries.pop(stream, None)

    def clear(self) -> None:
        self._entries.clear()

    def _thin(self) -> None:
        while len(self._entries) > self._max:
            self._entries.popitem(last=False)

    def __len__(self) -> int:
        return len(self._entries)
