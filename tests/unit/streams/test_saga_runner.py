"""The runner and the timer: every owed command is sent once, despite crashes in between."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from adapters.memory.saga_store import MemorySagaStore
from commands.handler import Outcome
from commands.ports import Request, Unreadable
from domain.account.cash import DepositCash
from domain.instrument.commands import UseInstrument
from domain.shared.message import Command
from sagas import fx, kyc, order, settlement
from sagas.catalogue import SAGAS
from sagas.engine.ports import Expelled, Saved, message_id
from sagas.engine.runner import advance, commands_of, keys
from streams.sagas.runner import SagaRunner
from streams.sagas.timer import Timer
from tests.unit.sagas.scenario import envelope
from tests.unit.sagas.test_order import placed, reserved
from tests.unit.sagas.world import ISIN, Crashed, Trouble, World
from tests.unit.sagas.world import order as place


async def world_with_an_order(qty: int = 30) -> World:
    world = World()
    await world.open()
    await world.do(UseInstrument(instrument_id="AAPL", isin=ISIN))  # not its first order
    await world.do(place(qty=Decimal(qty)))
    return world


def test_an_owed_command_is_named_after_its_cause_and_carries_its_conversation() -> None:
    page = [envelope(placed, 1, "order-O1")]
    saved = advance([order], {"order": 0}, page, {})
    (owed,) = saved.owed
    assert owed.message_id == "order-O1@1#order.0" == message_id(page[0], "order", 0)
    assert (owed.causation_id, owed.correlation_id) == ("order-O1@1", "m1")
    assert owed.effective_at == page[0].effective_at
    assert saved.checkpoints == {"order": (0, 1)}


def test_what_the_page_itself_shows_as_answered_is_not_owed() -> None:
    cause = envelope(placed, 1, "order-O1")
    effect = envelope(reserved("5005.00"), 2, "account-A1")
    meta = effect.meta.__class__(
        **{f: getattr(effect.meta, f) for f in effect.meta.__struct_fields__}
        | {"message_id": "order-O1@1#order.0", "causation_id": "order-O1@1"}
    )
    effect = effect.__class__(
        **{f: getattr(effect, f) for f in effect.__struct_fields__} | {"meta": meta}
    )
    saved = advance([order], {"order": 0}, [cause, effect], {})
    assert [o.command for o in saved.owed] == ["ReleaseOrder"]
    assert saved.answered == {"order-O1@1#order.0"}


def test_a_caller_s_own_key_never_passes_for_a_saga_s_message() -> None:
    page = [envelope(placed, 1, "order-O1")]
    forged = envelope(reserved("1.00"), 2, "account-A9")
    forged = forged.__class__(
        **{f: getattr(forged, f) for f in forged.__struct_fields__}
        | {
            "meta": forged.meta.__class__(
                **{f: getattr(forged.meta, f) for f in forged.meta.__struct_fields__}
                | {"message_id": "order-O1@1#order.0"}
            )
        }
    )
    assert advance([order], {"order": 0}, [*page, forged], {}).answered == set()


def test_a_saga_that_is_ahead_skips_what_it_has_seen() -> None:
    page = [envelope(placed, 5, "order-O1")]
    positions = {"order": 5, "fx": 0}
    assert keys([order, fx], positions, page) == set()
    saved = advance([order, fx], positions, page, {})
    assert (saved.owed, saved.checkpoints) == ((), {"fx": (0, 5)})


def test_every_command_a_saga_may_send_is_known_by_name() -> None:
    known = commands_of(SAGAS)
    assert {c.__name__ for saga in SAGAS for c in saga.COMMANDS} == set(known)


async def test_a_second_runner_on_the_same_store_is_expelled_and_goes_on_from_there() -> None:
    world = await world_with_an_order()
    other = SagaRunner(world.side.log, world.store, world.send)
    assert await other._store.positions({}) == {}
    other._positions = {s.NAME: 0 for s in SAGAS}  # as if it had read before the step
    await world.runner.step()
    with pytest.raises(Expelled):
        await other.step()
    assert await other.step() == 0


async def test_a_refusal_that_was_recorded_is_not_asked_again_after_a_crash() -> None:
    """Money that came meanwhile must not hold for an order that is being rejected."""
    world = await world_with_an_order(qty=30_000)

    class Dies(MemorySagaStore):
        async def acknowledge(self, message_ids: object, /) -> None:
            raise Crashed

    dying = Dies()
    runner = SagaRunner(world.side.log, dying, world.send)
    with pytest.raises(Crashed):
        await runner.drain()
    (refused,) = await world.named("command.refused")
    assert refused.refusal == "insufficient_funds"
    await world.do(
        DepositCash(account_id="A1", amount=Decimal("9000000.00"), currency="USD", reference="late")
    )
    survivor = MemorySagaStore()
    survivor.__dict__.update(dying.__dict__)
    await SagaRunner(world.side.log, survivor, world.send).drain()
    assert await world.names("order-O1") == ["order.placed", "order.rejected"]
    assert await world.named("funds.reserved") == []


async def test_a_failed_send_keeps_everything_owed() -> None:
    world = await world_with_an_order()

    async def drain() -> None:
        await world.runner.drain()

    world.trouble = Trouble(1)
    with pytest.raises(Crashed):
        await drain()
    assert [o.command for o in await world.store.owed(limit=9)] == ["ReserveForOrder"]
    await drain()
    assert (await world.names("order-O1")) == ["order.placed", "order.released"]


async def test_an_unreadable_target_does_not_stop_the_others() -> None:
    world = await world_with_an_order()
    await world.do(place("O2", qty=Decimal(5)))

    async def send(requests: Sequence[Request]) -> Sequence[Outcome]:
        if any("O1" in str(r.command) for r in requests):
            raise Unreadable("account-A1@7")
        return await world.side.handler.handle(requests)

    runner = SagaRunner(world.side.log, world.store, send)
    await runner.drain()
    assert set(runner.stuck.values()) == {"account-A1@7"}
    assert await world.names("order-O2") == ["order.placed", "order.released"]
    assert [o.saga_id for o in await world.store.owed(limit=9)] == ["O1"]


async def test_a_large_log_is_read_in_pages() -> None:
    world = World()
    await world.open()
    deposits: list[Command] = [
        DepositCash(account_id="A1", amount=Decimal(1), currency="USD", reference=f"d{n}")
        for n in range(1_100)
    ]
    requests = [Request(command=c, message_id=f"d{n}") for n, c in enumerate(deposits)]
    await world.side.handler.handle(requests)
    assert [await world.runner.step() for _ in range(3)] == [1_000, 107, 0]
    assert world.runner.position == await world.side.log.last()


async def test_the_timer_passes_what_is_due_once_and_names_it() -> None:
    world = await world_with_an_order()
    store = world.store
    await world.runner.step()
    states = {
        ("fx", f"F{n}"): _due_fx(date(2024, 3, 6) + timedelta(days=n % 2)) for n in range(1_500)
    }
    before = await store.positions({"fx": fx.VERSION})
    await store.save(Saved(states=states, checkpoints={"fx": (before["fx"], before["fx"])}))
    timer = Timer(store, world.side.handler.handle, sagas=(fx, kyc, settlement))
    assert await timer.next() == datetime(2024, 3, 6, 8, tzinfo=UTC)
    world.clock.set(datetime(2024, 3, 6, 9, tzinfo=UTC))
    assert await timer.fire(datetime(2024, 3, 6, 7, 59, tzinfo=UTC)) == 0
    assert await timer.fire(world.clock()) == 750
    assert await timer.fire(world.clock()) == 0
    (passed,) = [e for e in await world.events() if e.stream == "saga_fx-F0"]
    assert passed.effective_at == datetime(2024, 3, 6, 8, tzinfo=UTC)


def _due_fx(on: date) -> object:
    from sagas.engine.runner import keep  # noqa: PLC0415

    return keep(fx, fx.Fx(account_id="A1", fx_id="F", value_date=on))


async def test_in_the_background_they_drive_an_order_home_and_survive_an_outage() -> None:
    world = await world_with_an_order()
    world.trouble.left = 2  # the second call breaks
    stop = asyncio.Event()

    async def idle(position: int) -> None:
        await asyncio.sleep(0)

    tasks = [
        asyncio.create_task(world.runner.run(stop, idle)),
        asyncio.create_task(world.timer.run(stop, world.clock)),
        *(asyncio.create_task(g.run(stop, world.clock)) for g in world.gateways),
    ]
    try:
        async with asyncio.timeout(20):
            for day, seen in (
                (4, "order.accepted"),
                (5, "trade.booked"),
                (8, "obligation.settled"),
            ):
                world.clock.set(datetime(2024, 3, day, 22, tzinfo=UTC))
                while not await world.named(seen):
                    await asyncio.sleep(0.05)
    finally:
        stop.set()
        await asyncio.gather(*tasks)
    assert world.trouble.left == 0
