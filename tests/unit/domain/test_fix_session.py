"""A FIX session's numbers follow its messages: none is used twice, none is skipped, one holder."""

from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from domain import fix_session
from domain.fix_session import commands as c
from domain.fix_session import events as e
from domain.fix_session.refusals import FixRefusal as R
from domain.fix_session.sealing import SALT_BYTES, BadSeal, digest, opened, sealed
from domain.fix_session.state import FixSession
from domain.shared.message import Command, Refused, Seen
from tests.unit.domain.scenario import given

IDS = {"session_id": "XNYS"}
ENDS = {"begin_string": "FIX.4.4", "sender_comp_id": "TIDE", "target_comp_id": "XNYS"}
OPEN = c.OpenFixSession(**IDS, **ENDS, holder="h1")
OPENED = e.FixSessionOpened(**IDS, **ENDS, holder="h1")
DIGEST = "ab" * 32


def out(number: int, holder: str = "h1", **fields: Any) -> c.RecordFixSent:
    known = {"msg_type": "D", "message": "text", "digest": DIGEST} | fields
    return c.RecordFixSent(**IDS, holder=holder, msg_seq_num=number, **known)


def came(number: int, holder: str = "h1", **fields: Any) -> c.RecordFixReceived:
    known = {"msg_type": "8", "message": "text", "digest": DIGEST} | fields
    return c.RecordFixReceived(**IDS, holder=holder, msg_seq_num=number, **known)


def was_out(number: int, **fields: Any) -> e.FixMessageSent:
    known = {"msg_type": "D", "message": "text", "digest": DIGEST} | fields
    return e.FixMessageSent(**IDS, msg_seq_num=number, **known)


def was_in(number: int, **fields: Any) -> e.FixMessageReceived:
    known = {"msg_type": "8", "message": "text", "digest": DIGEST} | fields
    return e.FixMessageReceived(**IDS, msg_seq_num=number, **known)


def test_numbers_begin_at_one_and_none_is_skipped_or_used_twice() -> None:
    given(fix_session).when(OPEN).then(OPENED)
    given(fix_session, OPENED).when(out(1)).then(was_out(1))
    given(fix_session, OPENED).when(out(2)).refused(R.SEQUENCE_GAP, msg_seq_num=2, expected=1)
    given(fix_session, OPENED, was_out(1)).when(out(1)).refused(
        R.SEQUENCE_USED, msg_seq_num=1, expected=2
    )
    given(fix_session, OPENED, was_out(1)).when(came(1)).then(was_in(1))


def test_a_message_sent_again_by_them_changes_nothing_only_if_it_says_so() -> None:
    known = given(fix_session, OPENED, was_in(1))
    known.when(came(1, poss_dup=True)).then()
    given(fix_session, OPENED, was_in(1)).when(came(1)).refused(
        R.SEQUENCE_USED, msg_seq_num=1, expected=2
    )


def test_a_gap_fill_says_which_number_comes_next() -> None:
    given(fix_session, OPENED, was_in(1, msg_type="4", new_seq_no=9)).when(came(9)).then(was_in(9))
    given(fix_session, OPENED).when(came(1, msg_type="4", new_seq_no=1)).refused(
        R.SEQUENCE_INVALID, new_seq_no=1
    )


def test_a_later_holder_takes_the_session_over() -> None:
    second = c.OpenFixSession(**IDS, **ENDS, holder="h2")
    taken = e.FixSessionOpened(**IDS, **ENDS, holder="h2")
    given(fix_session, OPENED, was_out(1)).when(second).then(taken)
    after = (fix_session, OPENED, was_out(1), taken)
    given(*after).when(out(2)).refused(R.SESSION_HELD, holder="h2")
    given(*after).when(out(2, "h2")).then(was_out(2))
    given(*after).when(c.CloseFixSession(**IDS, holder="h1")).refused(R.SESSION_HELD, holder="h2")


def test_other_ends_are_another_session() -> None:
    other = c.OpenFixSession(**IDS, **ENDS | {"target_comp_id": "ARCX"}, holder="h1")
    given(fix_session, OPENED).when(other).refused(
        R.COMP_ID_DIFFERS, sender_comp_id="TIDE", target_comp_id="XNYS"
    )


def test_a_closed_session_takes_no_message_and_keeps_its_numbers() -> None:
    shut = e.FixSessionClosed(**IDS, reason="stopped")
    given(fix_session, OPENED, was_out(1), shut).when(out(2)).refused(R.SESSION_CLOSED)
    again = e.FixSessionOpened(**IDS, **ENDS, holder="h1")
    given(fix_session, OPENED, was_out(1), shut, again).when(out(2)).then(was_out(2))


def test_a_new_day_begins_at_one_and_an_operator_sets_what_was_agreed() -> None:
    day = c.BeginFixDay(**IDS, holder="h1", reason="schedule")
    begun = e.FixSessionReset(**IDS, next_out=1, next_in=1, cause="schedule")
    given(fix_session, OPENED).when(day).then()
    given(fix_session, OPENED, was_out(1)).when(day).then(begun)
    byhand = c.ResetFixSession(**IDS, reason="as agreed by phone", next_in=7)
    given(fix_session, OPENED, was_out(1)).when(byhand).then(
        e.FixSessionReset(
            **IDS, next_out=2, next_in=7, cause="operator", reason="as agreed by phone"
        )
    )
    given(fix_session, OPENED).when(c.ResetFixSession(**IDS, reason=" ")).refused(R.REASON_MISSING)
    low = c.ResetFixSession(**IDS, reason="why", next_out=0)
    given(fix_session, OPENED).when(low).refused(R.SEQUENCE_INVALID, next_out=0, next_in=1)
    given(fix_session).when(byhand).refused(R.SESSION_UNKNOWN)


def test_what_was_sent_again_lies_behind_us() -> None:
    again = c.RecordFixResent(**IDS, holder="h1", begin_seq_no=1, end_seq_no=2, messages=2)
    fact = e.FixMessagesResent(**IDS, begin_seq_no=1, end_seq_no=2, messages=2)
    given(fix_session, OPENED, was_out(1), was_out(2)).when(again).then(fact)
    given(fix_session, OPENED, was_out(1)).when(again).refused(R.SEQUENCE_INVALID, next_out=2)


def test_a_digest_is_64_hexadecimal_digits() -> None:
    given(fix_session, OPENED).when(out(1, digest="AB" * 32)).refused(R.DIGEST_INVALID)


@for_all(st.binary(max_size=300), st.binary(min_size=SALT_BYTES, max_size=SALT_BYTES))
def test_salt_and_message_prove_the_digest_and_nothing_else_does(raw: bytes, salt: bytes) -> None:
    text, known = sealed(raw, salt)
    assert opened(text) == (raw, salt)
    assert digest(raw, salt) == known
    assert digest(raw + b"x", salt) != known != digest(raw, bytes(SALT_BYTES - 1) + b"x")


@pytest.mark.parametrize("text", ["", "no base64!", "QUJD"])
def test_what_is_no_sealed_message_is_said(text: str) -> None:
    with pytest.raises(BadSeal):
        opened(text)


def test_a_salt_of_another_length_is_refused() -> None:
    with pytest.raises(BadSeal, match="31 bytes"):
        sealed(b"", bytes(31))


class Numbers(RuleBasedStateMachine):
    """Any commands in any order, from two holders, against a model of two counters."""

    def __init__(self) -> None:
        super().__init__()
        self.state: FixSession = fix_session.INITIAL
        self.out, self.came, self.holder, self.day = 0, 0, "", 0
        self.used: set[tuple[int, str, int]] = set()  # (day, direction, number)

    def _do(self, command: Command) -> bool:
        """Apply what is decided; whether events came of it."""
        decision = fix_session.decide(command, self.state, Seen())
        if isinstance(decision, Refused):
            assert decision.refusal in fix_session.REFUSALS[type(command)]
            return False
        for event in decision:
            self.state = fix_session.evolve(self.state, event)
        return bool(decision)

    @rule(holder=st.sampled_from(["h1", "h2"]))
    def take(self, holder: str) -> None:
        self._do(c.OpenFixSession(**IDS, **ENDS, holder=holder))
        self.holder, self.out, self.came = holder, self.out or 1, self.came or 1

    @rule(holder=st.sampled_from(["h1", "h2"]))
    def close(self, holder: str) -> None:
        if self._do(c.CloseFixSession(**IDS, holder=holder)):
            assert holder == self.holder
            self.holder = ""

    @rule(holder=st.sampled_from(["h1", "h2"]), off=st.integers(-2, 2), jump=st.integers(0, 4))
    def send(self, holder: str, off: int, jump: int) -> None:
        number = self.out + off
        said = self._do(out(number, holder, new_seq_no=number + jump if jump else 0))
        assert said == (holder == self.holder and off == 0 and self.out > 0)
        if said:
            self._use("out", number)
            self.out = number + (jump or 1)

    @rule(
        holder=st.sampled_from(["h1", "h2"]),
        off=st.integers(-2, 2),
        jump=st.integers(0, 4),
        again=st.booleans(),
    )
    def receive(self, holder: str, off: int, jump: int, again: bool) -> None:
        number = self.came + off
        new = number + jump if jump else 0
        said = self._do(came(number, holder, new_seq_no=new, poss_dup=again))
        assert said == (holder == self.holder and off == 0 and self.came > 0)
        if said:
            self._use("in", number)
            self.came = number + (jump or 1)

    @rule(holder=st.sampled_from(["h1", "h2"]))
    def new_day(self, holder: str) -> None:
        if self._do(c.BeginFixDay(**IDS, holder=holder)):
            assert holder == self.holder
            self.out, self.came, self.day = 1, 1, self.day + 1

    @rule(number=st.integers(0, 9))
    def by_hand(self, number: int) -> None:
        if self._do(c.ResetFixSession(**IDS, reason="why", next_in=number)):
            self.came, self.day = number, self.day + 1

    def _use(self, direction: str, number: int) -> None:
        assert (self.day, direction, number) not in self.used
        self.used.add((self.day, direction, number))

    @invariant()
    def numbers_are_the_models(self) -> None:
        assert (self.state.next_out, self.state.next_in) == (self.out, self.came)
        assert (self.state.holder, self.state.day) == (self.holder, self.day)


TestNumbers = Numbers.TestCase
