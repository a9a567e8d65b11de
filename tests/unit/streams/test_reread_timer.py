"""How often a runner reads again what its store may have lost, in virtual time."""

import asyncio

from simulation.faults.virtual_time import run
from streams.reread_timer import TRUST_S, RereadTimer


def test_the_first_time_is_due_and_the_next_only_after_the_trust() -> None:
    async def main() -> list[bool]:
        timer = RereadTimer()
        found = [timer.due(), timer.due()]
        await asyncio.sleep(TRUST_S)
        found.append(timer.due())
        await asyncio.sleep(0.1)
        found += [timer.due(), timer.due()]
        return found

    assert run(main()) == [True, False, False, True, False]


def test_the_trust_counts_from_when_it_was_due_and_not_from_each_question() -> None:
    async def main() -> list[float]:
        timer, due_at = RereadTimer(), []
        for second in range(3 * int(TRUST_S) + 3):
            if timer.due():
                due_at.append(float(second))
            await asyncio.sleep(1.0)
        return due_at

    assert run(main()) == [0.0, TRUST_S + 1, 2 * TRUST_S + 2]
