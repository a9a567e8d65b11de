"""Folds views partition by partition, in any interleaving and pages: the rows are the same.

    partition of an event = shard(home) % P      (P divides `projections.engine.shard.SHARDS`)

A row is folded from one home, or split into shards, so no row is written from two partitions and
the partitions need not wait for each other. Here they are folded side by side into one table,
each with a checkpoint of its own, in an order that the seed decides.
"""

from collections.abc import Collection, Mapping, Sequence
from random import Random

from domain.shared.envelope import Envelope
from projections.catalogue import VIEWS
from projections.engine.checksum import Digest
from projections.engine.runner import Runner
from projections.engine.shard import SHARDS, shard
from projections.ports import Change, Checksum, Expelled, Key, Row, View

COUNTS = tuple(n for n in range(2, SHARDS + 1) if SHARDS % n == 0)
PAGE_MAX = 60


class PartitionLog:
    """One partition of a complete log: `projections.ports.Log`."""

    def __init__(self, envelopes: Sequence[Envelope]) -> None:
        self._envelopes = envelopes

    async def after(
        self, position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Envelope]:
        end = self._envelopes[-1].position if until is None and self._envelopes else until or 0
        return [e for e in self._envelopes if position < e.position <= end][:limit]

    async def last(self) -> int:
        return self._envelopes[-1].position if self._envelopes else 0


class Tables:
    """What all partitions write to."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[Key, Row]] = {view.NAME: {} for view in VIEWS}
        self.writers: dict[tuple[str, Key], set[int]] = {}

    def checksum(self, view: View) -> str:
        digest = Digest()
        digest.add(row for _, row in sorted(self.rows[view.NAME].items(), key=lambda kv: kv[0]))
        return digest.hash


class PartitionSink:
    """Implements `projections.ports.Sink` for one partition."""

    def __init__(self, tables: Tables, partition: int) -> None:
        self._tables, self._partition = tables, partition
        self._positions = {view.NAME: 0 for view in VIEWS}

    async def prepare(self, views: Sequence[View], /) -> None:
        """The tables exist already."""

    async def positions(self, views: Collection[str], /) -> Mapping[str, int]:
        return {name: self._positions[name] for name in views}

    async def load(self, view: View, keys: Collection[Key], /) -> Mapping[Key, Row]:
        table = self._tables.rows[view.NAME]
        return {key: table[key] for key in keys if key in table}

    async def save(self, changes: Sequence[Change], /) -> None:
        for change in changes:
            if self._positions[change.view.NAME] != change.before:
                raise Expelled(change.view.NAME)
        for change in changes:
            self._positions[change.view.NAME] = change.after
            table = self._tables.rows[change.view.NAME]
            for key, row in change.rows.items():
                self._tables.writers.setdefault((change.view.NAME, key), set()).add(self._partition)
                if row is None:
                    table.pop(key, None)
                else:
                    table[key] = row

    async def checksum(self, view: View, /) -> Checksum:
        name, rows = view.NAME, len(self._tables.rows[view.NAME])
        hashed = self._tables.checksum(view)
        return Checksum(view=name, rows=rows, hash=hashed, position=self._positions[name])


async def partitions_equal(
    envelopes: Sequence[Envelope], whole: Mapping[str, Checksum], *, count: int, seed: int
) -> list[str]:
    """Views whose rows are not those of an undivided fold, and rows with two writers."""
    tables = await fold_apart(envelopes, count=count, seed=seed)
    out = [
        f"{count} partitions: {view.NAME} differs"
        for view in VIEWS
        if tables.checksum(view) != whole[view.NAME].hash
    ]
    out += [
        f"{count} partitions: {view} {key} is written from {sorted(writers)}"
        for (view, key), writers in tables.writers.items()
        if len(writers) > 1
    ]
    return out


async def fold_apart(envelopes: Sequence[Envelope], *, count: int, seed: int) -> Tables:
    dice, tables = Random(f"partitions:{seed}"), Tables()
    parts: dict[int, list[Envelope]] = {n: [] for n in range(count)}
    for arrived in envelopes:
        parts[shard(arrived.home) % count].append(arrived)
    left = {
        n: Runner(PartitionLog(events), PartitionSink(tables, n), VIEWS)
        for n, events in parts.items()
        if events
    }
    while left:
        n = dice.choice(sorted(left))
        if not (await left[n].step(limit=1 + dice.randrange(PAGE_MAX))).events:
            del left[n]
    return tables
