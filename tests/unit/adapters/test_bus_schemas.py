"""The published schemas match the messages that are sent."""

import json
from typing import Any

import msgspec

from adapters.bus.page import cut
from adapters.bus.schemas import HEADERS, PAGE, STATE, schemas
from domain.catalogue import EVENTS
from tests.every import every
from tests.paths import DOCS
from tests.unit.adapters.relay_world import event

KINDS = {"integer": int, "string": (str, bytes)}


def schema(name: str) -> dict[str, Any]:
    return dict(json.loads(schemas()[name]))


def test_every_event_of_this_build_and_the_page_have_a_schema() -> None:
    own = {f"{name}@{cls.VERSION}" for name, cls in EVENTS.items()}
    assert set(schemas()) == own | {PAGE, HEADERS, STATE}


def test_an_events_schema_is_the_one_in_its_document() -> None:
    every(sorted(EVENTS), in_its_document)


def in_its_document(name: str) -> None:
    published = schema(f"{name}@{EVENTS[name].VERSION}")
    text = (DOCS / "events" / f"{name}.md").read_text()
    assert json.loads(text.split("```json\n")[1].split("```")[0]) == published


def test_a_page_fits_its_schema() -> None:
    page, mark = cut([event(3, "A1")], 1, relayed=0)
    result = schema(PAGE)
    body = result["$defs"][result["$ref"].rpartition("/")[2]]
    row = result["$defs"][body["properties"]["events"]["items"]["$ref"].rpartition("/")[2]]
    decoded = msgspec.msgpack.decode(page.value or b"")
    assert list(decoded) == body["required"] == ["events"]
    [sent] = decoded["events"]
    assert len(sent) == len(row["prefixItems"]) == row["minItems"]
    for value, wanted in zip(sent, row["prefixItems"], strict=True):
        assert isinstance(value, KINDS[wanted["type"]])
    of_page, of_mark = schema(HEADERS)["oneOf"]
    assert [name for name, _ in page.headers] == of_page["required"]
    assert [name for name, _ in mark.headers] == of_mark["required"]


def test_a_state_names_its_parts() -> None:
    result = schema(STATE)
    assert result["required"] == ["metadata", "payload"]
    metadata = result["$defs"][result["properties"]["metadata"]["$ref"].rpartition("/")[2]]
    assert {"stream", "version", "name", "home", "message_id"} <= set(metadata["required"])
