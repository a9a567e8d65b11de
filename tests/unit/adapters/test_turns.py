"""Calls on the same stream take turns in the order in which they came, also when one is cancelled.

In virtual time: each call holds its streams for a second.
"""

import asyncio
from collections.abc import Collection

from adapters.log.turns import Turns
from simulation.faults.virtual_time import run


class Calls:
    def __init__(self) -> None:
        self.turns = Turns()
        self.spans: dict[str, tuple[float, float]] = {}  # began, ended

    async def call(self, name: str, streams: Collection[str], error: bool = False) -> None:
        clock = asyncio.get_running_loop().time
        async with self.turns.of(streams):
            began = clock()
            await asyncio.sleep(1.0)
            self.spans[name] = began, clock()
            if error:
                raise ValueError(name)

    async def begin(self, name: str, *streams: str, error: bool = False) -> "asyncio.Task[None]":
        task = asyncio.create_task(self.call(name, streams, error))
        await asyncio.sleep(0)
        return task


def test_calls_on_one_stream_take_turns_and_others_do_not_wait() -> None:
    async def main() -> dict[str, tuple[float, float]]:
        calls = Calls()
        tasks = [
            await calls.begin(*words) for words in (("a", "x"), ("b", "x"), ("c", "y"), ("d", "x"))
        ]
        await asyncio.gather(*tasks)
        assert not calls.turns.streams
        return calls.spans

    assert run(main()) == {"a": (0.0, 1.0), "c": (0.0, 1.0), "b": (1.0, 2.0), "d": (2.0, 3.0)}


def test_a_call_on_two_streams_waits_for_both_and_holds_both() -> None:
    async def main() -> dict[str, tuple[float, float]]:
        calls = Calls()
        order = (("a", "x"), ("b", "y"), ("both", "x", "y"), ("c", "x"), ("d", "y"))
        tasks = [await calls.begin(*words) for words in order]
        await asyncio.gather(*tasks)
        return calls.spans

    spans = run(main())
    assert spans["both"] == (1.0, 2.0)
    assert spans["c"] == spans["d"] == (2.0, 3.0)


def test_an_error_ends_the_turn() -> None:
    async def main() -> dict[str, tuple[float, float]]:
        calls = Calls()
        tasks = [await calls.begin("a", "x", error=True), await calls.begin("b", "x")]
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(found[0], ValueError)
        assert not calls.turns.streams
        return calls.spans

    assert run(main())["b"] == (1.0, 2.0)


def test_a_call_that_is_cancelled_in_its_turn_lets_the_next_one_in() -> None:
    async def main() -> dict[str, tuple[float, float]]:
        calls = Calls()
        first, second = await calls.begin("a", "x"), await calls.begin("b", "x")
        await asyncio.sleep(0.5)
        first.cancel()
        await second
        assert first.cancelled() and not calls.turns.streams
        return calls.spans

    assert run(main()) == {"b": (0.5, 1.5)}


def test_behind_a_call_that_is_cancelled_in_line_no_call_overtakes_those_before_it() -> None:
    async def main() -> dict[str, tuple[float, float]]:
        calls = Calls()
        first, second = await calls.begin("a", "x"), await calls.begin("b", "x", "y")
        third, other = await calls.begin("c", "x"), await calls.begin("d", "y")
        second.cancel()
        await asyncio.gather(first, third, other)
        assert second.cancelled() and not calls.turns.streams
        return calls.spans

    spans = run(main())
    assert spans["a"] == (0.0, 1.0)
    assert spans["c"] == spans["d"] == (1.0, 2.0)
