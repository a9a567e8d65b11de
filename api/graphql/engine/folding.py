"""Limits on folds of the log: each operation pays by steps, and all operations take turns.

    fold --pay(steps)--> goes on in slices, one at a time in the process
                    |--> over `LIGHT`: waits for one of `LANES` places, kept to the operation's end
                    '--> over `STEPS_MAX`: refused, TOO_COMPLEX

The cost is known before anything is read: a stream's version is its number of events. A step is
one event folded by one view, 6 to 7 microseconds; reading an event costs `READ` steps. However many
operations fold, the loop runs its other tasks after each slice, and their memory has a bound.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.graphql.engine.faults import TOO_COMPLEX, UNAVAILABLE, fault

STEPS_MAX = 500_000  # of one operation: about three seconds of work
LIGHT = 20_000  # steps that an operation may spend without a place
READ = 2  # steps that reading one event costs
LANES = 2  # operations over `LIGHT` at a time
PATIENCE_S = 10.0  # the longest wait for a place
SLICE = 100  # events folded without a pause


class Turns:
    """The slice and the places that all operations of a process share."""

    def __init__(self, lanes: int = LANES) -> None:
        self.slice = asyncio.Semaphore(1)
        self.places = asyncio.Semaphore(lanes)


class Purse:
    """The steps that one operation has spent on folds."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._placing: asyncio.Task[bool] | None = None
        self.spent = 0

    async def pay(self, steps: int) -> None:
        """Pay for `steps`; call it before the work.

        Raises:
            GraphQLError: TOO_COMPLEX, or UNAVAILABLE when no place became free.
        """
        self.spent += steps
        self._check()
        if self.spent <= LIGHT:
            return
        if self._placing is None:
            self._placing = asyncio.create_task(self._place())
        if not await asyncio.shield(self._placing):
            raise fault(UNAVAILABLE, "too many long folds are under way; try again")

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold this for one slice of work; then the other operations get their turns.

        Raises:
            GraphQLError: TOO_COMPLEX: the operation has meanwhile exceeded `STEPS_MAX`.
        """
        self._check()
        async with self._turns.slice:
            yield
            await asyncio.sleep(0)  # let the loop run its other tasks before the next slice

    async def close(self) -> None:
        """Give the place back."""
        if self._placing is not None:
            await asyncio.wait([self._placing])
            if self._placing.result():
                self._turns.places.release()

    def _check(self) -> None:
        if self.spent > STEPS_MAX:
            text = f"folding for asOf or knownAt takes more than {STEPS_MAX} steps"
            raise fault(TOO_COMPLEX, f"{text} (events times views); ask for less at once")

    async def _place(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._turns.places.acquire()
        except TimeoutError:
            return False
