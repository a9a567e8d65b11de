"""The shape of a channel: what one counterparty is told because of the log, and vice versa."""

from datetime import datetime, timedelta
from typing import Any, Protocol

from msgspec import Struct

from commands.ports import Request
from domain.shared.envelope import Envelope
from domain.shared.message import Command
from sagas.engine.ports import Folded

RESEND_FOR = timedelta(days=7)
"""How long after its last event something is still told again after a restart: its counterparty
may bust, correct or return it that much later, and may have forgotten it with us."""


class Told(Struct, frozen=True, kw_only=True):
    """What a report means to us."""

    command: Command
    message_id: str  # made of the report's business id
    effective_at: datetime
    correlation_id: str = ""


class Channel(Folded, Protocol):
    """A module of `streams.gateways.channels` is a Channel.

    `ended` says that nothing is open at the counterparty, `due` until when it is told again
    after a restart.
    """

    def sent(self, state: Any, /) -> tuple[Any, ...]:
        """Every message of this thing so far, oldest first: what is new in it is to be sent."""
        ...

    def about(self, report: Any, /) -> str:
        """The id of the thing that a report is about."""
        ...

    def told(self, report: Any, state: Any, /) -> Told | None:
        """The command that records a report; None where it only informs.

        Raises:
            Unknown: the report is about nothing of ours.
        """
        ...

    def answer(self, report: Any, /) -> Any | None:
        """What the counterparty is told about a report that we cannot place."""
        ...


class Unknown(Exception):
    """A report about something that we never sent; its gateway parks it."""


def request(told: Told, actor: str) -> Request:
    """A report's command, remembered for ever, and the same however often and whenever it is told.

    It is dated as the counterparty dates it, whatever our clock says: the handler sees to the rest.
    """
    return Request(
        command=told.command,
        message_id=told.message_id,
        actor=actor,
        effective_at=told.effective_at,
        correlation_id=told.correlation_id,
        keep=True,
    )


def conversation(arrived: Envelope) -> str:
    """The correlation id that what follows from an event carries on."""
    return arrived.meta.correlation_id or arrived.meta.message_id
