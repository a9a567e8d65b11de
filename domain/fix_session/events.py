"""The events of a FIX session. None of them posts.

A message is sealed under its client's key, or under the firm's if it concerns no client.
"""

from typing import ClassVar

from domain.shared.message import FIRM, Event, PersonalText


class FixSessionOpened(Event, tag="fix.session_opened"):
    session_id: str
    holder: str
    begin_string: str
    sender_comp_id: str
    target_comp_id: str


class FixSessionClosed(Event, tag="fix.session_closed"):
    session_id: str
    reason: str = ""


class FixSessionReset(Event, tag="fix.session_reset"):
    SUBJECT: ClassVar[str] = FIRM

    session_id: str
    next_out: int
    next_in: int
    cause: str = ""  # a code of ours
    reason: PersonalText = ""  # an operator's


class FixMessageSent(Event, tag="fix.message_sent"):
    session_id: str
    msg_seq_num: int
    msg_type: str
    message: PersonalText
    digest: str  # hex of SHA-256(salt || raw bytes); the salt is inside the sealed text
    new_seq_no: int = 0
    order_id: str = ""
    cl_ord_id: str = ""
    client_id: str = ""


class FixMessageReceived(Event, tag="fix.message_received"):
    session_id: str
    msg_seq_num: int
    msg_type: str
    message: PersonalText
    digest: str
    new_seq_no: int = 0
    order_id: str = ""
    cl_ord_id: str = ""
    exec_id: str = ""
    client_id: str = ""
    poss_dup: bool = False
    poss_resend: bool = False


class FixMessagesResent(Event, tag="fix.messages_resent"):
    session_id: str
    begin_seq_no: int
    end_seq_no: int
    messages: int
