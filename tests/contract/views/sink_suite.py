"""The contract of every sink. `test_sinks.py` runs it over memory and Postgres."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from msgspec.structs import replace

from domain.shared.envelope import Envelope
from domain.shared.message import Event
from projections.ports import NOWHERE, Audience, Change, Expelled, Key, Relaid, Row, Sink, View


class Kinds(Row, frozen=True, kw_only=True):
    """A row with a column of every type."""

    KEY: ClassVar[tuple[str, ...]] = ("name", "number")
    INDEXES: ClassVar[tuple[tuple[str, ...], ...]] = (("day", "number"),)

    name: str
    number: int
    amount: Decimal = Decimal("0.00")
    flag: bool = False
    day: date = date(2024, 2, 29)
    moment: datetime = datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC)
    text: str | None = None
    rate: Decimal | None = None
    on_day: date | None = None
    at: datetime | None = None


class ViewOf:
    """A view with its own name; its fold does not matter here."""

    AUDIENCE, HOME = Audience.OPERATIONS, NOWHERE
    ROW: type[Row] = Kinds
    READS: frozenset[type[Event]] = frozenset()

    def __init__(self, name: str, version: int = 1) -> None:
        self.NAME, self.VERSION = name, version

    def facts(self, arrived: Envelope) -> Iterable[tuple[Key, Any]]:
        return ()

    def fold(self, row: Any, key: Key, fact: Any) -> Any:
        return row


A, B = ViewOf("view_a"), ViewOf("view_b")
ROW = Kinds(name="n", number=1)


def change(view: View, *rows: Row, before: int, after: int, gone: Iterable[Key] = ()) -> Change:
    held: dict[Key, Row | None] = {(r.name, r.number): r for r in rows}  # type: ignore[attr-defined]
    return Change(view, held | dict.fromkeys(gone), before, after)


class SinkSuite:
    """Mixed into a class with a `sink` fixture; `again(sink)` opens the same store anew.

    `part(sink, n, of)` opens it as one of several partitions.
    """

    def again(self, sink: Sink) -> Sink:
        raise NotImplementedError

    def part(self, sink: Sink, partition: int, partitions: int) -> Sink:
        raise NotImplementedError

    async def test_a_new_view_has_its_checkpoint_at_zero_and_no_rows(self, sink: Sink) -> None:
        await sink.prepare([A])
        assert await sink.positions(["view_a"]) == {"view_a": 0}
        assert await sink.load(A, [("n", 1)]) == {}
        assert (await sink.checksum(A)).rows == 0

    async def test_rows_come_back_as_they_went_in(self, sink: Sink) -> None:
        await sink.prepare([A])
        full = replace(
            ROW,
            amount=Decimal("-123456789012345678901234.0123456789"),
            flag=True,
            text="a 'quoted' \\ ünïcode \n line",
            rate=Decimal("0.000000000001"),
            on_day=date(1900, 1, 1),
            at=datetime(1969, 12, 31, tzinfo=UTC),
            position=7,
        )
        empty = replace(ROW, name="", number=-1)
        await sink.save([change(A, full, empty, before=0, after=7)])
        sink = self.again(sink)
        await sink.prepare([A])
        found = await sink.load(A, [("n", 1), ("", -1), ("absent", 0)])
        assert found == {("n", 1): full, ("", -1): empty}
        loaded = found["n", 1]
        assert isinstance(loaded, Kinds)
        assert str(loaded.amount) == str(full.amount)

    async def test_a_row_is_replaced_whole_and_deleted_by_its_key(self, sink: Sink) -> None:
        await sink.prepare([A])
        await sink.save([change(A, replace(ROW, text="old"), before=0, after=1)])
        await sink.save([change(A, replace(ROW, flag=True), before=1, after=2)])
        assert await sink.load(A, [("n", 1)]) == {("n", 1): replace(ROW, flag=True)}
        await sink.save([change(A, before=2, after=3, gone=[("n", 1), ("never", 9)])])
        assert await sink.load(A, [("n", 1)]) == {}
        assert (await sink.checksum(A)).rows == 0

    async def test_a_second_runner_is_expelled_and_nothing_of_it_is_written(
        self, sink: Sink
    ) -> None:
        await sink.prepare([A, B])
        await sink.save([change(A, ROW, before=0, after=5)])
        late = change(A, replace(ROW, text="late"), before=0, after=6)
        with pytest.raises(Expelled):
            await sink.save([change(B, ROW, before=0, after=6), late])
        assert await sink.positions(["view_a", "view_b"]) == {"view_a": 5, "view_b": 0}
        assert await sink.load(A, [("n", 1)]) == {("n", 1): ROW}
        assert await sink.load(B, [("n", 1)]) == {}

    async def test_a_checkpoint_moves_without_rows_too(self, sink: Sink) -> None:
        await sink.prepare([A])
        await sink.save([change(A, before=0, after=9)])
        assert await self.again(sink).positions(["view_a"]) == {"view_a": 9}

    async def test_preparing_again_keeps_rows_and_a_new_version_starts_over(
        self, sink: Sink
    ) -> None:
        await sink.prepare([A, B])
        await sink.save([change(A, ROW, before=0, after=3), change(B, ROW, before=0, after=3)])
        newer = ViewOf("view_b", version=2)
        await sink.prepare([A, newer])
        assert await sink.positions(["view_a", "view_b"]) == {"view_a": 3, "view_b": 0}
        assert await sink.load(A, [("n", 1)]) == {("n", 1): ROW}
        assert await sink.load(newer, [("n", 1)]) == {}

    async def test_the_checksum_depends_on_the_rows_not_on_how_they_came(self, sink: Sink) -> None:
        await sink.prepare([A, B])
        rows = [
            replace(ROW, name=n, number=i) for n in ("b", "B", "é", "a", "😀", "") for i in (2, 10)
        ]
        await sink.save([change(A, *rows, before=0, after=1)])
        for i, row in enumerate(reversed(rows)):
            spelled = replace(
                row,
                amount=Decimal("0E+2"),
                moment=row.moment.astimezone(timezone(timedelta(hours=9))),
            )
            await sink.save([change(B, spelled, before=i, after=i + 1)])
        one, other = await sink.checksum(A), await sink.checksum(B)
        assert (one.rows, one.hash) == (other.rows, other.hash)
        await sink.save([change(B, replace(rows[0], flag=True), before=12, after=13)])
        assert (await sink.checksum(B)).hash != one.hash

    async def test_the_checksum_comes_with_the_views_position(self, sink: Sink) -> None:
        await sink.prepare([A])
        await sink.save([change(A, ROW, before=0, after=4)])
        found = await sink.checksum(A)
        assert (found.view, found.rows, found.position) == ("view_a", 1, 4)

    async def test_partitions_share_the_rows_and_move_apart(self, sink: Sink) -> None:
        first, second = self.part(sink, 0, 2), self.part(sink, 1, 2)
        await first.prepare([A])
        await second.prepare([A])
        await second.save([change(A, replace(ROW, number=2), before=0, after=50)])
        await first.save([change(A, ROW, before=0, after=40)])
        assert await first.positions(["view_a"]) == {"view_a": 40}
        assert await second.positions(["view_a"]) == {"view_a": 50}
        assert len(await first.load(A, [("n", 1), ("n", 2)])) == 2
        found = await first.checksum(A)
        assert (found.rows, found.position) == (2, 40)

    async def test_a_view_whose_partitions_stand_together_is_taken_over_as_it_is(
        self, sink: Sink
    ) -> None:
        await sink.prepare([A])
        await sink.save([change(A, ROW, before=0, after=7)])
        for partitions in (4, 1, 2):
            parts = [self.part(sink, p, partitions) for p in range(partitions)]
            await parts[0].prepare([A])
            assert [dict(await part.positions(["view_a"])) for part in parts] == (
                [{"view_a": 7}] * partitions
            )
            assert await parts[-1].load(A, [("n", 1)]) == {("n", 1): ROW}

    async def test_a_view_whose_partitions_stand_apart_starts_over_in_another_number(
        self, sink: Sink
    ) -> None:
        first, second = self.part(sink, 0, 2), self.part(sink, 1, 2)
        await first.prepare([A])
        await second.save([change(A, ROW, before=0, after=50)])
        whole = self.part(sink, 0, 1)
        await whole.prepare([A])
        assert await whole.positions(["view_a"]) == {"view_a": 0}
        assert await whole.load(A, [("n", 1)]) == {}

    async def test_a_process_with_another_number_of_partitions_gets_an_error(
        self, sink: Sink
    ) -> None:
        await sink.prepare([A])
        await sink.save([change(A, ROW, before=0, after=7)])
        await self.part(sink, 0, 2).prepare([A])
        with pytest.raises((Expelled, Relaid)):
            await sink.save([change(A, ROW, before=7, after=8)])
        with pytest.raises(Relaid):
            await sink.positions(["view_a"])
        assert (await self.part(sink, 1, 2).checksum(A)).position == 7
