"""The bus port, to which the relay sends batches of pages, and its errors."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from adapters.bus.page import Page
from commands.expected import Expected


class BusUnavailable(Expected):
    """The bus cannot be reached or refuses; it is unknown whether it has the last batch."""


class BusMismatch(Expected):
    """The bus's content does not fit the settings or the log; trying again does not help."""


class Fenced(Expected):
    """Another relay of this generation has taken over; this one must end."""


class Relayed(Struct, frozen=True):
    """How far the log was relayed: a record in the transaction of each batch."""

    position: int = 0
    at: datetime | None = None  # committed_at of that event
    relay: str = ""  # the relay that sent it
    schemas: str = ""  # digest of the JSON Schemas that were published last


class Outlet(Protocol):
    """Sends batches in order, each whole or not at all; only one task may use it at a time."""

    async def open(self) -> Relayed:
        """Take over: from now on every other relay of this generation is fenced.

        Returns:
            How far the log was relayed, by any relay of this generation.

        Raises:
            BusUnavailable, BusMismatch, Fenced
        """
        ...

    async def send(self, pages: Sequence[Page], relayed: int, at: datetime | None, /) -> None:
        """Send one batch whole: its records, and that the log is relayed up to `relayed`.

        Args:
            at: committed_at of the last event that was relayed; None: there is none.

        Raises:
            BusUnavailable: it is unknown whether the batch was sent; `open` again to find out.
            Fenced: another relay has taken over; this batch was not sent.
        """
        ...

    async def close(self) -> None:
        """Disconnect and discard what was not committed."""
        ...
