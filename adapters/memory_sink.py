"""Views in dictionaries: for tests, for `replay`, and the model that the Postgres sink matches."""

from collections.abc import Collection, Mapping, Sequence

from projections.checksum import Digest
from projections.ports import Change, Checksum, Expelled, Key, Row, View


class MemorySink:
    """Implements `projections.ports.Sink`."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[Key, Row]] = {}
        self._positions: dict[str, int] = {}
        self._versions: dict[str, int] = {}

    async def prepare(self, views: Sequence[View], /) -> None:
        for view in views:
            if self._versions.get(view.NAME) != view.VERSION:
                self._tables[view.NAME] = {}
                self._positions[view.NAME] = 0
                self._versions[view.NAME] = view.VERSION

    async def positions(self, views: Collection[str], /) -> Mapping[str, int]:
        return {name: self._positions[name] for name in views}

    async def load(self, view: View, keys: Collection[Key], /) -> Mapping[Key, Row]:
        table = self._tables[view.NAME]
        return {key: table[key] for key in keys if key in table}

    async def save(self, changes: Sequence[Change], /) -> None:
        for change in changes:
            if self._positions[change.view.NAME] != change.before:
                raise Expelled(change.view.NAME)
        for change in changes:
            self._positions[change.view.NAME] = change.after
            table = self._tables[change.view.NAME]
            for key, row in change.rows.items():
                if row is None:
                    table.pop(key, None)
                else:
                    table[key] = row

    async def checksum(self, view: View, /) -> Checksum:
        digest = Digest()
        digest.add(self.rows(view))
        position = self._positions[view.NAME]
        return Checksum(view=view.NAME, rows=digest.rows, hash=digest.hash, position=position)

    def rows(self, view: View) -> list[Row]:
        """All rows in key order."""
        return [row for _, row in sorted(self._tables[view.NAME].items(), key=lambda kv: kv[0])]
