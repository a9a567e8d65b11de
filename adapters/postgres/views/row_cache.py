"""The rows that were folded last, so that a busy view seldom has to be read back.

Also remembers which keys had no row. Whatever casts doubt on it (an expelled runner, a failed
transaction) empties it whole.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping

from projections.ports import Key, Row

ROWS_MAX = 100_000  # over all views; a row takes about 1 kB


class RowCache:
    def __init__(self, rows_max: int = ROWS_MAX) -> None:
        self._rows: OrderedDict[tuple[str, Key], Row | None] = OrderedDict()
        self._rows_max = rows_max

    def __len__(self) -> int:
        return len(self._rows)

    def split(self, view: str, keys: Iterable[Key]) -> tuple[dict[Key, Row], list[Key]]:
        """(rows that are known, keys that must be read)."""
        known: dict[Key, Row] = {}
        unknown: list[Key] = []
        for key in keys:
            try:
                row = self._rows[view, key]
            except KeyError:
                unknown.append(key)
                continue
            self._rows.move_to_end((view, key))
            if row is not None:
                known[key] = row
        return known, unknown

    def put(self, view: str, rows: Mapping[Key, Row | None]) -> None:
        for key, row in rows.items():
            self._rows[view, key] = row
            self._rows.move_to_end((view, key))
        while len(self._rows) > self._rows_max:
            self._rows.popitem(last=False)

    def clear(self) -> None:
        self._rows.clear()
