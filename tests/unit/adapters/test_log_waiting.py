"""Waiting for the log: who waits is woken in order, and who waits no more is forgotten."""

import asyncio

from adapters.log.waiting import GONE_MAX, Tail

FAR = 10**18


class Quiet(Tail):
    """A tail that hears of nothing; the test advances it."""

    def __init__(self) -> None:
        super().__init__(self._nothing)

    async def _nothing(self) -> int:
        return 0

    async def _listen(self) -> None:
        await asyncio.Event().wait()


async def test_waits_that_ran_out_are_not_kept_however_far_their_position_is() -> None:
    tail = Quiet()
    tail.advance(5)
    patient = asyncio.create_task(tail.wait(6, timeout_s=30))
    for position in range(5 * GONE_MAX):
        assert not await tail.wait(FAR + position, timeout_s=0)
    assert len(tail._waiting) <= 2 * GONE_MAX
    tail.advance(7)
    assert await patient
    await tail.close()


async def test_cancelled_waits_are_not_kept_either_and_the_others_are_woken() -> None:
    tail = Quiet()
    patient = [asyncio.create_task(tail.wait(at, timeout_s=30)) for at in range(3 * GONE_MAX)]
    for _ in range(5 * GONE_MAX):
        waiting = asyncio.create_task(tail.wait(FAR, timeout_s=30))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
    assert len(tail._waiting) <= 2 * len(patient)
    tail.advance(3 * GONE_MAX)
    assert all(await asyncio.gather(*patient))
    await tail.close()
