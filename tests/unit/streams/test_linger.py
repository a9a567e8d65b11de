"""The runner lingers, in virtual time: events gather, and a caller that waits is not delayed."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from adapters.memory.sink import MemorySink
from domain.shared.envelope import Envelope
from projections.engine.runner import NEAR_PAGE
from projections.ports import Change, Unstorable
from simulation.faults import virtual_time
from streams.views.inline import CALM_S, COMPANY, LINGER_S, InlineRunner
from tests.unit.projections.listening import Listening, said
from tests.unit.projections.view_log import GAP
from tests.unit.streams.growing_log import GrowingLog

EVENTS = said(*["A:x"] * (NEAR_PAGE + 10)).envelopes
QUIET_S = 10.5  # long after the start, and no multiple of a time-out


class Store(MemorySink):
    """Takes a time to save."""

    takes_s = 0.0
    refuses = "", 0  # a view, and the event that it cannot store

    async def save(self, changes: Sequence[Change], /) -> None:
        view, nth = self.refuses
        if any(view == c.view.NAME and c.after >= nth * GAP for c in changes):
            raise Unstorable(view)
        await asyncio.sleep(self.takes_s)
        await super().save(changes)


class World:
    """A runner that follows a log; each save is noted with its moment."""

    def __init__(self) -> None:
        self.log, self.sink, self.saves = GrowingLog(), Store(), list[tuple[float, int]]()
        self.runner = InlineRunner(self.log, self.sink, [Listening(), Listening("picky")])
        self.runner.listen(self._saved)
        self.stop = asyncio.Event()
        self.running = asyncio.create_task(self.runner.run(self.stop))
        self._left = iter(EVENTS)

    def _saved(self, changes: Sequence[Change]) -> None:
        if changes:
            self.saves.append((now(), self.runner.watermark() // GAP))

    def append(self, count: int = 1) -> Envelope:
        events = [next(self._left) for _ in range(count)]
        self.log.append(*events)
        return events[-1]


def now() -> float:
    return asyncio.get_running_loop().time()


def virtually(script: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        world = World()
        await asyncio.sleep(QUIET_S)
        await script(world)

    virtual_time.run(run())


def test_the_first_event_after_a_pause_is_folded_at_once() -> None:
    async def script(world: World) -> None:
        world.append()
        await asyncio.sleep(LINGER_S / 100)
        assert world.saves == [(QUIET_S, 1)]

    virtually(script)


def test_the_events_behind_it_gather_for_the_bound_and_no_longer() -> None:
    async def script(world: World) -> None:
        for _ in range(10):
            world.append()
            await asyncio.sleep(LINGER_S / 20)
        await asyncio.sleep(LINGER_S)
        assert world.saves == [(QUIET_S, 1), (pytest.approx(QUIET_S + LINGER_S), 10)]

    virtually(script)


def test_a_caller_that_waits_for_a_position_waits_for_no_other_event() -> None:
    async def script(world: World) -> None:
        world.append()
        await asyncio.sleep(LINGER_S / 10)
        started, wanted = now(), world.append()
        assert await world.runner.wait_for(wanted.position, timeout_s=5)
        assert now() == started
        assert [count for _, count in world.saves] == [1, 2]

    virtually(script)


def test_a_caller_that_waits_for_an_event_to_come_gets_it_at_once() -> None:
    async def script(world: World) -> None:
        world.append()
        waiting = asyncio.create_task(world.runner.wait_for(2 * GAP, timeout_s=5))
        await asyncio.sleep(LINGER_S / 10)
        started = now()
        world.append()
        assert await waiting
        assert now() == started

    virtually(script)


def test_after_a_caller_that_needed_a_position_it_does_not_linger_for_a_while() -> None:
    async def script(world: World) -> None:
        world.append()
        await asyncio.sleep(LINGER_S)
        world.runner.hurry(GAP)  # passed already: the next read may come before its fold
        for _ in range(2):
            await asyncio.sleep(CALM_S / 3)
            for _ in range(2):
                world.append()
                await asyncio.sleep(LINGER_S / 10)
        assert [count for _, count in world.saves] == [1, 2, 3, 4, 5]
        await asyncio.sleep(CALM_S)
        for _ in range(3):
            world.append()
            await asyncio.sleep(LINGER_S / 10)
        assert [count for _, count in world.saves] == [1, 2, 3, 4, 5, 6]

    virtually(script)


def test_a_hurry_ends_the_lingering_at_once() -> None:
    async def script(world: World) -> None:
        world.append()
        await asyncio.sleep(LINGER_S / 10)
        world.append()
        await asyncio.sleep(LINGER_S / 10)
        world.runner.hurry(2 * GAP)
        await asyncio.sleep(LINGER_S / 10)
        assert [count for _, count in world.saves] == [1, 2]

    virtually(script)


def test_it_lingers_again_when_the_waiter_has_given_up_or_was_cancelled() -> None:
    async def script(world: World) -> None:
        assert not await world.runner.wait_for(99 * GAP, timeout_s=0.5)
        waiting = asyncio.create_task(world.runner.wait_for(99 * GAP, timeout_s=5))
        await asyncio.sleep(0.1)
        waiting.cancel()
        await asyncio.sleep(QUIET_S)
        began = now()
        for _ in range(3):
            world.append()
            await asyncio.sleep(LINGER_S / 10)
        await asyncio.sleep(LINGER_S)
        assert world.saves == [(began, 1), (pytest.approx(began + LINGER_S), 3)]

    virtually(script)


def test_while_a_listener_is_urgent_every_event_is_folded_as_it_comes() -> None:
    async def script(world: World) -> None:
        urgent = True
        leave = world.runner.listen(lambda changes: None, urgent=lambda: urgent)
        for _ in range(3):
            world.append()
            await asyncio.sleep(LINGER_S / 10)
        assert [count for _, count in world.saves] == [1, 2, 3]
        leave()
        await asyncio.sleep(QUIET_S)
        for _ in range(3):
            world.append()
            await asyncio.sleep(LINGER_S / 10)
        assert [count for _, count in world.saves] == [1, 2, 3, 4]

    virtually(script)


def test_a_fold_that_takes_as_long_is_followed_by_the_next() -> None:
    async def script(world: World) -> None:
        world.sink.takes_s = LINGER_S
        world.append()
        await asyncio.sleep(LINGER_S / 2)
        world.append()
        await asyncio.sleep(2 * LINGER_S)
        moments = [at - QUIET_S for at, _ in world.saves]
        assert moments == [pytest.approx(LINGER_S), pytest.approx(2 * LINGER_S)]

    virtually(script)


def test_events_that_come_during_a_fold_wait_for_company_too() -> None:
    async def script(world: World) -> None:
        world.sink.takes_s = LINGER_S / 10
        for _ in range(9):
            world.append()
            await asyncio.sleep(LINGER_S / 10)
        await asyncio.sleep(LINGER_S)
        moments = [(at - QUIET_S, count) for at, count in world.saves]
        both = LINGER_S + world.sink.takes_s
        assert moments == [(pytest.approx(world.sink.takes_s), 1), (pytest.approx(both), 9)]

    virtually(script)


def test_a_caller_that_comes_during_a_fold_waits_for_that_fold_and_its_own() -> None:
    async def script(world: World) -> None:
        world.sink.takes_s = LINGER_S / 10
        world.append()
        await asyncio.sleep(LINGER_S / 20)
        wanted = world.append()
        assert await world.runner.wait_for(wanted.position, timeout_s=5)
        assert now() == pytest.approx(QUIET_S + 2 * world.sink.takes_s)

    virtually(script)


def test_a_view_that_has_fallen_behind_by_a_bad_row_goes_on_at_once() -> None:
    async def script(world: World) -> None:
        world.sink.refuses = "picky", 7
        world.append(10)
        await asyncio.sleep(LINGER_S / 10)
        (stuck,) = world.runner.stuck
        assert (stuck.view, stuck.position) == ("picky", 7 * GAP)
        assert world.runner.positions == {"listening": 10 * GAP, "picky": 6 * GAP}

    virtually(script)


def test_company_ends_the_lingering() -> None:
    async def script(world: World) -> None:
        world.append()
        await asyncio.sleep(LINGER_S / 10)
        started, first = now(), world.append()
        world.append(COMPANY // GAP)
        await asyncio.sleep(LINGER_S / 10)
        assert world.saves[-1] == (started, first.position // GAP + COMPANY // GAP)

    virtually(script)


def test_a_whole_page_of_events_ends_the_lingering() -> None:
    async def script(world: World) -> None:
        world.append()
        await asyncio.sleep(LINGER_S / 10)
        world.append(NEAR_PAGE)
        await asyncio.sleep(LINGER_S / 10)
        assert world.saves[-1][1] == NEAR_PAGE + 1

    virtually(script)


def test_stopping_ends_it_at_once() -> None:
    async def script(world: World) -> None:
        world.append()
        await asyncio.sleep(LINGER_S / 10)
        started = now()
        world.stop.set()
        await world.running
        assert now() == started

    virtually(script)


def test_cancelling_ends_it_and_leaves_no_task_behind() -> None:
    async def script(world: World) -> None:
        world.append()
        await asyncio.sleep(LINGER_S / 10)
        world.running.cancel()
        await asyncio.gather(world.running, return_exceptions=True)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    virtually(script)
