"""Many stored events of one stream at once: what a cold load spends its time on.

A stored state is JSON, so that of a stream is one JSON list, read in one call straight into the
category's event types: a third of what event by event costs. Whatever is not as this build would
have stored it (an older version, personal data, an unknown name) is read one by one.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, NamedTuple, Union

import msgspec

from adapters.codec import PERSONAL_FIELDS, Codec
from domain.catalogue import CATEGORIES
from domain.envelope import Metadata
from domain.message import Event


class _Named(msgspec.Struct, gc=False):
    name: str
    schema: int


class _Raw(msgspec.Struct, gc=False):
    metadata: Metadata
    payload: msgspec.Raw


def _decoder(events: Sequence[type[Event]]) -> "msgspec.json.Decoder[list[Any]] | None":
    """None where hardly anything could be read at once."""
    if 2 * sum(bool(PERSONAL_FIELDS[_tag(e)]) for e in events) > len(events):
        return None
    kinds: Any = Union[tuple(events)]  # noqa: UP007 (made of a tuple)
    fields = [("metadata", _Named), ("payload", kinds)]
    return msgspec.json.Decoder(list[msgspec.defstruct("Stored", fields, gc=False)])  # type: ignore[misc]


def _tag(event: type[Event]) -> str:
    return str(event.__struct_config__.tag)


class _Category(NamedTuple):
    decoder: "msgspec.json.Decoder[list[Any]] | None"
    plain: frozenset[tuple[tuple[str, int], type[Event]]]  # what needs nothing but decoding


_CATEGORIES = {
    name: _Category(
        _decoder(decider.EVENTS),
        frozenset(
            ((_tag(e), e.VERSION), e) for e in decider.EVENTS if not PERSONAL_FIELDS[_tag(e)]
        ),
    )
    for name, decider in CATEGORIES.items()
}
_raw = msgspec.json.Decoder(list[_Raw])
_payload, _named = attrgetter("payload"), attrgetter("metadata.name", "metadata.schema")


def unpack(category: str, states: bytes, codec: Codec) -> list[Event]:
    """The events of a JSON list of stored states.

    Raises:
        UnknownEvent, msgspec.MsgspecError, KeyError, ValueError: as `Codec.decode`, for one of
            them; it does not say which.
    """
    return _at_once(category, states) or [
        codec.decode(one.metadata.name, one.metadata.schema, bytes(one.payload))
        for one in _raw.decode(states)
    ]


def _at_once(category: str, states: bytes) -> list[Event] | None:
    decoder, plain = _CATEGORIES[category]
    if decoder is None:
        return None
    try:
        found = decoder.decode(states)
    except msgspec.MsgspecError:
        return None
    events = list(map(_payload, found))
    if plain.issuperset(zip(map(_named, found), map(type, events), strict=True)):
        return events
    return None
