"""FIX sessions: numbers, holder and counts of each.

closed <-> open ; both numbers as the log has them: the next that we send, the next we expect
"""

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar, NamedTuple

from msgspec.structs import replace

from domain.fix_session.events import (
    FixMessageReceived,
    FixMessageSent,
    FixMessagesResent,
    FixSessionClosed,
    FixSessionOpened,
    FixSessionReset,
)
from domain.shared.envelope import Envelope
from domain.shared.message import Event
from projections.engine.words import clean
from projections.ports import Audience, Home, Key, Row

NAME = "fix_sessions"
VERSION = 1
AUDIENCE = Audience.OPERATIONS
HOME = Home("session_id", "fix")
OPEN, CLOSED = "open", "closed"


class FixSessionRow(Row, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("session_id",)

    session_id: str
    status: str = CLOSED
    sender_comp_id: str = ""
    target_comp_id: str = ""
    holder: str = ""
    next_out: int = 1
    next_in: int = 1
    sent: int = 0
    received: int = 0
    resent: int = 0  # messages of ours that left again
    resets: int = 0
    sent_at: datetime | None = None  # of our last message
    received_at: datetime | None = None


class Fact(NamedTuple):
    event: Event
    at: datetime


ROW: type[Row] = FixSessionRow
READS: frozenset[type[Event]] = frozenset(
    {
        FixSessionOpened,
        FixSessionClosed,
        FixSessionReset,
        FixMessageSent,
        FixMessageReceived,
        FixMessagesResent,
    }
)


def facts(arrived: Envelope) -> Iterable[tuple[Key, Fact]]:
    event = arrived.event
    if type(event) not in READS:
        return ()
    return [((str(getattr(event, "session_id", "")),), Fact(event, arrived.meta.recorded_at))]


def fold(  # noqa: PLR0911 - a table of events
    row: FixSessionRow | None, key: Key, fact: Fact
) -> FixSessionRow:
    row = row or FixSessionRow(session_id=str(key[0]))
    match fact.event:
        case FixSessionOpened() as e:
            ends = {
                "sender_comp_id": clean(e.sender_comp_id),
                "target_comp_id": clean(e.target_comp_id),
            }
            return replace(row, status=OPEN, holder=clean(e.holder), **ends)
        case FixSessionClosed():
            return replace(row, status=CLOSED, holder="")
        case FixSessionReset(next_out=out, next_in=came):
            return replace(row, next_out=out, next_in=came, resets=row.resets + 1)
        case FixMessageSent() as e:
            following = e.new_seq_no or e.msg_seq_num + 1
            return replace(row, next_out=following, sent=row.sent + 1, sent_at=fact.at)
        case FixMessageReceived() as e:
            following = e.new_seq_no or e.msg_seq_num + 1
            return replace(row, next_in=following, received=row.received + 1, received_at=fact.at)
        case FixMessagesResent(messages=count):
            return replace(row, resent=row.resent + count)
        case _:
            return row
