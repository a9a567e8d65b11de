"""The shape of a channel: it makes messages of events, and commands of a counterparty's reports."""

from datetime import datetime, timedelta
from typing import Any, Protocol

from msgspec import Struct

from commands.ports import Request
from domain.shared.envelope import Envelope
from domain.shared.message import Command
from sagas.engine.ports import Folded

RESEND_FOR = timedelta(days=7)
"""How long after its last event a restart still resends an item: the counterparty may bust, correct
or return it that much later, and may have lost it in the crash that stopped us."""


class Meaning(Struct, frozen=True, kw_only=True):
    """The command that records a report, and what its request needs."""

    command: Command
    message_id: str  # made of the report's business id
    effective_at: datetime
    correlation_id: str = ""
    causation_id: str = ""  # the recorded message that carried the report, `stream@version`


class Channel(Folded, Protocol):
    """The classes of `streams.gateways.channels` implement it.

    `ended`: nothing is open at the counterparty. `due`: until when a restart resends the item.
    """

    def sent(self, state: Any, /) -> tuple[Any, ...]:
        """Every message of this item so far, oldest first; the gateway sends the new ones."""
        ...

    def about(self, report: Any, /) -> str:
        """The id of the item that a report is about."""
        ...

    def meaning(self, report: Any, state: Any, /) -> Meaning | None:
        """The command that records a report; None where it only informs.

        Raises:
            Unknown: the report is about an item that we never sent.
        """
        ...

    def answer(self, report: Any, /) -> Any | None:
        """The message that answers a report which we cannot place; None: no answer."""
        ...


class Unknown(Exception):
    """A report about an item that we never sent; its gateway parks it."""


def request(meaning: Meaning, actor: str) -> Request:
    """A report's command; its message id is kept for ever, and a repeat makes the same request.

    The request carries the counterparty's date even if our clock is behind: the handler clamps it.
    """
    return Request(
        command=meaning.command,
        message_id=meaning.message_id,
        actor=actor,
        effective_at=meaning.effective_at,
        causation_id=meaning.causation_id,
        correlation_id=meaning.correlation_id,
        keep=True,
    )


def conversation(arrived: Envelope) -> str:
    """The correlation id that an event passes on to what follows from it."""
    return arrived.meta.correlation_id or arrived.meta.message_id
