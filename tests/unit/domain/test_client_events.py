"""Personal data in events: stored as JSON and read back, whole or erased; marked field by field."""

from datetime import date
from typing import Any, get_type_hints

import msgspec
import pytest

from domain import client
from domain.client.events import (
    Answer,
    ClientOnboarded,
    Document,
    Kind,
    KycSubmitted,
    NationalId,
    TaxResidence,
)
from domain.shared.message import ERASED, PERSONAL, Event
from tests.unit.domain import test_client, test_client_restrictions

FULL = ClientOnboarded(
    client_id="C1",
    kind=Kind.INDIVIDUAL,
    legal_name="Ada Lovelace",
    country="GB",
    tax_id="1",
    email="ada@example.org",
    first_names="Ada",
    surnames="Lovelace",
    birth_date=date(1815, 12, 10),
    nationality=("GB", "FR"),
    tax_residence=(TaxResidence(country="GB", tin="9"),),
    national_id=(NationalId(scheme="NIDN", value="2"),),
    facts=("tax_id",),
)
SUBMITTED = KycSubmitted(
    client_id="C1",
    submitted_by="u",
    document_kinds=("passport",),
    documents=(Document(kind="passport", reference="P1", expires_on=date(2030, 1, 1)),),
    risk_answers=(Answer("pep", "no"),),
)
MODULES = (test_client, test_client_restrictions)
EXAMPLES: list[Event] = [
    FULL,
    SUBMITTED,
    *(value for m in MODULES for value in vars(m).values() if isinstance(value, Event)),
]


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)
def test_an_event_survives_storage(event: Event) -> None:
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(type(event))
    assert decoder.decode(msgspec.json.encode(event)) == event
    assert msgspec.convert(msgspec.to_builtins(event), type(event)) == event


@pytest.mark.parametrize("event", [FULL, SUBMITTED], ids=lambda event: type(event).__name__)
def test_every_personal_field_may_be_erased(event: Event) -> None:
    personal = _personal(type(event))
    erased = msgspec.structs.replace(event, **dict.fromkeys(personal, ERASED))
    decoded = msgspec.json.Decoder(type(event)).decode(msgspec.json.encode(erased))
    assert decoded == erased
    assert client.evolve(client.INITIAL, decoded) == client.evolve(client.INITIAL, event)


def test_who_a_client_is_is_personal_throughout() -> None:
    assert _personal(ClientOnboarded) == {
        *("legal_name", "tax_id", "email", "first_names", "surnames", "birth_date"),
        *("nationality", "tax_residence", "national_id"),
    }
    assert _personal(KycSubmitted) == {"documents", "risk_answers", "submitted_by"}


def test_a_decoder_can_be_built_for_all_events_at_once() -> None:
    union: Any = client.EVENTS[0]
    for kind in client.EVENTS[1:]:
        union = union | kind
    decoder = msgspec.json.Decoder(union)
    assert all(decoder.decode(msgspec.json.encode(event)) == event for event in EXAMPLES)


def _personal(kind: type[Event]) -> set[str]:
    hints = get_type_hints(kind, include_extras=True)
    return {name for name, hint in hints.items() if _is_personal(hint)}


def _is_personal(hint: Any) -> bool:
    inner = getattr(hint, "__args__", ())
    return PERSONAL in getattr(hint, "__metadata__", ()) or any(map(_is_personal, inner))
