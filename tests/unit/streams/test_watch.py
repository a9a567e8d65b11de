"""The watch, in virtual time: a follower wakes soon for its own events, and for no others."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from adapters.counterparties.payments import PaymentInstruction
from adapters.memory.saga_store import MemorySagaStore
from commands.handler import Outcome
from commands.ports import Request
from domain.account.withdrawals import WithdrawalSent
from domain.shared.envelope import Envelope
from simulation.faults import virtual_time
from streams.gateways.channels.bank import BankChannel
from streams.gateways.gateway import POLL_S, Gateway
from streams.watch import LOOK_S, RETRY_S, Bell, Watch
from tests.unit.projections.listening import Said, said
from tests.unit.projections.view_log import arrived
from tests.unit.streams.growing_log import GrowingLog

QUIET_S = 10.5
EVENTS = said(*["A:x", "B:y"] * 50).envelopes  # in turn
PATIENCE_S = 60.0


def of(account: str) -> Callable[[Envelope], bool]:
    return lambda e: e.stream == f"account-{account}"


def now() -> float:
    return asyncio.get_running_loop().time()


def virtually(script: Callable[[GrowingLog, Watch], Awaitable[None]]) -> None:
    async def run() -> None:
        log = GrowingLog()
        watch = Watch(log)
        running = asyncio.create_task(watch.run())
        await asyncio.sleep(QUIET_S)
        await script(log, watch)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    virtual_time.run(run())


def test_an_event_rings_the_bell_that_it_concerns_at_once_and_no_other() -> None:
    async def script(log: GrowingLog, watch: Watch) -> None:
        mine, other = watch.bell("mine", of("A")), watch.bell("other", of("B"))
        log.append(EVENTS[0])
        assert await mine.wait(timeout_s=PATIENCE_S)
        assert now() == QUIET_S
        assert not await other.wait(timeout_s=PATIENCE_S)

    virtually(script)


def test_in_a_stream_of_other_events_an_own_one_is_found_within_the_bound() -> None:
    async def script(log: GrowingLog, watch: Watch) -> None:
        bell, reads = watch.bell("mine", of("B")), log.reads
        for event in EVENTS[0:20:2]:
            log.append(event)
            await asyncio.sleep(LOOK_S / 5)
        started = now()
        assert log.reads - reads <= 3
        log.append(EVENTS[21])
        assert await bell.wait(timeout_s=PATIENCE_S)
        assert now() - started <= LOOK_S

    virtually(script)


def test_after_a_bell_has_rung_the_next_look_comes_in_half_the_time() -> None:
    async def script(log: GrowingLog, watch: Watch) -> None:
        bell = watch.bell("mine", of("A"))
        for event in EVENTS[0:6:2]:
            log.append(event)
            started = now()
            assert await bell.wait(timeout_s=PATIENCE_S)
            assert now() - started <= 0.51 * LOOK_S

    virtually(script)


def test_a_bell_stays_rung_until_its_owner_waits_and_is_silent_then() -> None:
    async def script(log: GrowingLog, watch: Watch) -> None:
        bell = watch.bell("mine", of("A"))
        log.append(EVENTS[0], EVENTS[2])
        await asyncio.sleep(QUIET_S)
        started = now()
        assert await bell.wait(timeout_s=1)
        assert now() == started
        assert not await bell.wait(timeout_s=1)
        assert now() == started + 1

    virtually(script)


def test_a_log_that_fails_rings_every_bell_and_is_followed_again_when_it_is_mended() -> None:
    async def script(log: GrowingLog, watch: Watch) -> None:
        one, two = watch.bell("one", of("A")), watch.bell("two", of("B"))
        log.broken = ConnectionError("no server")
        log.append(EVENTS[0])
        assert await one.wait(timeout_s=PATIENCE_S)
        assert await two.wait(timeout_s=PATIENCE_S)
        log.broken = None
        await asyncio.sleep(2 * RETRY_S)
        await two.wait(timeout_s=0)
        log.append(EVENTS[1])
        started = now()
        assert await two.wait(timeout_s=PATIENCE_S)
        assert now() - started <= LOOK_S

    virtually(script)


def test_a_watch_that_starts_late_rings_for_what_came_before() -> None:
    async def run() -> None:
        log = GrowingLog(EVENTS[:3])
        watch = Watch(log)
        bell = watch.bell("mine", of("B"))
        running = asyncio.create_task(watch.run())
        assert await bell.wait(timeout_s=PATIENCE_S)
        assert now() == 0
        running.cancel()

    virtual_time.run(run())


def test_a_follower_that_starts_again_has_one_bell() -> None:
    async def script(log: GrowingLog, watch: Watch) -> None:
        old, new = watch.bell("mine", of("A")), watch.bell("mine", of("A"))
        log.append(EVENTS[0])
        assert await new.wait(timeout_s=PATIENCE_S)
        assert not await old.wait(timeout_s=PATIENCE_S)

    virtually(script)


def test_a_bell_whose_wait_is_cancelled_can_be_waited_for_again() -> None:
    async def script(log: GrowingLog, watch: Watch) -> None:
        bell = watch.bell("mine", of("A"))
        waiting = asyncio.create_task(bell.wait(timeout_s=PATIENCE_S))
        await asyncio.sleep(1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        log.append(EVENTS[0])
        assert await bell.wait(timeout_s=PATIENCE_S)

    virtually(script)


class Bank:
    """A bank that notes when a payment came, and reports nothing."""

    def __init__(self) -> None:
        self.paid: list[tuple[float, str]] = []

    async def submit(self, message: Any, /) -> None:
        assert isinstance(message, PaymentInstruction)
        self.paid.append((now(), message.end_to_end_id))

    async def advance(self, to: datetime, /) -> Sequence[Any]:
        return ()


async def declined(requests: Sequence[Request]) -> Sequence[Outcome]:
    raise AssertionError("nothing is to be recorded")


def unrelated(n: int) -> Envelope:
    return arrived(Said(account_id="A", word="x"), n)


def withdrawal(n: int) -> Envelope:
    sent = WithdrawalSent(account_id="A1", payment_id=f"P{n}", amount=Decimal(1), currency="USD")
    return arrived(sent, n)


def test_a_gateway_sends_a_request_at_once_and_sleeps_through_other_events() -> None:
    async def script(log: GrowingLog, watch: Watch) -> None:
        bank, stop = Bank(), asyncio.Event()
        gateway = Gateway(
            log, MemorySagaStore(), declined, channel=BankChannel(), counterparty=bank
        )
        bell = watch.bell(gateway.name, gateway.concerns)
        running = asyncio.create_task(gateway.run(stop, lambda: datetime.now(UTC), bell))
        reads = log.reads
        for n in range(1, 1_011):  # until the middle between two polls
            log.append(unrelated(n))
            await asyncio.sleep(0.001)
        own, watched = 1.01 / POLL_S, 1.01 / LOOK_S
        assert log.reads - reads <= own + watched + 3
        started = now()
        log.append(withdrawal(1_011))
        await asyncio.sleep(LOOK_S)
        [(at, payment)] = bank.paid
        assert (at - started <= LOOK_S, payment) == (True, "P1011")
        stop.set()
        await running

    virtually(script)


def test_without_a_watch_a_gateway_reads_the_log_at_its_own_pace() -> None:
    async def run() -> None:
        log, bank, stop = GrowingLog(), Bank(), asyncio.Event()
        gateway = Gateway(
            log, MemorySagaStore(), declined, channel=BankChannel(), counterparty=bank
        )
        running = asyncio.create_task(gateway.run(stop, lambda: datetime.now(UTC)))
        await asyncio.sleep(1)
        log.append(withdrawal(1))
        await asyncio.sleep(POLL_S)
        assert [payment for _, payment in bank.paid] == ["P1"]
        stop.set()
        await running

    virtual_time.run(run())


def test_a_bell_that_nothing_rings_is_a_pause() -> None:
    async def run() -> None:
        assert not await Bell().wait(timeout_s=2.5)
        assert now() == 2.5

    virtual_time.run(run())
