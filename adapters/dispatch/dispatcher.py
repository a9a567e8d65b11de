"""The dispatcher: collects concurrent commands into batches for the one handler.

submit -> group commit -> handler.run(batch) -> one outcome per caller
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

SNAPSHOTS_MAX = 200  # may wait for an idle moment; more are written at once
IDLE_S = 0.01  # between two checks for an idle moment

_log = logging.getLogger(__name__)


class Overloaded(Exception):
    """The dispatcher is full or closing; try again later."""


class Dispatcher:
    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self._commit: GroupCommit[Job, Outcome] = GroupCommit(
            self._handle, stream=attrgetter("stream"), reads=attrgetter("reads"), name="dispatcher"
        )
        self._snapshotting: asyncio.Task[None] | None = None
        self.trouble = ""  # why the last batch failed; "" if it did not
        self.batches = 0
        self.commands = 0

    async def submit(self, request: Request) -> Outcome:
        """Run one command and wait for its outcome.

        Raises:
            Overloaded: too many commands are waiting; this one was not run.
            Unavailable: the log cannot be reached; safe to send again under the same key.
        """
        return await self.outcome_of(self.begin(request))

    def begin(self, request: Request) -> "asyncio.Future[Outcome]":
        """Queue one command; `outcome_of` gives the future's answer or error.

        Raises:
            Overloaded: too many commands are waiting; this one was not run.
        """
        try:
            return self._commit.submit(self.handler.job(request))
        except (Closed, Full) as e:
            raise Overloaded(str(e)) from None

    async def outcome_of(self, begun: "asyncio.Future[Outcome]") -> Outcome:
        """Wait for a command that `begin` has queued.

        Raises:
            Unavailable: as `submit`.
        """
        try:
            return await begun
        except Closed as e:
            raise _cut_off(e) from None

    async def submit_many(self, requests: Sequence[Request]) -> list[Outcome]:
        """Run commands in this order, as one batch if they fit into one.

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
        """Finish pending commands and snapshots, then stop."""
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
        """Run a batch; if it fails, run each job alone, so that a broken stream fails only its own.

        Message ids make the second run safe.
        """
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
        """Log once why commands fail, and once when they work again."""
        if why != self.trouble:
            _log.warning("commands: %s", why or "the event log accepts them again")
        self.trouble = why

    async def _when_idle(self) -> None:
        """Write the snapshots due once no command is waiting or under way."""
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
    """Refuse a command about an erased client: erasure is an ordinary state, not an error."""
    return Declined(refused(RequestRefusal.CLIENT_ERASED, client_id=e))


def _cut_off(e: Closed) -> Unavailable:
    """Unavailable, not Overloaded: the command may already have been committed."""
    return Unavailable(f"the command was interrupted: {e}")
