"""Codec: events to stored bytes and back, by stable name and version, never by Python path.

Personal fields (annotated in the domain) are stored as AES-GCM ciphertext under the data key of
the event's client; without that key they read as `Erased`. Decimals are stored as plain strings:
no exponent, ever.
"""

import base64
import re
from decimal import Decimal
from typing import Any, get_type_hints

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.entropy import Entropy
from adapters.keystore import KeyStore
from adapters.upcasts import SEALED, UPCASTS, Seals
from domain.catalogue import EVENTS
from domain.message import ERASED, PERSONAL, Event

_encode = msgspec.json.Encoder(order="deterministic").encode
_decode_raw = msgspec.json.Decoder().decode
_EXPONENT = re.compile(rb'"-?\d+(\.\d+)?E[+-]?\d+"')
_E = ord("E")
_SEALED = "aes-gcm:"
SEALED_MARK = b'"aes-gcm:'  # stands in every stored event that has a sealed field
_NONCE_BYTES = 12


class UnknownEvent(Exception):
    """The log holds a name or a version that this build was never taught."""


def _personal_fields(cls: type[Event]) -> tuple[str, ...]:
    hints = get_type_hints(cls, include_extras=True)
    return tuple(name for name, hint in hints.items() if _is_personal(hint))


def _is_personal(hint: Any) -> bool:
    if PERSONAL in getattr(hint, "__metadata__", ()):
        return True
    return any(_is_personal(arg) for arg in getattr(hint, "__args__", ()))


PERSONAL_FIELDS = {name: _personal_fields(cls) for name, cls in EVENTS.items()}
_decoders = {name: msgspec.json.Decoder(cls) for name, cls in EVENTS.items()}


def plain_json(event: object) -> bytes:
    """JSON of a struct with every Decimal as a plain string."""
    payload = _encode(event)
    if _E not in payload or (b"E+" not in payload and b"E-" not in payload):
        return payload  # Python always writes the sign
    if not _EXPONENT.search(payload):
        return payload
    return _encode(_without_exponents(msgspec.to_builtins(event, builtin_types=(Decimal,))))


def _without_exponents(value: Any) -> Any:
    match value:
        case Decimal():
            return format(value, "f")
        case dict():
            return {k: _without_exponents(v) for k, v in value.items()}
        case list() | tuple():
            return [_without_exponents(v) for v in value]
        case _:
            return value


class Codec:
    def __init__(self, keys: KeyStore, entropy: Entropy) -> None:
        self._keys, self._entropy = keys, entropy

    def encode(self, event: Event, *, label: str) -> tuple[str, int, bytes]:
        """(name, schema version, payload). `label` is unique per event: it derives the nonces."""
        name = str(event.__struct_config__.tag)
        payload = plain_json(event)
        fields = PERSONAL_FIELDS[name]
        if fields:
            payload = self._seal(event, name, payload, fields=fields, label=label)
        return name, event.VERSION, payload

    def decode(self, name: str, schema: int, payload: bytes | msgspec.Raw) -> Event:
        """Decode one stored event, upcasting when it was written by an older build.

        Raises:
            UnknownEvent: no such name, a version from the future, or one that no upcast takes on.
            msgspec.DecodeError: the bytes do not fit the event's schema.
        """
        cls = EVENTS.get(name)
        if cls is None or schema > cls.VERSION:
            raise UnknownEvent(f"unknown event {name} v{schema}")
        fields = PERSONAL_FIELDS[name]
        if schema == cls.VERSION and not fields:
            return _decoders[name].decode(payload)
        raw = _decode_raw(payload)
        seals = _seals(name, schema, cls)
        if seals.fields:
            self._open(raw, name, seals)
        return msgspec.convert(_upcast(raw, name, schema, to=cls.VERSION), cls)

    def _seal(
        self, event: Event, name: str, payload: bytes, *, fields: tuple[str, ...], label: str
    ) -> bytes:
        raw = _decode_raw(payload)
        subject = raw[event.SUBJECT]
        given = [field for field in fields if raw.get(field) is not None]
        if not given:
            return _encode(raw)  # and no key is made, or missed, for nothing
        cipher = AESGCM(self._keys.data_key(subject))
        for field in given:
            nonce = self._entropy.draw(_NONCE_BYTES, f"nonce:{label}:{field}")
            aad = f"{subject}|{name}|{field}".encode()
            sealed = nonce + cipher.encrypt(nonce, _encode(raw[field]), aad)
            raw[field] = _SEALED + base64.b64encode(sealed).decode()
        return _encode(raw)

    def _open(self, raw: dict[str, Any], name: str, seals: Seals) -> None:
        subject = raw[seals.subject]
        key = self._keys.find(subject)
        for field in seals.fields:
            text = raw.get(field)
            if isinstance(text, str) and text.startswith(_SEALED):
                aad = f"{subject}|{name}|{field}".encode()
                raw[field] = _unseal(key, text, aad)


def read_event(name: str, schema: int, payload: bytes) -> Event:
    """A stored event that holds nothing personal, for whoever has no keys.

    Raises:
        UnknownEvent, msgspec.DecodeError: as `Codec.decode`.
    """
    raw = _decode_raw(payload)
    return msgspec.convert(_upcast(raw, name, schema, to=EVENTS[name].VERSION), EVENTS[name])


def sealed_for(name: str, schema: int, payload: bytes) -> str | None:
    """The client under whose key some field of a stored payload is sealed; None: no field is."""
    raw, seals = _decode_raw(payload), _seals(name, schema, EVENTS[name])
    sealed = [f for f in seals.fields if str(raw.get(f)).startswith(_SEALED)]
    return str(raw[seals.subject]) if sealed else None


def _seals(name: str, schema: int, cls: type[Event]) -> Seals:
    """The personal fields that an event of this version was stored with."""
    fields = PERSONAL_FIELDS[name]
    if schema == cls.VERSION:
        return Seals(cls.SUBJECT, fields)
    then = SEALED.get((name, schema))
    if then is None and fields:  # guessing would show ciphertext as if it were the value
        raise UnknownEvent(f"event {name} v{schema} cannot be read: SEALED lacks v{schema}")
    return then or Seals(cls.SUBJECT, ())


def _upcast(raw: dict[str, Any], name: str, version: int, *, to: int) -> dict[str, Any]:
    for v in range(version, to):
        upcast = UPCASTS.get((name, v))
        if upcast is None:
            raise UnknownEvent(f"event {name} v{version} cannot be read: no upcast from v{v}")
        raw = upcast(raw)
    return raw


def _unseal(key: bytes | None, text: str, aad: bytes) -> Any:
    if key is None:
        return msgspec.to_builtins(ERASED)
    sealed = base64.b64decode(text.removeprefix(_SEALED))
    try:
        clear = AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], aad)
    except InvalidTag as e:
        raise msgspec.DecodeError("personal data was altered, or its key is another's") from e
    return _decode_raw(clear)
