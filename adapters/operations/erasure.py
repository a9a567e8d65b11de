"""Erases a client: destroys the data key, then records that in the log.

    dry run -> destroy the key -> compact the keys' table -> `client.erased`

The event comes last, so the log never records an erasure while the key still exists. To complete an
erasure that was cut off, run it again.
"""

import getpass
from datetime import date
from typing import Protocol

from adapters.dispatch.dispatcher import Dispatcher
from adapters.log.event_log import RecorderLog
from adapters.log.keys import ClosedKeyStore
from adapters.log.recorder import PAGE, Unavailable
from adapters.postgres.keys import PostgresKeyStore
from commands.handler import Done, Outcome
from commands.ports import Request
from domain.client.commands import EraseClient
from domain.client.events import ClientClosed
from domain.shared.message import Command


class Platform(Protocol):
    """The parts of the platform that an erasure needs."""

    @property
    def keys(self) -> PostgresKeyStore | ClosedKeyStore: ...

    @property
    def dispatcher(self) -> Dispatcher: ...

    @property
    def log(self) -> RecorderLog: ...


async def erase(
    platform: Platform, client_id: str, *, force: bool, reason: str
) -> tuple[Outcome, bool]:
    """Destroy a client's key and record the erasure; a refused erasure destroys nothing.

    Returns:
        The outcome, and whether the keys' table was rewritten without traces of the key.

    Raises:
        Unavailable: this process's role may not change keys, or a server cannot be reached.
    """
    keys = platform.keys
    if isinstance(keys, ClosedKeyStore):
        raise Unavailable("this process's database role may not read the clients' keys")
    closed_on = await _closed_on(platform, client_id)
    command = EraseClient(client_id=client_id, closed_on=closed_on, forced=force, reason=reason)
    asked = await _send(platform, command, dry_run=True)
    if not isinstance(asked, Done):
        return asked, False
    keys.destroy(client_id)
    compact = keys.compact()
    known = not asked.events  # the log has the erasure already
    return asked if known else await _send(platform, command), compact


async def _send(platform: Platform, command: Command, *, dry_run: bool = False) -> Outcome:
    request = Request(
        command=command, message_id="erase|1", actor=_actor(), keep=True, dry_run=dry_run
    )
    return await platform.dispatcher.submit(request)


async def _closed_on(platform: Platform, client_id: str) -> date | None:
    """The date on which the client was closed; None if it is not closed."""
    version, stream = 0, f"client-{client_id}"
    while page := await platform.log.select(stream, after_version=version, limit=PAGE):
        for arrived in page:
            if isinstance(arrived.event, ClientClosed):
                return arrived.effective_at.date()
        version += len(page)
    return None


def _actor() -> str:
    """The operating system's user that runs the verb."""
    try:
        return f"cli.{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli.unknown"
