"""Wakes each follower of the log for the events that concern it, and for no others.

    log --page--> Watch --does it concern you?--> the bell of each such follower

Most events concern no saga and no counterparty. A follower that woke for each event would read and
commit for nothing, hundreds of times a second. So one reader looks at every event on behalf of all.
It looks at the first event after a pause at once, and then at most every `LOOK_S`; twice as often
while bells ring, because the steps of an order follow each other. What it reads stays in the log's
memory, so the followers do not query for it again.

A bell is a hint: each follower has a time-out after which it reads the log in any case.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from adapters.log.recorder import PAGE
from domain.shared.envelope import Envelope
from projections.ports import Log
from streams import waits

LOOK_S = 0.01
WAIT_S, RETRY_S = 1.0, 1.0

Concerns = Callable[[Envelope], object]
"""Whether (as a truth value) an event is of interest to a follower."""


class TailedLog(Log, Protocol):
    def wait(self, position: int, /, *, timeout_s: float) -> Coroutine[Any, Any, bool]: ...


class Bell:
    """Rung by events that concern its owner; stays rung until the owner waits for it."""

    def __init__(self, concerns: Concerns = lambda _: False) -> None:
        self._concerns = concerns
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    def offer(self, page: Sequence[Envelope]) -> bool:
        """Ring if any of these events concerns the owner; return whether the bell rings now."""
        if not self._rung.is_set() and any(self._concerns(arrived) for arrived in page):
            self.ring()
        return self._rung.is_set()

    async def wait(self, *, timeout_s: float) -> bool:
        """Wait until it rings, at most for `timeout_s`; return whether it did.

        It is silent again afterwards, so the owner must read the log after this, not before.
        """
        try:
            return await waits.pause(self._rung, timeout_s)
        finally:
            self._rung.clear()


class Watch:
    def __init__(self, log: TailedLog) -> None:
        self._log = log
        self._bells: dict[str, Bell] = {}

    def bell(self, name: str, concerns: Concerns) -> Bell:
        """The bell of the follower of that name; it replaces one that was made before."""
        self._bells[name] = Bell(concerns)
        return self._bells[name]

    async def run(self) -> None:
        """Follow the log until cancelled. After an error of the log it rings every bell.

        The followers then read the log themselves, meet the same error and report it.
        """
        while True:
            try:
                position = await self._log.last()
                self._ring_all()  # for what was appended before that
                await self._follow(position)
            except Exception:
                self._ring_all()
                await asyncio.sleep(RETRY_S)

    async def _follow(self, position: int) -> None:
        while True:
            page = await self._log.after(position, limit=PAGE)
            ringing = [bell.offer(page) for bell in self._bells.values()]
            position = page[-1].position if page else position
            if len(page) < PAGE:
                await asyncio.sleep(LOOK_S / 2 if any(ringing) else LOOK_S)
                await self._log.wait(position, timeout_s=WAIT_S)

    def _ring_all(self) -> None:
        for bell in self._bells.values():
            bell.ring()
