"""Keeps a member in a consumer group: joins again whenever the bus fails.

    join -> records ... --the bus fails it--> leave -> pause, longer each time -> join again
                  `-a record cannot be handled-> raised: this process cannot go on

Without a member, the process works from the log. It ends when its members have failed
`FAILURES_MAX` times in a row: that also clears what failed members leave behind in the process.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from adapters.bus.outlet import BusUnavailable
from adapters.host.retry import Retry
from streams import waits
from streams.supervise import STEADY_S

RETRY_MIN_S, RETRY_MAX_S = 0.5, 10.0
FAILURES_MAX = 20  # in a row

_log = logging.getLogger(__name__)


class Member(Protocol):
    """`adapters.kafka.pages.FaustPages`."""

    async def start(self) -> None: ...

    async def failed(self) -> BaseException: ...

    async def stop(self) -> None: ...

    async def send_letter(self, value: bytes, headers: dict[str, str], /) -> None: ...


Left = Callable[[], Awaitable[None]]


class Membership:
    """A process's membership in one group, over all its members.

    Args:
        name: for log lines and errors.
        join: makes a member, not started.
        left: called when a member has left, so that the process gives up its partitions.
    """

    def __init__(self, name: str, join: Callable[[], Member], *, left: Left | None = None) -> None:
        self.fault = ""  # why no records come
        self._name, self._join, self._left = name, join, left
        self._member: Member | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Be a member until `stop`; then leave the group in order.

        Raises:
            BusUnavailable: `FAILURES_MAX` members failed in a row.
            Exception: the error of a member that could not handle a record.
        """
        retry, failures = Retry(RETRY_MIN_S, RETRY_MAX_S), 0
        while not stop.is_set():
            failure, lasted_s = await self._once(stop)
            if failure is None:
                return
            if not isinstance(failure, BusUnavailable):
                raise failure
            if lasted_s > STEADY_S:
                retry.reset()
                failures = 0
            failures += 1
            self._failed(failure)
            if failures >= FAILURES_MAX:
                raise failure
            await waits.pause(stop, retry.next_s())

    async def send_letter(self, value: bytes, headers: dict[str, str]) -> None:
        """Publish a dead letter.

        Raises:
            BusUnavailable: there is no member at the moment.
        """
        if self._member is None:
            raise BusUnavailable(f"{self._name}: not a member of the group")
        await self._member.send_letter(value, headers)

    async def _once(self, stop: asyncio.Event) -> tuple[BaseException | None, float]:
        """Run one member; what ended it (None: `stop`), and its seconds without the leaving."""
        member, began = self._join(), waits.now()
        starting = asyncio.create_task(self._started(member))
        failed = asyncio.create_task(member.failed())
        try:
            await waits.first(self._broken(starting), _finished(failed), stop.wait())
            return _failure(starting, failed), waits.now() - began
        finally:
            self._member = None
            await waits.cancel(starting, failed)
            await self._leave(member)

    async def _started(self, member: Member) -> None:
        await member.start()
        self._member, self.fault = member, ""

    async def _broken(self, starting: "asyncio.Task[None]") -> None:
        """Return when the start has failed; after a start that succeeded, wait for ever."""
        await asyncio.wait([starting])
        if not starting.cancelled() and starting.exception() is None:
            await asyncio.Event().wait()

    async def _leave(self, member: Member) -> None:
        try:
            await member.stop()
        except Exception as e:  # the member is gone either way
            _log.info("%s: an error while leaving the group: %s", self._name, _text(e))
        if self._left is not None:
            await self._left()

    def _failed(self, failure: BaseException) -> None:
        if (text := _text(failure)) != self.fault:
            _log.warning("%s: %s", self._name, text)
        self.fault = text


def _failure(
    starting: "asyncio.Task[None]", failed: "asyncio.Task[BaseException]"
) -> BaseException | None:
    if failed.done():
        return failed.result()
    if starting.done() and (error := starting.exception()) is not None:
        return BusUnavailable(_text(error))
    return None


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__


async def _finished(task: "asyncio.Task[BaseException]") -> None:
    await asyncio.wait([task])
