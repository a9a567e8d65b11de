"""How often a runner reads again what its store may have lost, in virtual time."""

import asyncio

from simulation.faults.virtual_time import run
from streams.doubt import TRUST_S, Doubt


def test_the_first_time_is_due_and_the_next_only_after_the_trust() -> None:
    async def main() -> list[bool]:
        doubt = Doubt()
        found = [doubt.due(), doubt.due()]
        await asyncio.sleep(TRUST_S)
        found.append(doubt.due())
        await asyncio.sleep(0.1)
        found += [doubt.due(), doubt.due()]
        return found

    assert run(main()) == [True, False, False, True, False]


def test_the_trust_counts_from_when_it_was_due_and_not_from_each_question() -> None:
    async def main() -> list[float]:
        doubt, due_at = Doubt(), []
        for second in range(3 * int(TRUST_S) + 3):
            if doubt.due():
                due_at.append(float(second))
            await asyncio.sleep(1.0)
        return due_at

    assert run(main()) == [0.0, TRUST_S + 1, 2 * TRUST_S + 2]
