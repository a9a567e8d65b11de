"""Sessions: any number of venues, custodians and banks, each with a gateway and a checkpoint.

A session is (kind, name, channel, counterparty). The only session of a kind needs no name. Its key
names its checkpoint, its message ids and its suspense, so it stays for the life of a log.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from projections.ports import Log
from sagas.engine.ports import SagaStore
from streams.gateways.channels.channel import Channel
from streams.gateways.gateway import Counterparty, Gateway
from streams.sagas.runner import Send

VENUE = "venue"
KINDS = (VENUE, "custodian", "bank")
_NAME = re.compile(r"[A-Za-z0-9_]{1,24}", re.ASCII)


class Session(NamedTuple):
    channel: Channel
    counterparty: Counterparty

    @property
    def key(self) -> str:
        return self.channel.NAME

    @property
    def kind(self) -> str:
        return kind_of(self.key)


class BadSession(ValueError):
    """A session's kind or name breaks a rule, or two sessions share one key."""


def session_key(kind: str, name: str = "") -> str:
    """The key of a session: `venue`, or `venue.XNYS` where it has a name.

    Raises:
        BadSession: there is no such kind, or the name is not 1 to 24 letters, digits and `_`.
    """
    if kind not in KINDS:
        raise BadSession(f"kind {kind!r} is none of {', '.join(KINDS)}")
    if not name:
        return kind
    if not _NAME.fullmatch(name):
        raise BadSession(f"name {name!r}: 1 to 24 letters, digits and _")
    return f"{kind}.{name}"


def kind_of(key: str) -> str:
    """`venue` of `venue` and of `venue.XNYS`."""
    return key.partition(".")[0]


def gateways(
    log: Log, store: SagaStore, send: Send, sessions: Sequence[Session]
) -> tuple[Gateway, ...]:
    """One gateway per session.

    Raises:
        BadSession: two sessions share one key.
    """
    known = [session.key for session in sessions]
    if doubled := {key for key in known if known.count(key) > 1}:
        raise BadSession(f"two sessions are called {min(doubled)}")
    return tuple(
        Gateway(log, store, send, channel=s.channel, counterparty=s.counterparty) for s in sessions
    )
