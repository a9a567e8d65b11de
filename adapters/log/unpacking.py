"""Decode all stored events of a stream at once: the main cost of loading a cold stream.

The payloads of a stream are one JSON list, decoded in one call straight into the category's event
types, at a third of the cost of decoding event by event. Personal texts stay sealed, because a
decision must not look at them. An event of an older version is decoded by itself. If the list
cannot be decoded at once (an unknown name, sealed dates), each event is decoded by itself.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Union

import msgspec

from adapters.log.codec import Codec
from adapters.log.frame import Payloads
from domain.catalogue import CATEGORIES
from domain.shared.message import Event


class _Tagged(msgspec.Struct, gc=False):
    type: str


def _decoder(events: Sequence[type[Event]]) -> "msgspec.json.Decoder[list[Event]]":
    kinds: Any = Union[tuple(events)]  # noqa: UP007 (made of a tuple)
    return msgspec.json.Decoder(list[kinds])


class _Category(NamedTuple):
    decoder: "msgspec.json.Decoder[list[Event]]"
    current: frozenset[tuple[type[Event], int]]  # types at their present version: no upcast


_CATEGORIES = {
    name: _Category(
        _decoder(decider.EVENTS),
        frozenset((e, e.VERSION) for e in decider.EVENTS),
    )
    for name, decider in CATEGORIES.items()
}
_raw = msgspec.json.Decoder(list[msgspec.Raw])
_tagged = msgspec.json.Decoder(_Tagged)


def unpack(category: str, payloads: Payloads, codec: Codec) -> list[Event]:
    """The events of a stream, to fold into a state.

    Raises:
        UnknownEvent, msgspec.MsgspecError, KeyError, ValueError: as `Codec.decode`, without
            naming the event. Also if the payloads are `frame.UNKNOWN`.
    """
    return _at_once(category, payloads, codec) or [
        codec.decode(_tagged.decode(raw).type, schema, raw)
        for raw, schema in zip(_raw.decode(payloads.json), payloads.schemas, strict=True)
    ]


def _at_once(category: str, payloads: Payloads, codec: Codec) -> list[Event] | None:
    decoder, current = _CATEGORIES[category]
    try:
        events = decoder.decode(payloads.json)
    except msgspec.MsgspecError:
        return None
    kinds = list(zip(map(type, events), payloads.schemas, strict=True))
    if not current.issuperset(kinds):
        raws = _raw.decode(payloads.json)
        for at, (kind, schema) in enumerate(kinds):
            if (kind, schema) not in current:
                events[at] = codec.decode(str(events[at].__struct_config__.tag), schema, raws[at])
    return events
