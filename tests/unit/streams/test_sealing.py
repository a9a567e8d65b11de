"""Sealing: how long an event may wait for its checkpoint, and where that checkpoint ends."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.proof.log_audit import verify
from adapters.proof.signing import Signer
from commands.handler import Outcome
from commands.ports import Request
from domain.checkpoint import STREAM as SIGNED
from domain.house import FundHouse
from domain.saga import DeadlinePassed
from streams.log.sealing import STREAM, Seal, is_seal
from streams.log.signer import CheckpointSigner
from tests.unit.adapters.platform import NOW, WriteSide

SIGNER = Signer(b"k" * 32)


class Sealed:
    """A write side whose signer seals every 60 seconds."""

    def __init__(self) -> None:
        self.side = WriteSide()
        self.seal = Seal(self.send, self.side.clock, every_s=60)
        self.signer = self.another()

    def another(self) -> CheckpointSigner:
        return CheckpointSigner(self.side.log, SIGNER, self.send, seal=self.seal)

    async def send(self, requests: Sequence[Request]) -> Sequence[Outcome]:
        return await self.side.handler.handle(requests)

    async def fund(self) -> None:
        await self.side.do(FundHouse(currency="USD", amount=Decimal("1.00")))

    async def names(self) -> list[str]:
        return [e.stream for e in await self.side.log.after(0, limit=100)]

    async def ran(self, signer: CheckpointSigner | None = None) -> None:
        """One start and stop of the signer."""
        stop = asyncio.Event()
        running = asyncio.create_task((signer or self.signer).run(stop))
        await asyncio.sleep(0.05)
        stop.set()
        await running

    async def turned(self) -> None:
        """One round of the running signer."""
        await self.signer.catch_up()
        if await self.seal.due(self.signer._unsealed_since):
            await self.signer.catch_up()


async def test_an_event_waits_for_its_checkpoint_no_longer_than_the_bound() -> None:
    world = Sealed()
    await world.fund()
    world.side.clock.set(NOW + timedelta(seconds=59))
    await world.turned()
    assert await world.names() == ["house-main"]
    world.side.clock.set(NOW + timedelta(seconds=60))
    await world.turned()
    assert await world.names() == ["house-main", STREAM, SIGNED]


async def test_a_log_at_rest_is_sealed_once_and_grows_no_more() -> None:
    world = Sealed()
    await world.fund()
    for minute in range(1, 6):
        world.side.clock.set(NOW + timedelta(minutes=minute))
        await world.turned()
    assert await world.names() == ["house-main", STREAM, SIGNED]


async def test_events_at_the_very_moment_of_a_seal_are_sealed_by_the_next_one() -> None:
    world = Sealed()
    await world.fund()
    world.side.clock.set(NOW + timedelta(minutes=1))
    await world.turned()
    await world.fund()  # committed at the moment that has just passed
    world.side.clock.set(NOW + timedelta(minutes=2))
    await world.turned()
    assert (await world.names()).count(SIGNED) == 2
    assert (await verify(world.side.log, SIGNER.verifier))["unsealed"] == 0


async def test_two_signers_pass_one_deadline_and_make_one_statement() -> None:
    world = Sealed()
    other = world.another()
    await world.fund()
    world.side.clock.set(NOW + timedelta(minutes=1))
    for one in (world.signer, other):
        await one.catch_up()
    due = [await world.seal.due(NOW), await world.seal.due(NOW)]
    assert due == [True, True]  # both have one message id: the second repeats
    for one in (world.signer, other):
        await one.catch_up()
    assert await world.names() == ["house-main", STREAM, SIGNED]


async def test_any_signer_cuts_where_the_deadline_is_in_the_log() -> None:
    world = Sealed()
    await world.fund()
    await world.seal.now(NOW)
    await world.fund()
    await CheckpointSigner(world.side.log, SIGNER, world.send).catch_up()  # seals nothing itself
    [signed] = await world.side.log.select(SIGNED)
    assert signed.event.last_position == 2  # type: ignore[attr-defined]


async def test_what_is_left_is_sealed_at_the_shutdown() -> None:
    world = Sealed()
    await world.fund()
    await world.ran()
    assert await world.names() == ["house-main", STREAM, SIGNED]
    await world.ran(world.another())  # and a start and stop without a command adds nothing
    assert len(await world.names()) == 3


async def test_without_a_bound_only_counts_and_closes_cut_the_log() -> None:
    world = Sealed()
    await world.fund()
    await world.ran(CheckpointSigner(world.side.log, SIGNER, world.send))
    assert await world.names() == ["house-main"]


@given(st.datetimes(datetime(1999, 1, 1), datetime(2100, 1, 1)), st.integers(1, 86_400))
def test_the_moment_is_a_multiple_behind_the_event_and_within_the_bound(
    naive: datetime, every: int
) -> None:
    since = naive.replace(tzinfo=UTC)
    moment = Seal(None, lambda: since, every_s=every)._moment(since)  # type: ignore[arg-type]
    assert since < moment <= since + timedelta(seconds=every)
    assert int(moment.timestamp()) % every == 0


@pytest.mark.parametrize("saga", ["order", "settlement", "sealed", ""])
def test_no_other_deadline_cuts_the_log(saga: str) -> None:
    assert not is_seal(DeadlinePassed(saga=saga, saga_id="log", name="seal", due_at=NOW))
