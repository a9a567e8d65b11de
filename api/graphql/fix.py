"""FIX sessions, and the raw messages of an order."""

from datetime import datetime

import strawberry

from api.graphql.engine.fields import field
from api.graphql.engine.queries import Column, one, page
from api.graphql.engine.sources import Source
from projections.operations import fix_sessions
from projections.operations.fix_sessions import CLOSED, OPEN, FixSessionRow
from projections.trading.fix_messages import FixMessageRow


@strawberry.type(description="A FIX session with a venue, as the log has it.")
class FixSession:
    id: strawberry.ID
    status: str = strawberry.field(description="open or closed")
    sender_comp_id: str
    target_comp_id: str
    next_out: int = strawberry.field(description="MsgSeqNum (34) of our next message")
    next_in: int = strawberry.field(description="the number that we expect")
    sent: int
    received: int
    resent: int = strawberry.field(description="messages of ours that left again")
    resets: int = strawberry.field(description="how often the numbers were set anew")
    sent_at: datetime | None
    received_at: datetime | None


@strawberry.type(description="One recorded FIX message of an order.")
class FixMessage:
    _source: strawberry.Private[Source]
    source: str = strawberry.field(description="its event, stream@version")
    session_id: strawberry.ID
    direction: str = strawberry.field(description="out or in")
    msg_seq_num: int
    msg_type: str
    cl_ord_id: str
    exec_id: str
    at: datetime
    digest: str = strawberry.field(description="SHA-256 of salt and bytes, hexadecimal")

    @field("The message as it was on the wire, | for SOH; null after the client was erased.")
    async def raw(self) -> str | None:
        return await self._source.opened.fix_message(self.source)


def fix_session_node(source: Source, row: FixSessionRow) -> FixSession:
    return FixSession(
        id=strawberry.ID(row.session_id),
        status=row.status,
        sender_comp_id=row.sender_comp_id,
        target_comp_id=row.target_comp_id,
        next_out=row.next_out,
        next_in=row.next_in,
        sent=row.sent,
        received=row.received,
        resent=row.resent,
        resets=row.resets,
        sent_at=row.sent_at,
        received_at=row.received_at,
    )


def fix_message_node(source: Source, row: FixMessageRow) -> FixMessage:
    return FixMessage(
        _source=source,
        source=row.source,
        session_id=strawberry.ID(row.session_id),
        direction=row.direction,
        msg_seq_num=row.msg_seq_num,
        msg_type=row.msg_type,
        cl_ord_id=row.cl_ord_id,
        exec_id=row.exec_id,
        at=row.at,
        digest=row.digest,
    )


@strawberry.type
class FixRoots:
    fix_session = one(
        fix_sessions, FixSession, fix_session_node, description="One FIX session by its name."
    )
    fix_sessions = page(
        fix_sessions,
        FixSession,
        fix_session_node,
        columns=[Column("status", str, words=(CLOSED, OPEN))],
        description="The FIX sessions with venues.",
    )
