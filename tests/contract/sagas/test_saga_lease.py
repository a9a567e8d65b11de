"""Only the lease's holder leads the sagas; a fence refuses the writes of every other process."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.postgres.sagas.lease import Holder, SagaLease
from adapters.postgres.sagas.store import PostgresSagaStore
from sagas.engine.ports import Expelled, Kept, Saved
from streams.sagas.worker import LeaseHeld, holding

KEPT = Kept(body="{}")


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PostgresSagaStore]:
    opened = await PostgresSagaStore.connect(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def leases(database_url: str, store: PostgresSagaStore) -> AsyncIterator[Any]:
    """A function that makes a lease for a holder; `store` has made the table."""
    made: list[SagaLease] = []

    def lease(holder: str, lease_s: float = 10.0) -> SagaLease:
        made.append(SagaLease(database_url, holder, lease_s=lease_s))
        return made[-1]

    yield lease
    for one in made:
        await one.close()


def page(before: int, after: int) -> Saved:
    return Saved(states={("order", f"O{after}"): KEPT}, checkpoints={"order": (before, after)})


async def test_one_holds_the_lease_and_the_next_has_it_when_it_is_released(leases: Any) -> None:
    one, other = leases("one"), leases("other")
    fence = await one.take()
    assert fence == 1
    assert await other.take() is None
    assert await one.renew(fence)
    assert await other.holder() == Holder("one", 1)
    await one.release(fence)
    assert await other.holder() is None
    assert await other.take() == 2
    assert not await one.renew(fence)


async def test_a_lease_that_was_not_renewed_runs_out(leases: Any) -> None:
    one, other = leases("one", 0.3), leases("other")
    fence = await one.take()
    assert await other.take() is None
    await asyncio.sleep(0.4)
    assert await other.take() == fence + 1
    assert not await one.renew(fence)


async def test_a_restarted_holder_has_it_at_once_under_a_new_fence(leases: Any) -> None:
    assert await leases("one").take() == 1
    assert await leases("one").take() == 2


async def test_many_ask_at_once_and_one_gets_it(leases: Any) -> None:
    found = await asyncio.gather(*(leases(f"w{n}").take() for n in range(6)))
    assert sorted(f is not None for f in found) == [False] * 5 + [True]


async def test_what_comes_from_under_an_older_fence_is_expelled_and_nothing_of_it_is_kept(
    store: PostgresSagaStore, leases: Any
) -> None:
    await store.positions({"order": 1})
    one, other = leases("one"), leases("other")
    store.fence = fence = await one.take()
    await store.save(page(0, 5))
    await one.release(fence)
    await other.take()
    with pytest.raises(Expelled):
        await store.save(page(5, 9))
    with pytest.raises(Expelled):
        await store.acknowledge(["order-O@1#order.0"])
    assert await store.positions({"order": 1}) == {"order": 5}
    assert await store.load([("order", "O9")]) == {}


async def test_taking_the_lease_waits_for_what_its_holder_is_writing(
    store: PostgresSagaStore, leases: Any, database_url: str
) -> None:
    await store.positions({"order": 1})
    one, other = leases("one", 0.2), leases("other")
    store.fence = await one.take()
    async with store._fenced() as connection:  # a save has begun
        await asyncio.sleep(0.3)  # the lease expires meanwhile
        taking = asyncio.create_task(other.take())
        await asyncio.sleep(0.2)
        assert not taking.done()
        await connection.execute("select 1")
    assert await taking == 2


async def test_a_process_that_drives_the_sagas_itself_holds_the_lease_meanwhile(
    store: PostgresSagaStore, leases: Any
) -> None:
    worker = leases("worker")
    async with holding(leases("simulate", 0.6), store):
        assert store.fence == 1
        await asyncio.sleep(1.0)  # it is renewed
        assert await worker.take() is None
    assert store.fence is None
    assert await worker.take() == 2
    with pytest.raises(LeaseHeld, match="--views all"):
        async with holding(leases("simulate"), store):
            raise AssertionError("not reached")
