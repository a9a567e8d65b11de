"""The dispatcher: concurrent callers in, batches through the one handler, one outcome each.

submit -> group commit -> handler.run(batch) -> outcomes
              `-- while one batch is committed, the next is loaded and decided
"""

import asyncio
import logging
from collections.abc import Sequence
from operator import attrgetter

from adapters.dispatch.group_commit import Closed, Full, GroupCommit
from adapters.log.recorder import Unavailable
from commands.handler import Declined, Handler, Job, Outcome
from commands.ports import KeyDestroyed, Request
from domain.shared.message import RequestRefusal, refused

SNAPSHOTS_MAX = 200  # that may wait for a moment with nothing to do
IDLE_S = 0.01  # how often such a moment is looked for

_log = logging.getLogger(__name__)


class Overloaded(Exception):
    """More commands are waiting than can be promised; try again later."""


class Dispatcher:
    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self._commit: GroupCommit[Job, Outcome] = GroupCommit(
            self._handle, stream=attrgetter("stream"), reads=attrgetter("reads"), name="dispatcher"
        )
        self._snapshotting: asyncio.Task[None] | None = None
        self.trouble = ""  # why the last batch could not be carried out
        self.batches = 0
        self.commands = 0

    async def submit(self, request: Request) -> Outcome:
        """Run one command and wait for its outcome.

        Raises:
            Overloaded: too many are waiting; nothing was done.
            Unavailable: the log cannot be reached; safe to send again under the same key.
        """
        try:
            answer = self._commit.submit(self.handler.job(request))
        except (Closed, Full) as e:
            raise Overloaded(str(e)) from None
        try:
            return await answer
        except Closed as e:
            raise _cut_off(e) from None

    async def submit_many(self, requests: Sequence[Request]) -> list[Outcome]:
        """Run commands in order; they are decided in this order, as one batch where they fit.

        Raises:
            Overloaded, Unavailable: as `submit`.
        """
        try:
            answers = self._commit.submit_in_order(list(map(self.handler.job, requests)))
        except (Closed, Full) as e:
            raise Overloaded(str(e)) from None
        try:
            return await asyncio.gather(*answers)
        except Closed as e:
            raise _cut_off(e) from None

    @property
    def waiting(self) -> int:
        return self._commit.waiting

    async def close(self) -> None:
        """Finish what is pending, then stop."""
        await self._commit.close()
        if self._snapshotting:
            await self._snapshotting
        await self.handler.flush_snapshots()

    async def _handle(self, jobs: Sequence[Job]) -> Sequence[Outcome | Exception]:
        self.batches += 1
        self.commands += len(jobs)
        answers = await self._outcomes(jobs)
        if self.handler.snapshots_due > SNAPSHOTS_MAX:
            await self._snapshots()
        elif self.handler.snapshots_due and not self._snapshotting:
            self._snapshotting = asyncio.create_task(self._when_idle(), name="dispatcher")
        return answers

    async def _outcomes(self, jobs: Sequence[Job]) -> Sequence[Outcome | Exception]:
        """One poisoned stream must not fail its neighbours; message ids make a retry safe."""
        try:
            outcomes = await self.handler.run(jobs)
        except Unavailable as e:
            self._trouble(str(e))
            return [e] * len(jobs)
        except Exception as e:
            if len(jobs) == 1:
                return [_refusal(e) if isinstance(e, KeyDestroyed) else e]
            return [(await self._outcomes([one]))[0] for one in jobs]
        self._trouble("")
        return outcomes

    def _trouble(self, why: str) -> None:
        """Say once what callers are turned away for, and when it is over."""
        if why != self.trouble:
            _log.warning("commands: %s", why or "the event log takes them again")
        self.trouble = why

    async def _when_idle(self) -> None:
        """Snapshots wait until there is nothing better to do."""
        while not self._commit.idle:
            await asyncio.sleep(IDLE_S)
        self._snapshotting = None
        await self._snapshots()

    async def _snapshots(self) -> None:
        try:
            await self.handler.flush_snapshots()
        except Exception as e:  # a lost snapshot costs only time
            _log.info("snapshots: %s", e)


def _refusal(e: KeyDestroyed) -> Declined:
    """An erased client is an ordinary state: what cannot be stored of them, is refused."""
    return Declined(refused(RequestRefusal.CLIENT_ERASED, client_id=e))


def _cut_off(e: Closed) -> Unavailable:
    """It is too late to say that nothing was done."""
    return Unavailable(f"the command was cut off: {e}")
