"""Checkpoints as statements that follow each other: what is refused, and what is signed."""

import struct
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from msgspec.structs import replace

from domain import checkpoint
from domain.catalogue import COMMANDS
from domain.checkpoint import (
    CheckpointRefusal,
    Checkpoints,
    CheckpointSigned,
    SignCheckpoint,
    leaf,
    statement,
)
from domain.shared.message import Refused, Seen
from tests.unit.domain.scenario import given

ROOT, KEY = "ab" * 32, "0f" * 32
FIRST = CheckpointSigned(
    first_position=1, last_position=10, events=10, merkle_root=ROOT, previous="", key_id=KEY,
    signature="01" * 64, form=2,
)  # fmt: skip


def sign(**other: Any) -> SignCheckpoint:
    """The statement that follows FIRST, unless said otherwise."""
    command = SignCheckpoint(
        first_position=11, last_position=30, events=15, merkle_root=ROOT,
        previous=FIRST.signature, key_id=KEY, signature="02" * 64,
    )  # fmt: skip
    return replace(command, **other)


def test_the_first_statement_begins_at_one_and_names_no_other() -> None:
    begins = sign(first_position=1, last_position=10, events=10, previous="", signature="01" * 64)
    given(checkpoint).when(begins).then(FIRST)


def test_the_next_one_goes_on_where_the_last_ended_and_names_it() -> None:
    state = given(checkpoint, FIRST).when(sign()).then(
        CheckpointSigned(
            first_position=11, last_position=30, events=15, merkle_root=ROOT,
            previous=FIRST.signature, key_id=KEY, signature="02" * 64, form=2,
        )
    )  # fmt: skip
    assert state == Checkpoints(last_position=30, signature="02" * 64)


def test_the_last_statement_again_changes_nothing() -> None:
    again = sign(first_position=1, last_position=10, events=10, previous="", signature="01" * 64)
    given(checkpoint, FIRST).when(again).then()


@pytest.mark.parametrize("first", [1, 10, 12, 0, -5])
def test_a_gap_or_an_overlap_is_refused(first: int) -> None:
    given(checkpoint, FIRST).when(sign(first_position=first)).refused(
        CheckpointRefusal.RANGE_NOT_NEXT, expected=11
    )


@pytest.mark.parametrize(("last", "events"), [(30, 0), (30, 21), (30, -1), (10, 1), (5, 1)])
def test_a_range_that_cannot_hold_its_events_is_refused(last: int, events: int) -> None:
    command = sign(last_position=last, events=events)
    given(checkpoint, FIRST).when(command).refused(CheckpointRefusal.RANGE_EMPTY)


@pytest.mark.parametrize("previous", ["", "03" * 64])
def test_a_statement_that_names_another_predecessor_is_refused(previous: str) -> None:
    given(checkpoint, FIRST).when(sign(previous=previous)).refused(
        CheckpointRefusal.PREVIOUS_DIFFERS, expected=FIRST.signature
    )


@pytest.mark.parametrize("field", ["merkle_root", "key_id", "signature"])
@pytest.mark.parametrize(
    "value", ["", "zz" * 32, "AB" * 32, "ab" * 31, "ab" * 32 + "\n", "ab" * 65]
)
def test_what_is_no_digest_is_refused(field: str, value: str) -> None:
    given(checkpoint, FIRST).when(sign(**{field: value})).refused(
        CheckpointRefusal.DIGEST_MALFORMED, field=field
    )


@for_all(st.integers(), st.integers(), st.integers(), st.text(max_size=9), st.text(max_size=9))
def test_any_command_is_an_event_nothing_or_a_refusal(
    first: int, last: int, events: int, root: str, signature: str
) -> None:
    command = sign(
        first_position=first, last_position=last, events=events, merkle_root=root,
        signature=signature,
    )  # fmt: skip
    assert isinstance(checkpoint.decide(command, checkpoint.INITIAL, Seen()), tuple | Refused)


def test_every_field_is_under_the_signature() -> None:
    others = {
        "first_position": 12, "last_position": 31, "events": 14, "merkle_root": "cd" * 32,
        "previous": "", "key_id": "1f" * 32,
    }  # fmt: skip
    result = {statement(sign())} | {statement(sign(**{f: v})) for f, v in others.items()}
    assert len(result) == 1 + len(others)
    unsigned = set(SignCheckpoint.__struct_fields__) - others.keys()
    assert unsigned == {"signature"}


@pytest.mark.parametrize("form", [1, 2])
def test_the_signed_bytes_never_change(form: int) -> None:
    assert statement(replace(FIRST, form=form)) == (
        b"tidemark checkpoint %d\npositions 1 10\nevents 10\nroot " % form + b"ab" * 32
        + b"\nprevious -\nkey " + b"0f" * 32 + b"\n"
    )  # fmt: skip


def test_a_leaf_of_the_first_form_is_the_hash_alone_and_of_the_second_its_place_and_time_too() -> (
    None
):
    at = datetime(2024, 3, 1, 12, 0, 0, 7, tzinfo=UTC)
    micros = 1_709_294_400_000_007
    assert leaf(1, b"h" * 32, 5, at) == b"h" * 32
    assert leaf(2, b"h" * 32, 5, at) == b"h" * 32 + struct.pack(">Qq", 5, micros)
    before_1970 = datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert leaf(2, b"h" * 32, 5, before_1970) == b"h" * 32 + struct.pack(">Qq", 5, -1)


def test_no_outside_caller_may_sign() -> None:
    assert COMMANDS["SignCheckpoint"].INTERNAL
