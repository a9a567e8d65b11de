"""The frame of a stored event: `{"metadata": ..., "payload": ...}`, exact bytes of both."""

from collections.abc import Sequence

import msgspec


class _Frame(msgspec.Struct, gc=False):
    metadata: msgspec.Raw
    payload: msgspec.Raw


class _Home(msgspec.Struct, gc=False):
    home: str


class _Homed(msgspec.Struct, gc=False):
    metadata: _Home


class _Schema(msgspec.Struct, gc=False):
    schema: int


class _Versioned(msgspec.Struct, gc=False):
    metadata: _Schema
    payload: msgspec.Raw


class Payloads(msgspec.Struct, frozen=True, gc=False):
    """What folding a stream needs of its stored events, in version order."""

    json: bytes  # one JSON list
    schemas: Sequence[int]  # the schema version of each


NONE = Payloads(b"[]", ())
UNKNOWN = Payloads(b"", ())  # some state is no frame: open the events one by one

_frame_decoder = msgspec.json.Decoder(_Frame)
_decode_home = msgspec.json.Decoder(_Homed).decode
_list_decoder = msgspec.json.Decoder(list[_Versioned])


def frame(metadata: bytes, payload: bytes) -> tuple[bytes, int]:
    """(state, number of bytes in it before the payload)."""
    state = b'{"metadata":%b,"payload":%b}' % (metadata, payload)
    return state, len(state) - len(payload) - 1


def unframe(state: bytes) -> tuple[bytes, bytes]:
    """(metadata, payload): the exact bytes of a stored state.

    Raises:
        msgspec.MsgspecError: it is no frame.
    """
    found = _frame_decoder.decode(state)
    return bytes(found.metadata), bytes(found.payload)


def home(state: bytes) -> str:
    """The partition key in the metadata of a stored state.

    Raises:
        msgspec.MsgspecError: it is no frame.
    """
    return _decode_home(state).metadata.home


def payloads(states: Sequence[bytes]) -> Payloads:
    """The payloads of stored states; UNKNOWN if one of the states is no frame."""
    try:
        found = _list_decoder.decode(b"[%b]" % b",".join(states))
    except msgspec.MsgspecError:
        return UNKNOWN
    joined = b",".join([bytes(one.payload) for one in found])
    return Payloads(b"[%b]" % joined, tuple([one.metadata.schema for one in found]))
