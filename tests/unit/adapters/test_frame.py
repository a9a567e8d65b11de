"""The frame of a stored event: whichever store has it, both parts come back byte by byte."""

from datetime import UTC, datetime
from uuid import uuid4

import msgspec
import pytest
from esdbclient.events import RecordedEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.eventstoredb.event import arrived, content
from adapters.log.frame import frame, home, unframe
from adapters.log.recorder import Sealed

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
PARTS = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3)
FRAME = b'{"metadata":{"home":"h1","schema":1},"payload":{"a":1}}'
OTHERS = {
    "no JSON": b"\x00\xff",
    "no frame": b'{"a":1}',
    "a frame with a space": b'{"metadata": {"home":"h1"},"payload":{}}',
    "a frame the other way round": b'{"payload":{},"metadata":{"home":"h1"}}',
    "a frame with a third part": b'{"metadata":{"home":"h1"},"payload":{},"more":1}',
}


@settings(deadline=None)
@given(metadata=PARTS, payload=PARTS)
def test_both_parts_come_back_byte_by_byte(
    metadata: dict[str, object], payload: dict[str, object]
) -> None:
    parts = msgspec.json.encode(metadata), msgspec.json.encode(payload)
    state, before = frame(*parts)
    assert unframe(state) == parts
    assert state[before:-1] == parts[1]


def test_the_home_is_read_from_the_metadata() -> None:
    assert home(FRAME) == "h1"


@pytest.mark.parametrize("state", [b"", b"\x00", b'{"metadata":{},"payload":{}}', b'{"home":"x"}'])
def test_a_state_without_a_home_is_an_error(state: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        home(state)


@pytest.mark.parametrize("state", [FRAME, *OTHERS.values()], ids=["a frame", *OTHERS])
def test_event_store_db_gives_the_state_back_byte_by_byte(state: bytes) -> None:
    kind, data, metadata = content(Sealed("x.happened", state, bytes(32)), AT)
    event = RecordedEvent(
        type="x.happened", data=data, metadata=metadata, content_type=kind, id=uuid4(),
        stream_name="x-1", stream_position=0, commit_position=7, prepare_position=7,
    )  # fmt: skip
    assert arrived(event).state == state


def test_event_store_db_has_the_two_parts_apart() -> None:
    _, data, metadata = content(Sealed("x.happened", FRAME, bytes(32)), AT)
    assert data == b'{"a":1}'
    assert msgspec.json.decode(metadata)["metadata"] == {"home": "h1", "schema": 1}
