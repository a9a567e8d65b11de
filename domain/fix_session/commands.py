"""The commands of a FIX session. The connection sends them; `ResetFixSession` is an operator's."""

from domain.shared.message import Command, Internal, Personal


class OpenFixSession(Internal):
    """A process takes the session, before its first logon."""

    session_id: str  # our name of the session
    holder: str  # random, new with each start of a process
    begin_string: str  # 8
    sender_comp_id: str  # 49: ours
    target_comp_id: str  # 56: theirs


class CloseFixSession(Internal):
    session_id: str
    holder: str
    reason: str = ""  # a code of ours


class BeginFixDay(Internal):
    """Both numbers start at 1 again: by schedule, or by a logon with ResetSeqNumFlag (141)."""

    session_id: str
    holder: str
    reason: str = ""  # a code of ours


class RecordFixSent(Internal):
    """One message of ours, recorded before it leaves."""

    session_id: str
    holder: str
    msg_seq_num: int  # 34
    msg_type: str  # 35
    message: Personal  # base64 of salt and raw bytes (`sealing.sealed`)
    digest: str  # hex of SHA-256(salt || raw bytes)
    new_seq_no: int = 0  # 36 of a SequenceReset: the number that comes next
    order_id: str = ""  # ours
    cl_ord_id: str = ""  # 11
    client_id: str = ""  # whose key seals the message; "": the firm's


class RecordFixReceived(Internal):
    """One message of theirs, recorded before anything follows from it."""

    session_id: str
    holder: str
    msg_seq_num: int
    msg_type: str
    message: Personal
    digest: str
    new_seq_no: int = 0
    order_id: str = ""
    cl_ord_id: str = ""
    exec_id: str = ""  # 17
    client_id: str = ""
    poss_dup: bool = False  # 43
    poss_resend: bool = False  # 97


class RecordFixResent(Internal):
    """Messages that were sent again on a ResendRequest (2), under their old numbers."""

    session_id: str
    holder: str
    begin_seq_no: int  # 7
    end_seq_no: int  # 16; the last number that was sent again
    messages: int  # how many were sent again; the rest was filled by SequenceReset


class ResetFixSession(Command):
    """Set the numbers by hand, as agreed with the counterparty; None keeps a number."""

    session_id: str
    reason: Personal
    next_out: int | None = None
    next_in: int | None = None
