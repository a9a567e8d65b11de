"""FIX messages: every recorded message that concerns an order, one row each.

The text is not here: it is sealed in the log, under its client's key. Messages of the session
itself (logons, heartbeats) have no row.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar

from domain.fix_session.events import FixMessageReceived, FixMessageSent
from domain.shared.envelope import Envelope
from domain.shared.message import Event
from projections.engine.words import clean
from projections.ports import NOWHERE, Audience, Key, Row

NAME = "fix_messages"
VERSION = 1
AUDIENCE = Audience.OPERATIONS
HOME = NOWHERE
OUT, IN = "out", "in"


class FixMessageRow(Row, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("log_position", "order_id")
    INDEXES: ClassVar[tuple[tuple[str, ...], ...]] = (("order_id", "log_position"),)

    log_position: int
    order_id: str
    session_id: str
    source: str  # the event, stream@version
    direction: str
    msg_seq_num: int
    msg_type: str
    cl_ord_id: str
    exec_id: str
    digest: str
    at: datetime


ROW: type[Row] = FixMessageRow
READS: frozenset[type[Event]] = frozenset({FixMessageSent, FixMessageReceived})


def facts(arrived: Envelope) -> Iterable[tuple[Key, Envelope]]:
    event = arrived.event
    if isinstance(event, FixMessageSent | FixMessageReceived) and event.order_id:
        return [((arrived.position, clean(event.order_id)), arrived)]
    return ()


def fold(row: FixMessageRow | None, key: Key, fact: Envelope) -> FixMessageRow:
    event = fact.event
    assert isinstance(event, FixMessageSent | FixMessageReceived)
    return FixMessageRow(
        log_position=fact.position,
        order_id=clean(event.order_id),
        session_id=event.session_id,
        source=fact.source,
        direction=OUT if isinstance(event, FixMessageSent) else IN,
        msg_seq_num=event.msg_seq_num,
        msg_type=clean(event.msg_type),
        cl_ord_id=clean(event.cl_ord_id),
        exec_id=clean(getattr(event, "exec_id", "")),
        digest=event.digest,
        at=fact.meta.recorded_at,
    )
