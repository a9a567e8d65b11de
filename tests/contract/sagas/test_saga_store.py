"""The store of sagas, in memory and in Postgres, under one suite."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime

import pytest

from adapters.log.recorder import Unavailable
from adapters.memory.saga_store import MemorySagaStore
from adapters.postgres.sagas.store import PostgresSagaStore
from sagas.engine.ports import Expelled, SagaStore, Saved
from tests.contract.sagas.saga_store_suite import SAGAS, SagaStoreSuite, kept, owed
from tests.unit.sagas.world import World, order


class TestMemory(SagaStoreSuite):
    @pytest.fixture
    async def store(self) -> SagaStore:
        return MemorySagaStore()


class TestPostgres(SagaStoreSuite):
    @pytest.fixture
    async def store(self, database_url: str) -> AsyncIterator[SagaStore]:
        opened = await PostgresSagaStore.connect(database_url)
        yield opened
        await opened.close()

    async def test_of_two_runners_one_is_expelled(self, database_url: str) -> None:
        stores = [await PostgresSagaStore.connect(database_url) for _ in range(2)]
        try:
            for store in stores:
                assert await store.positions(SAGAS) == {"order": 0, "fx": 0}
            pages = [
                Saved(
                    states={("order", "O1"): kept(f'"{n}"')},
                    owed=(owed(n),),
                    checkpoints={"order": (0, n)},
                )
                for n in (1, 2)
            ]
            done = await asyncio.gather(
                *(store.save(page) for store, page in zip(stores, pages, strict=True)),
                return_exceptions=True,
            )
            assert sorted(type(d) for d in done if d is not None) == [Expelled]
            winner = done.index(None)
            assert await stores[0].load([("order", "O1")]) == pages[winner].states
            assert list(await stores[0].owed(limit=9)) == list(pages[winner].owed)
        finally:
            for store in stores:
                await store.close()

    async def test_what_was_saved_is_there_after_the_store_is_opened_again(
        self, database_url: str
    ) -> None:
        first = await PostgresSagaStore.connect(database_url)
        await first.positions(SAGAS)
        states = {("order", "O1"): kept("{}")}
        await first.save(Saved(states=states, owed=(owed(1),), checkpoints={"order": (0, 3)}))
        await first.close()
        second = await PostgresSagaStore.connect(database_url)
        try:
            assert await second.positions(SAGAS) == {"order": 3, "fx": 0}
            assert await second.load(list(states)) == states
            assert list(await second.owed(limit=9)) == [owed(1)]
        finally:
            await second.close()

    async def test_the_same_story_leaves_the_same_rows_as_in_memory(
        self, database_url: str
    ) -> None:
        opened = await PostgresSagaStore.connect(database_url)
        try:
            stored, remembered = World(store=opened), World()
            for world in (stored, remembered):
                await world.open()
                await world.do(order())
                await world.until(date(2024, 3, 8))
            assert await stored.balances() == await remembered.balances()
            for name in ("order", "settlement", "kyc", "venue", "custodian"):
                rows = await opened.unfinished(name, datetime(2000, 1, 1, tzinfo=UTC))
                assert rows == await remembered.store.unfinished(
                    name, datetime(2000, 1, 1, tzinfo=UTC)
                )
                keys = list(remembered.store._states)
                assert await opened.load(keys) == remembered.store._states
            assert await opened.owed(limit=1) == []
        finally:
            await opened.close()

    async def test_a_missing_server_is_reported_in_one_line(self) -> None:
        with pytest.raises(Unavailable, match="the sagas' store"):
            await PostgresSagaStore.connect("postgresql://127.0.0.1:1/none")
