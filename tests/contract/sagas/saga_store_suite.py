"""The contract of every store of sagas, run over each adapter.

A subclass gives `store`; an adapter that several processes may open gives `other` too.
"""

from datetime import UTC, datetime, timedelta

import pytest

from sagas.engine.ports import Due, Expelled, Kept, Owed, SagaStore, Saved

NOON = datetime(2020, 3, 2, 12, tzinfo=UTC)
SAGAS = {"order": 1, "fx": 1}


def owed(number: int, *, position: int = 1, saga: str = "order", index: int = 0) -> Owed:
    return Owed(
        message_id=f"order-O{number}@1#{saga}.{index}",
        saga=saga,
        saga_id=f"O{number}",
        position=position,
        index=index,
        command="ReleaseOrder",
        body=f'{{"order_id":"O{number}"}}',
        causation_id=f"order-O{number}@1",
        correlation_id="c",
        effective_at=NOON + timedelta(microseconds=number),
    )


def kept(body: str, due_at: datetime | None = None, *, ended: bool = False) -> Kept:
    return Kept(body=body, due_at=due_at, ended=ended)


class SagaStoreSuite:
    @pytest.fixture
    async def store(self) -> SagaStore:
        raise NotImplementedError

    async def test_a_new_saga_has_its_checkpoint_at_zero(self, store: SagaStore) -> None:
        assert await store.positions(SAGAS) == {"order": 0, "fx": 0}

    async def test_a_page_saves_states_owed_commands_and_checkpoints(
        self, store: SagaStore
    ) -> None:
        await store.positions(SAGAS)
        rows = {("order", "O1"): kept('{"a":"é"}', NOON), ("fx", "F1"): kept("{}", ended=True)}
        page = Saved(states=rows, owed=(owed(1),), checkpoints={"order": (0, 7), "fx": (0, 7)})
        await store.save(page)
        assert await store.positions(SAGAS) == {"order": 7, "fx": 7}
        asked = [("order", "O1"), ("fx", "F1"), ("fx", "O1"), ("order", "none")]
        assert await store.load(asked) == rows
        assert await store.load([]) == {}
        assert list(await store.owed(limit=10)) == [owed(1)]

    async def test_a_page_from_elsewhere_is_expelled_and_saves_nothing(
        self, store: SagaStore
    ) -> None:
        await store.positions(SAGAS)
        await store.save(Saved(states={}, checkpoints={"order": (0, 5), "fx": (0, 5)}))
        late = Saved(
            states={("order", "O1"): kept("{}")},
            owed=(owed(1),),
            checkpoints={"order": (5, 6), "fx": (0, 6)},
        )
        with pytest.raises(Expelled):
            await store.save(late)
        assert await store.positions(SAGAS) == {"order": 5, "fx": 5}
        assert await store.load([("order", "O1")]) == {}
        assert list(await store.owed(limit=10)) == []

    async def test_owed_commands_come_in_order_and_only_once(self, store: SagaStore) -> None:
        await store.positions(SAGAS)
        rows = [
            owed(1, position=9),
            owed(2, position=3, saga="order", index=1),
            owed(3, position=3, saga="order", index=0),
            owed(4, position=3, saga="fx"),
        ]
        await store.save(Saved(states={}, owed=rows, checkpoints={"order": (0, 9)}))
        await store.save(Saved(states={}, owed=rows[:1], checkpoints={"order": (9, 10)}))
        sent = [o.saga_id for o in await store.owed(limit=10)]
        assert sent == ["O4", "O3", "O2", "O1"]
        assert [o.saga_id for o in await store.owed(limit=2)] == ["O4", "O3"]

    async def test_acknowledged_and_answered_commands_are_owed_no_more(
        self, store: SagaStore
    ) -> None:
        await store.positions(SAGAS)
        rows = [owed(n, position=n) for n in (1, 2, 3)]
        await store.save(Saved(states={}, owed=rows, checkpoints={"order": (0, 3)}))
        await store.acknowledge([rows[0].message_id, "unknown"])
        await store.acknowledge([])
        page = Saved(states={}, answered={rows[2].message_id}, checkpoints={"order": (3, 4)})
        await store.save(page)
        assert [o.saga_id for o in await store.owed(limit=10)] == ["O2"]

    async def test_due_rows_come_in_order_page_by_page(self, store: SagaStore) -> None:
        await store.positions(SAGAS)
        late = NOON + timedelta(seconds=1)
        rows = {
            ("order", "O2"): kept("{}", NOON),
            ("order", "O1"): kept("{}", NOON),
            ("fx", "F1"): kept("{}", NOON - timedelta(days=1)),
            ("fx", "F2"): kept("{}", late),
            ("gateway", "G1"): kept("{}", NOON),
            ("order", "O3"): kept("{}"),
        }
        await store.save(Saved(states=rows, checkpoints={"order": (0, 1), "fx": (0, 1)}))
        first = Due(NOON - timedelta(days=1), "fx", "F1")
        second = Due(NOON, "order", "O1")
        third = Due(NOON, "order", "O2")
        names = ["order", "fx"]
        assert list(await store.due(names, NOON, limit=2)) == [first, second]
        assert list(await store.due(names, NOON, limit=2, after=second)) == [third]
        assert list(await store.due(names, late, limit=9, after=third)) == [Due(late, "fx", "F2")]

    async def test_a_row_that_is_no_longer_due_leaves_the_timer(self, store: SagaStore) -> None:
        await store.positions(SAGAS)
        key = ("order", "O1")
        await store.save(Saved(states={key: kept("{}", NOON)}, checkpoints={"order": (0, 1)}))
        await store.save(Saved(states={key: kept("{}")}, checkpoints={"order": (1, 2)}))
        assert list(await store.due(["order"], NOON, limit=9)) == []

    async def test_unfinished_rows_are_those_open_or_ended_lately(self, store: SagaStore) -> None:
        await store.positions(SAGAS)
        rows = {
            ("order", "O3"): kept("3"),
            ("order", "O1"): kept("1", NOON - timedelta(days=9)),
            ("order", "O2"): kept("2", NOON, ended=True),
            ("order", "O4"): kept("4", NOON - timedelta(seconds=1), ended=True),
            ("order", "O5"): kept("5", ended=True),
            ("fx", "F1"): kept("6"),
        }
        await store.save(Saved(states=rows, checkpoints={"order": (0, 1)}))
        found = await store.unfinished("order", NOON)
        assert [(k, row.body) for k, row in found.items()] == [
            ("O1", "1"),
            ("O2", "2"),
            ("O3", "3"),
        ]

    async def test_another_version_of_a_saga_starts_over_and_leaves_the_others(
        self, store: SagaStore
    ) -> None:
        await store.positions(SAGAS)
        states = {("order", "O1"): kept("{}", NOON), ("fx", "F1"): kept("{}")}
        moves = {"order": (0, 4), "fx": (0, 4)}
        both = (owed(1), owed(2, saga="fx"))
        await store.save(Saved(states=states, owed=both, checkpoints=moves))
        assert await store.positions({"order": 2, "fx": 1}) == {"order": 0, "fx": 4}
        assert list(await store.load(list(states))) == [("fx", "F1")]
        assert [o.saga for o in await store.owed(limit=9)] == ["fx"]

    async def test_a_reset_saga_is_read_again_from_the_beginning(self, store: SagaStore) -> None:
        await store.positions(SAGAS)
        states = {("order", "O1"): kept("{}")}
        await store.save(Saved(states=states, owed=(owed(1),), checkpoints={"order": (0, 4)}))
        await store.reset("order")
        assert await store.positions(SAGAS) == {"order": 0, "fx": 0}
        assert await store.load(list(states)) == {}
        assert list(await store.owed(limit=9)) == []
