"""Views in dictionaries: for tests, for `replay`, and as the model of the Postgres sink."""

from collections.abc import Collection, Mapping, Sequence

from projections.engine.checksum import Digest
from projections.ports import Change, Checksum, Expelled, Key, Relaid, Row, View


class _Kept:
    """The state that all partitions of a `MemorySink` share."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[Key, Row]] = {}
        self.positions: dict[str, list[int]] = {}  # by partition
        self.versions: dict[str, int] = {}


class MemorySink:
    """Implements `projections.ports.Sink`."""

    def __init__(self, *, partition: int = 0, partitions: int = 1, of: _Kept | None = None) -> None:
        self._partition, self.partitions = partition, partitions
        self._kept = _Kept() if of is None else of

    def part(self, partition: int, partitions: int) -> "MemorySink":
        """A sink of another partition, with the same tables."""
        return MemorySink(partition=partition, partitions=partitions, of=self._kept)

    async def prepare(self, views: Sequence[View], /) -> None:
        for view in views:
            self._lay_out(view)

    async def positions(self, views: Collection[str], /) -> Mapping[str, int]:
        return {name: self._own_positions(name)[self._partition] for name in views}

    async def load(self, view: View, keys: Collection[Key], /) -> Mapping[Key, Row]:
        table = self._kept.tables[view.NAME]
        return {key: table[key] for key in keys if key in table}

    async def save(self, changes: Sequence[Change], /) -> None:
        for change in changes:
            if self._own_positions(change.view.NAME)[self._partition] != change.before:
                raise Expelled(change.view.NAME)
        for change in changes:
            self._own_positions(change.view.NAME)[self._partition] = change.after
            table = self._kept.tables[change.view.NAME]
            for key, row in change.rows.items():
                if row is None:
                    table.pop(key, None)
                else:
                    table[key] = row

    async def checksum(self, view: View, /) -> Checksum:
        digest = Digest()
        digest.add(self.rows(view))
        position = min(self._kept.positions[view.NAME])
        return Checksum(view=view.NAME, rows=digest.rows, hash=digest.hash, position=position)

    def rows(self, view: View) -> list[Row]:
        """All rows in key order; empty before the view is prepared."""
        table = self._kept.tables.get(view.NAME, {})
        return [row for _, row in sorted(table.items(), key=lambda kv: kv[0])]

    def positions_of(self, view: View) -> list[int]:
        """The positions of the view's partitions, in order; empty before the view is prepared."""
        return list(self._kept.positions.get(view.NAME, []))

    def _lay_out(self, view: View) -> None:
        kept, name = self._kept, view.NAME
        positions = kept.positions.get(name, [])
        if kept.versions.get(name) == view.VERSION and len(positions) == self.partitions:
            return
        one = kept.versions.get(name) == view.VERSION and len(set(positions)) == 1
        position = positions[0] if one else 0
        kept.tables[name] = kept.tables[name] if position else {}
        kept.positions[name] = [position] * self.partitions
        kept.versions[name] = view.VERSION

    def _own_positions(self, view: str) -> list[int]:
        positions = self._kept.positions[view]
        if len(positions) != self.partitions:
            raise Relaid(f"{view}: kept in {len(positions)} partition(s), not {self.partitions}")
        return positions
