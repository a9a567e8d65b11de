"""Key rows against the log: sealed data needs a key, an erasure leaves none."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from adapters.host.entropy import SystemEntropy
from adapters.log.codec import Codec
from adapters.log.frame import frame
from adapters.log.keys import KeyState, MemoryKeyStore
from adapters.log.recorder import Stored
from adapters.proof.audit_keys import KeyAudit
from domain.client.events import ClientErased, ClientOnboarded, Kind
from domain.shared.envelope import Metadata
from domain.shared.message import Event

AT = datetime(2026, 11, 30, tzinfo=UTC)
HELD, ERASED, CHANGED, COPIED = (
    KeyState.HELD, KeyState.ERASED, KeyState.CHANGED, KeyState.COPIED
)  # fmt: skip
ONBOARDED = ClientOnboarded(
    client_id="C1", kind=Kind.INDIVIDUAL, legal_name="Ada", country="US", email="a@example.org"
)
GONE = ClientErased(client_id="C1")


def said(
    events: list[Event], rows: Mapping[str, KeyState] | None
) -> tuple[list[str], list[str], list[str]]:
    """(faults of events and rows; clients with an unused key; clients with a cut off erasure)."""
    codec = Codec(MemoryKeyStore(SystemEntropy()), SystemEntropy())
    audit, faults = KeyAudit(rows), []
    for version, event in enumerate(events, start=1):
        name, schema, payload = codec.encode(event, label=str(version))
        meta = Metadata(
            stream="client-C1", version=version, name=name, schema=schema, event_id="",
            recorded_at=AT, actor="a", message_id="m", request_hash="", home="client-C1",
        )  # fmt: skip
        state = frame(b"{}", payload)[0]
        stored = Stored(version, "client-C1", version, name, state, b"", AT)
        faults += audit.add(stored, meta)
    return faults + [wrong for _, wrong in audit.finish()], audit.unused, audit.unrecorded


@pytest.mark.parametrize(
    ("events", "rows", "fault"),
    [
        ([ONBOARDED], {}, "no row in keys.data_keys"),
        ([ONBOARDED], {"C1": CHANGED}, "was changed"),
        ([ONBOARDED], {"C1": COPIED}, "another client's row"),
        ([ONBOARDED], {"C1": HELD, "C2": CHANGED}, "was changed"),
        ([ONBOARDED], {"C1": HELD, "C2": COPIED}, "another client's row"),
        ([ONBOARDED, GONE], {"C1": HELD}, "there is a key in keys.data_keys again"),
        ([ONBOARDED, GONE], {"C1": COPIED}, "there is a key in keys.data_keys again"),
    ],
)
def test_a_row_that_does_not_fit_the_log_is_a_fault(
    events: list[Event], rows: Mapping[str, KeyState], fault: str
) -> None:
    assert any(fault in one for one in said(events, rows)[0])


@pytest.mark.parametrize(
    ("events", "rows"),
    [
        ([ONBOARDED], {"C1": HELD}),
        ([ONBOARDED, GONE], {"C1": ERASED}),
        ([ONBOARDED], None),
        ([GONE], {"C1": ERASED}),
    ],
)
def test_rows_that_fit_the_log_are_no_fault(
    events: list[Event], rows: Mapping[str, KeyState] | None
) -> None:
    assert said(events, rows) == ([], [], [])


def test_a_sound_key_that_nothing_is_sealed_with_is_named_and_no_fault() -> None:
    assert said([ONBOARDED], {"C1": HELD, "C2": HELD}) == ([], ["C2"], [])


def test_an_erasure_that_was_cut_off_before_its_event_is_named_and_no_fault() -> None:
    assert said([ONBOARDED], {"C1": ERASED}) == ([], [], ["C1"])
