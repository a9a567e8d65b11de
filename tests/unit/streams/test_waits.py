"""Waiting, in virtual time: how long it lasts, what ends it, and that no task is left behind."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from simulation.faults.virtual_time import run
from streams import waits


async def endless() -> None:
    await asyncio.Event().wait()


async def after(seconds: float, error: Exception | None = None) -> str:
    await asyncio.sleep(seconds)
    if error is not None:
        raise error
    return "done"


def set_after(seconds: float) -> asyncio.Event:
    event = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, event.set)
    return event


def others() -> set["asyncio.Task[Any]"]:
    return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]


async def took_s(work: Awaitable[object]) -> float:
    begun = waits.now()
    await work
    return waits.now() - begun


@pytest.mark.parametrize(
    ("set_s", "lasts_s", "is_set"), [(0.0, 0.0, True), (2.0, 2.0, True), (9.0, 5.0, False)]
)
def test_a_pause_lasts_until_the_event_or_its_time(
    set_s: float, lasts_s: float, is_set: bool
) -> None:
    async def main() -> tuple[float, bool]:
        event = set_after(set_s)
        begun = waits.now()
        found = await waits.pause(event, 5.0)
        return waits.now() - begun, found

    assert run(main()) == (lasts_s, is_set)


def test_a_pause_that_nothing_ends_lasts_its_whole_time() -> None:
    async def main() -> tuple[float, bool]:
        found = await waits.pause(None, 5.0)
        return waits.now(), found

    assert run(main()) == (5.0, False)


def test_an_event_that_is_set_ends_a_pause_of_no_length_too() -> None:
    async def main() -> bool:
        event = asyncio.Event()
        event.set()
        return await waits.pause(event, 0.0)

    assert run(main())


def test_a_cancelled_pause_is_cancelled_and_not_over() -> None:
    async def main() -> bool:
        pausing = asyncio.create_task(waits.pause(asyncio.Event(), 5.0))
        await waits.breathe()
        pausing.cancel()
        await asyncio.wait([pausing])
        return pausing.cancelled()

    assert run(main())


def test_to_breathe_lets_the_other_tasks_run_and_takes_no_time() -> None:
    async def main() -> tuple[float, bool]:
        other = asyncio.create_task(after(0.0))
        await waits.breathe()
        await waits.breathe()
        return waits.now(), other.done()

    assert run(main()) == (0.0, True)


def test_the_first_ends_the_others_and_waits_for_their_end() -> None:
    ended: list[str] = []

    async def slow_to_end() -> None:
        try:
            await endless()
        finally:
            await asyncio.sleep(1.0)
            ended.append("slow")

    async def main() -> float:
        spent = await took_s(waits.first(after(2.0), slow_to_end()))
        assert not others()
        return spent

    assert run(main()) == 3.0
    assert ended == ["slow"]


def test_without_a_first_the_time_is_the_bound() -> None:
    async def main() -> float:
        spent = await took_s(waits.first(endless(), endless(), timeout_s=4.0))
        assert not others()
        return spent

    assert run(main()) == 4.0


def test_an_error_of_the_first_is_not_raised() -> None:
    assert run(took_s(waits.first(after(1.0, ValueError("no")), endless()))) == 1.0


@pytest.mark.parametrize("ending", [lambda task: task.cancel(), lambda task: None])
def test_a_cancelled_wait_leaves_no_task_behind(
    ending: Callable[["asyncio.Task[None]"], object],
) -> None:
    async def main() -> None:
        waiting = asyncio.create_task(waits.first(endless(), endless(), timeout_s=1.0))
        await waits.breathe()
        await waits.breathe()
        ending(waiting)
        await asyncio.wait([waiting])
        assert not others()

    run(main())


def test_a_watch_ends_with_a_task_and_the_others_go_on() -> None:
    async def main() -> tuple[float, bool]:
        short, long = asyncio.create_task(after(1.0)), asyncio.create_task(after(9.0))
        spent = await took_s(waits.watch(asyncio.Event(), short, long))
        await waits.breathe()
        assert others() == {long}
        return spent, short.done()

    assert run(main()) == (1.0, True)


@pytest.mark.parametrize(("set_s", "timeout_s", "lasts_s"), [(2.0, None, 2.0), (9.0, 3.0, 3.0)])
def test_a_watch_ends_with_stop_or_its_time(
    set_s: float, timeout_s: float | None, lasts_s: float
) -> None:
    async def main() -> float:
        stop, task = set_after(set_s), asyncio.create_task(endless())
        spent = await took_s(waits.watch(stop, task, timeout_s=timeout_s))
        await waits.breathe()
        assert others() == {task}
        return spent

    assert run(main()) == lasts_s


def test_work_that_ends_before_stop_has_its_error_raised() -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="no"):
            await waits.until(asyncio.Event(), after(1.0, ValueError("no")))
        await waits.breathe()
        assert not others()

    run(main())


def test_work_is_cancelled_when_stop_is_set() -> None:
    async def main() -> float:
        spent = await took_s(waits.until(set_after(2.0), endless()))
        await waits.breathe()
        assert not others()
        return spent

    assert run(main()) == 2.0


def deaf(times: int, lost: list[float]) -> Awaitable[None]:
    """Work that loses its first `times` cancellations."""

    async def work() -> None:
        while True:
            try:
                await endless()
            except asyncio.CancelledError:
                if len(lost) == times:
                    raise
                lost.append(waits.now())

    return work()


def test_a_cancellation_that_is_lost_is_repeated() -> None:
    lost: list[float] = []

    async def main() -> float:
        task = asyncio.ensure_future(deaf(2, lost))
        await waits.breathe()
        return await took_s(waits.cancel(task))

    assert run(main()) == 2 * waits.CANCEL_S
    assert lost == [0.0, waits.CANCEL_S]


def test_a_cancelled_canceller_ends_only_after_the_tasks() -> None:
    lost: list[float] = []

    async def main() -> None:
        task = asyncio.ensure_future(deaf(2, lost))
        await waits.breathe()
        cancelling = asyncio.create_task(waits.cancel(task))
        await waits.breathe()
        cancelling.cancel()
        await asyncio.wait([cancelling])
        assert cancelling.cancelled() and task.cancelled()

    run(main())
    assert len(lost) == 2


def test_the_errors_of_cancelled_tasks_are_not_raised() -> None:
    async def main() -> None:
        failed = asyncio.create_task(after(0.0, ValueError("no")))
        await asyncio.wait([failed])
        await waits.cancel(failed, asyncio.create_task(endless()))
        assert not others()

    run(main())


def test_to_cancel_nothing_takes_no_time() -> None:
    assert run(took_s(waits.cancel())) == 0.0
