"""Decides the commands of a FIX session, and applies its events."""

import re

from msgspec.structs import replace

from domain.fix_session import commands as c
from domain.fix_session import events as e
from domain.fix_session.refusals import FixRefusal as R
from domain.fix_session.state import FixSession
from domain.shared.message import Decision, Refused, refused

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


def open_session(command: c.OpenFixSession, state: FixSession) -> Decision:
    """Take the session, from an earlier holder if need be. Refuse other CompIDs than before."""
    if not command.holder:
        return refused(R.HOLDER_MISSING)
    known = (state.sender_comp_id, state.target_comp_id)
    if state.next_out and known != (command.sender_comp_id, command.target_comp_id):
        return refused(R.COMP_ID_DIFFERS, sender_comp_id=known[0], target_comp_id=known[1])
    if state.holder == command.holder:
        return ()
    return (
        e.FixSessionOpened(
            session_id=command.session_id,
            holder=command.holder,
            begin_string=command.begin_string,
            sender_comp_id=command.sender_comp_id,
            target_comp_id=command.target_comp_id,
        ),
    )


def close_session(command: c.CloseFixSession, state: FixSession) -> Decision:
    if not state.next_out:
        return refused(R.SESSION_UNKNOWN)
    if not state.holder:
        return ()
    if state.holder != command.holder:
        return refused(R.SESSION_HELD, holder=state.holder)
    return (e.FixSessionClosed(session_id=command.session_id, reason=command.reason),)


def begin_day(command: c.BeginFixDay, state: FixSession) -> Decision:
    """Start both numbers at 1. Nothing changes where no number was used."""
    if wrong := _not_held(command.holder, state):
        return wrong
    if (state.next_out, state.next_in) == (1, 1):
        return ()
    session = command.session_id
    return (e.FixSessionReset(session_id=session, next_out=1, next_in=1, cause=command.reason),)


def sent(command: c.RecordFixSent, state: FixSession) -> Decision:
    if wrong := _misnumbered(command, state, state.next_out):
        return wrong
    return (
        e.FixMessageSent(
            session_id=command.session_id,
            msg_seq_num=command.msg_seq_num,
            msg_type=command.msg_type,
            message=command.message,
            digest=command.digest,
            new_seq_no=command.new_seq_no,
            order_id=command.order_id,
            cl_ord_id=command.cl_ord_id,
            client_id=command.client_id,
        ),
    )


def received(command: c.RecordFixReceived, state: FixSession) -> Decision:
    """Record the message that was expected. A known one, marked PossDup, changes nothing."""
    if command.poss_dup and 0 < command.msg_seq_num < state.next_in:
        return _not_held(command.holder, state) or ()
    if wrong := _misnumbered(command, state, state.next_in):
        return wrong
    return (
        e.FixMessageReceived(
            session_id=command.session_id,
            msg_seq_num=command.msg_seq_num,
            msg_type=command.msg_type,
            message=command.message,
            digest=command.digest,
            new_seq_no=command.new_seq_no,
            order_id=command.order_id,
            cl_ord_id=command.cl_ord_id,
            exec_id=command.exec_id,
            client_id=command.client_id,
            poss_dup=command.poss_dup,
            poss_resend=command.poss_resend,
        ),
    )


def resent(command: c.RecordFixResent, state: FixSession) -> Decision:
    if wrong := _not_held(command.holder, state):
        return wrong
    if not 0 < command.begin_seq_no <= command.end_seq_no < state.next_out:
        return refused(R.SEQUENCE_INVALID, next_out=state.next_out)
    if not 0 <= command.messages <= command.end_seq_no - command.begin_seq_no + 1:
        return refused(R.SEQUENCE_INVALID, messages=command.messages)
    return (
        e.FixMessagesResent(
            session_id=command.session_id,
            begin_seq_no=command.begin_seq_no,
            end_seq_no=command.end_seq_no,
            messages=command.messages,
        ),
    )


def reset(command: c.ResetFixSession, state: FixSession) -> Decision:
    """Set the numbers; the session may be open, and its connection then logs on anew."""
    if not state.next_out:
        return refused(R.SESSION_UNKNOWN)
    if not command.reason.strip():
        return refused(R.REASON_MISSING)
    next_out = state.next_out if command.next_out is None else command.next_out
    next_in = state.next_in if command.next_in is None else command.next_in
    if min(next_out, next_in) < 1:
        return refused(R.SEQUENCE_INVALID, next_out=next_out, next_in=next_in)
    if (next_out, next_in) == (state.next_out, state.next_in):
        return ()
    return (
        e.FixSessionReset(
            session_id=command.session_id,
            next_out=next_out,
            next_in=next_in,
            cause="operator",
            reason=command.reason,
        ),
    )


def opened(state: FixSession, event: e.FixSessionOpened) -> FixSession:
    return replace(
        state,
        next_out=state.next_out or 1,
        next_in=state.next_in or 1,
        holder=event.holder,
        sender_comp_id=event.sender_comp_id,
        target_comp_id=event.target_comp_id,
    )


def closed(state: FixSession, event: e.FixSessionClosed) -> FixSession:
    return replace(state, holder="")


def was_reset(state: FixSession, event: e.FixSessionReset) -> FixSession:
    return replace(state, next_out=event.next_out, next_in=event.next_in, day=state.day + 1)


def was_sent(state: FixSession, event: e.FixMessageSent) -> FixSession:
    return replace(state, next_out=event.new_seq_no or event.msg_seq_num + 1)


def was_received(state: FixSession, event: e.FixMessageReceived) -> FixSession:
    return replace(state, next_in=event.new_seq_no or event.msg_seq_num + 1)


def were_resent(state: FixSession, event: e.FixMessagesResent) -> FixSession:
    return state


def _not_held(holder: str, state: FixSession) -> Refused | None:
    if not state.next_out:
        return refused(R.SESSION_UNKNOWN)
    if not state.holder:
        return refused(R.SESSION_CLOSED)
    return None if state.holder == holder else refused(R.SESSION_HELD, holder=state.holder)


def _misnumbered(
    command: c.RecordFixSent | c.RecordFixReceived, state: FixSession, expected: int
) -> Refused | None:
    """Refuse a message of another holder, of another number than the expected, or undigested."""
    if wrong := _not_held(command.holder, state):
        return wrong
    number = command.msg_seq_num
    if number != expected:
        why = R.SEQUENCE_GAP if number > expected else R.SEQUENCE_USED
        return refused(why, msg_seq_num=number, expected=expected)
    if command.new_seq_no and command.new_seq_no <= number:
        return refused(R.SEQUENCE_INVALID, new_seq_no=command.new_seq_no)
    return None if _DIGEST.fullmatch(command.digest) else refused(R.DIGEST_INVALID)
