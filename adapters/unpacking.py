"""Many stored events of one stream at once: what a cold load spends its time on.

The payloads of a stream are one JSON list, read in one call straight into the category's event
types: a third of what event by event costs. Whatever is not as this build would have stored it (an
older version, personal data, an unknown name) is read one by one.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Union

import msgspec

from adapters.codec import PERSONAL_FIELDS, Codec
from adapters.frame import Payloads
from domain.catalogue import CATEGORIES
from domain.message import Event


class _Tagged(msgspec.Struct, gc=False):
    type: str


def _decoder(events: Sequence[type[Event]]) -> "msgspec.json.Decoder[list[Event]] | None":
    """None where hardly anything could be read at once."""
    if 2 * sum(bool(PERSONAL_FIELDS[_tag(e)]) for e in events) > len(events):
        return None
    kinds: Any = Union[tuple(events)]  # noqa: UP007 (made of a tuple)
    return msgspec.json.Decoder(list[kinds])


def _tag(event: type[Event]) -> str:
    return str(event.__struct_config__.tag)


class _Category(NamedTuple):
    decoder: "msgspec.json.Decoder[list[Event]] | None"
    plain: frozenset[tuple[type[Event], int]]  # what needs nothing but decoding


_CATEGORIES = {
    name: _Category(
        _decoder(decider.EVENTS),
        frozenset((e, e.VERSION) for e in decider.EVENTS if not PERSONAL_FIELDS[_tag(e)]),
    )
    for name, decider in CATEGORIES.items()
}
_raw = msgspec.json.Decoder(list[msgspec.Raw])
_tagged = msgspec.json.Decoder(_Tagged)


def unpack(category: str, payloads: Payloads, codec: Codec) -> list[Event]:
    """The events of a stream.

    Raises:
        UnknownEvent, msgspec.MsgspecError, KeyError, ValueError: as `Codec.decode`, for one of
            them; it does not say which. Also where the payloads are not known.
    """
    return _at_once(category, payloads) or [
        codec.decode(_tagged.decode(raw).type, schema, raw)
        for raw, schema in zip(_raw.decode(payloads.json), payloads.schemas, strict=True)
    ]


def _at_once(category: str, payloads: Payloads) -> list[Event] | None:
    decoder, plain = _CATEGORIES[category]
    if decoder is None:
        return None
    try:
        events = decoder.decode(payloads.json)
    except msgspec.MsgspecError:
        return None
    if plain.issuperset(zip(map(type, events), payloads.schemas, strict=True)):
        return events
    return None
