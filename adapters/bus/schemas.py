"""JSON Schemas of everything on the bus, by `name@version`, for consumers without our code.

There is one for every event that this build writes, and for the page, its headers and the state of
an event. The relay publishes them in the compacted topic `{prefix}.schemas`, keyed by these names.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from adapters.bus.page import PAGE_EVENTS_MAX, Body
from domain.catalogue import EVENTS
from domain.shared.envelope import Metadata

PAGE, HEADERS, STATE = "bus.page@1", "bus.headers@1", "bus.state@1"

_POSITION = {"type": "string", "pattern": "^[0-9]{1,19}$"}
_encode = msgspec.json.Encoder(order="deterministic").encode


def schemas() -> Mapping[str, bytes]:
    """Every schema as JSON."""
    found: dict[str, Any] = {PAGE: page(), HEADERS: headers(), STATE: state()}
    for name, event in EVENTS.items():
        found[f"{name}@{event.VERSION}"] = msgspec.json.schema(event)
    return {name: _encode(schema) for name, schema in found.items()}


def page() -> dict[str, Any]:
    """The value of a page, once its MessagePack is decoded."""
    [found], parts = msgspec.json.schema_components([Body], ref_template="#/$defs/{name}")
    parts["Body"]["properties"]["events"] |= {"minItems": 1, "maxItems": PAGE_EVENTS_MAX}
    for field in parts["_Row"]["prefixItems"]:
        if field.pop("contentEncoding", None):
            field["description"] = "MessagePack bin: the exact bytes of the log"
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": PAGE,
        "description": "An event is [position, stream, version, name, state, hash, committed_at].",
        **found,
        "$defs": parts,
    }


def headers() -> dict[str, Any]:
    """The headers of a record, each as ASCII: of a page, or of a watermark."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": HEADERS,
        "oneOf": [_object("prev", "first", "last"), _object("prev", "relayed")],
    }


def state() -> dict[str, Any]:
    """The state of an event: JSON in UTF-8; `payload` follows the schema of its name."""
    [found], parts = msgspec.json.schema_components([Metadata], ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": STATE,
        "type": "object",
        "properties": {"metadata": found, "payload": {"type": "object"}},
        "required": ["metadata", "payload"],
        "$defs": parts,
    }


def _object(*names: str) -> dict[str, Any]:
    properties = dict.fromkeys(names, _POSITION)
    return {"type": "object", "properties": properties, "required": list(names)}
