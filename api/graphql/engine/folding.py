"""What folds of the log may cost: an operation by the events it folds, all of them by turns.

    fold --pay(events)--> goes on in slices, one of them a turn of the loop
                     |--> over `LIGHT`: waits for one of `LANES` places, kept to the operation's end
                     '--> over `STEPS_MAX`: refused, TOO_COMPLEX

The price is known before anything is read: a stream's version is its number of events. A step is
one event read or folded by one view, 6 to 7 microseconds. However many operations fold, the loop
does one slice between two looks at everybody else, and what they hold in memory has a bound.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.graphql.engine.faults import TOO_COMPLEX, UNAVAILABLE, fault

STEPS_MAX = 500_000  # of one operation: about three seconds of work
LIGHT = 20_000  # steps that need no place
READ = 2  # steps that reading an event is worth
LANES = 2  # operations with more than that under way
PATIENCE_S = 10.0  # for a place
SLICE = 100  # events at a stretch


class Turns:
    """Shared by all operations of a process."""

    def __init__(self, lanes: int = LANES) -> None:
        self.slice = asyncio.Semaphore(1)
        self.places = asyncio.Semaphore(lanes)


class Purse:
    """What one operation has spent on folds."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._placing: asyncio.Task[bool] | None = None
        self.spent = 0

    async def pay(self, steps: int) -> None:
        """To be called before the work.

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
        """One slice of work; whoever else folds comes next.

        Raises:
            GraphQLError: TOO_COMPLEX: the operation has meanwhile asked for more than it may.
        """
        self._check()
        async with self._turns.slice:
            yield
            await asyncio.sleep(0)  # the turn ends when the loop has looked at everybody else

    async def close(self) -> None:
        """Give the place back."""
        if self._placing is not None:
            await asyncio.wait([self._placing])
            if self._placing.result():
                self._turns.places.release()

    def _check(self) -> None:
        if self.spent > STEPS_MAX:
            says = f"folding for asOf or knownAt takes more than {STEPS_MAX} steps"
            raise fault(TOO_COMPLEX, f"{says} (events times views); ask for less at once")

    async def _place(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._turns.places.acquire()
        except TimeoutError:
            return False
