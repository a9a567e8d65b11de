"""Wait, up to a limit, until a command is settled (`Prefer: wait`): an order left PENDING_NEW.

The stream of the command's own aggregate is read, not a view, so no view's lag delays the answer.
"""

import asyncio
from functools import partial
from typing import Any

from api.http.commands import Settled
from api.ports import EventLog
from commands.ports import Decider, folded
from domain.catalogue import DECIDERS, SETTLED
from domain.shared.message import Command


def settled_in(log: EventLog) -> Settled:
    return partial(_settled, log)


async def _settled(log: EventLog, kind: type[Command], stream: str, /, *, timeout_s: float) -> bool:
    loop = asyncio.get_running_loop()
    until = loop.time() + timeout_s
    while True:
        last = await log.last()  # before the load: an event in between ends the wait below
        if SETTLED[kind](await _state(log, DECIDERS[kind], stream)):
            return True
        left = until - loop.time()
        if left <= 0 or not await log.wait(last, timeout_s=left):
            return False


async def _state(log: EventLog, decider: Decider, stream: str) -> Any:
    loaded = (await log.load([stream]))[stream]
    return folded(decider, loaded.events, loaded.snapshot)
