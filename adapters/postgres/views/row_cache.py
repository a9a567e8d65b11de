"""The rows that were folded last, so that a busy view's rows seldom have to be read back.

The cache also remembers which keys had no row. Anything that may make it wrong (an expelled runner,
a failed transaction) empties it completely.

Rows are kept in two halves. Every row that is put goes into the young half. When that is full, the
old half is dropped and the young one takes its place: two steps for a whole batch of rows, where a
list in order of use takes several for each row.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from projections.ports import Key, Row

ROWS_MAX = 100_000  # over all views; a row takes about 1 kB
_UNKNOWN: Any = object()

Rows = dict[str, dict[Key, Row | None]]


class RowCache:
    def __init__(self, rows_max: int = ROWS_MAX) -> None:
        self._young: Rows = {}
        self._old: Rows = {}
        self._half = rows_max // 2
        self._count = 0  # rows put into the young half; a row that was put twice counts twice
        self._whole: set[str] = set()

    def __len__(self) -> int:
        """Rows in both halves; a row that is in both counts twice."""
        return sum(len(rows) for half in (self._young, self._old) for rows in half.values())

    def begin(self, views: Iterable[str]) -> None:
        """These views have no rows yet: what is not in the cache does not exist."""
        self._whole.update(views)

    def split(self, view: str, keys: Collection[Key]) -> tuple[dict[Key, Row], list[Key]]:
        """(rows that are known, keys that must be read)."""
        young, old = self._young.get(view, {}), self._old.get(view, {})
        known: dict[Key, Row] = {}
        unknown: list[Key] = []
        for key in keys:
            row = young.get(key, _UNKNOWN)
            if row is _UNKNOWN and (row := old.get(key, _UNKNOWN)) is _UNKNOWN:
                unknown.append(key)
            elif row is not None:
                known[key] = row
        return known, [] if view in self._whole else unknown

    def put(self, view: str, rows: Mapping[Key, Row | None]) -> None:
        self._young.setdefault(view, {}).update(rows)
        self._count += len(rows)
        if self._count > self._half:
            self._turn()

    def clear(self) -> None:
        self._young, self._old, self._count = {}, {}, 0
        self._whole.clear()

    def _turn(self) -> None:
        if any(self._old.values()):
            self._whole.clear()
        self._old, self._young, self._count = self._young, {}, 0
