"""Codec: events to stored bytes and back, by stable name and version, never by Python path.

Personal fields (annotated in the domain) are stored as AES-GCM ciphertext under the data key of
the event's subject: a client, or the firm. Without that key they read as `Erased`, and once it was
destroyed they are stored as `Erased`. Decimals are stored as plain strings: no exponent, ever.
"""

import re
from binascii import a2b_base64, b2a_base64
from decimal import Decimal
from typing import Any, get_type_hints

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec.structs import replace

from adapters.host.entropy import Entropy
from adapters.log.keys import KeyStore
from adapters.log.upcasts import SEALED, UPCASTS, Seals
from commands.ports import KeyDestroyed
from domain.catalogue import EVENTS
from domain.shared.message import ERASED, FIRM, PERSONAL, Event

_encode = msgspec.json.Encoder(order="deterministic").encode
_decode_raw = msgspec.json.Decoder().decode
_EXPONENT = re.compile(rb'"-?\d+(\.\d+)?E[+-]?\d+"')
_E = ord("E")
_SEALED = "aes-gcm:"
SEALED_MARK = b'"aes-gcm:'  # occurs in every stored event that has a sealed field
_NONCE_BYTES = 12


class UnknownEvent(Exception):
    """The log holds an event name or version that this build does not know."""


def _personal_fields(cls: type[Event]) -> tuple[str, ...]:
    hints = get_type_hints(cls, include_extras=True)
    return tuple(name for name, hint in hints.items() if _is_personal(hint))


def _is_personal(hint: Any) -> bool:
    if PERSONAL in getattr(hint, "__metadata__", ()):
        return True
    return any(_is_personal(arg) for arg in getattr(hint, "__args__", ()))


def _all_texts(cls: type[Event], fields: tuple[str, ...]) -> bool:
    """Whether ciphertext fits the type of every personal field."""
    hints = get_type_hints(cls)
    return bool(fields) and all(str in getattr(hints[f], "__args__", ()) for f in fields)


PERSONAL_FIELDS = {name: _personal_fields(cls) for name, cls in EVENTS.items()}
_TEXTS = frozenset(n for n, fields in PERSONAL_FIELDS.items() if _all_texts(EVENTS[n], fields))
ERASED_RAW = msgspec.to_builtins(ERASED)  # how an upcast sees an erased field
_UNSAID = (None, "", (), ERASED)  # values that need no sealing
CIPHERS_MAX = 4_096  # ciphers cached in memory
_decoders = {name: msgspec.json.Decoder(cls) for name, cls in EVENTS.items()}


def plain_json(event: object) -> bytes:
    """JSON of a struct with every Decimal as a plain string."""
    payload = _encode(event)
    if _E not in payload or (b"E+" not in payload and b"E-" not in payload):
        return payload  # Python writes every exponent with its sign
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
        self._ciphers: dict[bytes, AESGCM] = {}

    def encode(self, event: Event, *, label: str) -> tuple[str, int, bytes]:
        """(name, schema version, payload). `label` is unique per event: nonces derive from it.

        Raises:
            KeyDestroyed: the client was erased, and a field in `NEEDS` holds personal data.
        """
        name = str(event.__struct_config__.tag)
        if fields := PERSONAL_FIELDS[name]:
            event = self._sealed(event, name, fields, label=label)
        return name, event.VERSION, plain_json(event)

    def decode(self, name: str, schema: int, payload: bytes | msgspec.Raw) -> Event:
        """Decode one stored event, upcasting when it was written by an older build.

        Raises:
            UnknownEvent: the name is unknown, the version is newer than this build, or an upcast
                is missing.
            msgspec.DecodeError: the bytes do not fit the event's schema.
        """
        cls = EVENTS.get(name)
        if cls is None or schema > cls.VERSION:
            raise UnknownEvent(f"unknown event {name} v{schema}")
        fields = PERSONAL_FIELDS[name]
        if schema == cls.VERSION and (not fields or name in _TEXTS):
            event = _decoders[name].decode(payload)
            return self._opened(event, name, fields) if fields else event
        raw = _decode_raw(payload)
        seals = _seals(name, schema, cls)
        if seals.fields:
            self._open(raw, name, seals)
        return msgspec.convert(_upcast(raw, name, schema, to=cls.VERSION), cls)

    def _sealed(self, event: Event, name: str, fields: tuple[str, ...], *, label: str) -> Event:
        """The event with its personal fields encrypted; empty fields stay as they are."""
        given = [f for f in fields if getattr(event, f) not in _UNSAID]
        if not given:
            return event  # nothing to seal: neither make a key nor fail for a destroyed one
        subject = _subject(event.SUBJECT, getattr(event, event.SUBJECT, ""))
        try:
            cipher = self._cipher(self._keys.data_key(subject))
        except KeyDestroyed:
            if not set(given).isdisjoint(event.NEEDS):
                raise
            return replace(event, **dict.fromkeys(given, ERASED))
        sealed: dict[str, str] = {}
        for field in given:
            nonce = self._entropy.draw(_NONCE_BYTES, f"nonce:{label}:{field}")
            value = getattr(event, field)
            clear = _encode(value) if type(value) is str else plain_json(value)
            bytes_ = nonce + cipher.encrypt(nonce, clear, f"{subject}|{name}|{field}".encode())
            sealed[field] = _SEALED + b2a_base64(bytes_, newline=False).decode()
        return replace(event, **sealed)

    def _opened(self, event: Event, name: str, fields: tuple[str, ...]) -> Event:
        """The event with its personal texts in clear."""
        sealed = {f: v for f in fields if is_sealed(v := getattr(event, f))}
        if not sealed:
            return event
        subject = _subject(event.SUBJECT, getattr(event, event.SUBJECT, ""))
        key = self._keys.find(subject)
        if key is None:
            return replace(event, **dict.fromkeys(sealed, ERASED))
        cipher = self._cipher(key)
        for field, text in sealed.items():
            sealed[field] = _unseal(cipher, text, f"{subject}|{name}|{field}".encode())
        return replace(event, **sealed)

    def _open(self, raw: dict[str, Any], name: str, seals: Seals) -> None:
        sealed = [f for f in seals.fields if is_sealed(raw.get(f))]
        if not sealed:
            return
        subject = _subject(seals.subject, raw.get(seals.subject, ""))
        key = self._keys.find(subject)
        cipher = None if key is None else self._cipher(key)
        for field in sealed:
            aad = f"{subject}|{name}|{field}".encode()
            raw[field] = ERASED_RAW if cipher is None else _unseal(cipher, raw[field], aad)

    def _cipher(self, key: bytes) -> AESGCM:
        """The cipher of a key, cached: making one takes longer than sealing a text."""
        cipher = self._ciphers.get(key)
        if cipher is None:
            if len(self._ciphers) >= CIPHERS_MAX:
                self._ciphers.clear()
            cipher = self._ciphers[key] = AESGCM(key)
        return cipher


def is_sealed(value: object) -> bool:
    """Whether a stored value is ciphertext."""
    return isinstance(value, str) and value.startswith(_SEALED)


def _subject(field: str, value: str) -> str:
    """Whose key seals the event: the client's, or the firm's if the event names no client."""
    return FIRM if field == FIRM else value or FIRM


def read_event(name: str, schema: int, payload: bytes) -> Event:
    """Decode a stored event that has no personal fields, without any keys.

    Raises:
        UnknownEvent, msgspec.DecodeError: as `Codec.decode`.
    """
    raw = _decode_raw(payload)
    return msgspec.convert(_upcast(raw, name, schema, to=EVENTS[name].VERSION), EVENTS[name])


def sealed_for(name: str, schema: int, payload: bytes) -> str | None:
    """The subject (client or firm) whose key seals a field of this payload; None: no field is."""
    raw, seals = _decode_raw(payload), _seals(name, schema, EVENTS[name])
    sealed = [f for f in seals.fields if str(raw.get(f)).startswith(_SEALED)]
    return _subject(seals.subject, str(raw.get(seals.subject, ""))) if sealed else None


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


def _unseal(cipher: AESGCM, text: str, aad: bytes) -> Any:
    sealed = a2b_base64(text[len(_SEALED) :])
    try:
        clear = cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], aad)
    except InvalidTag as e:
        raise msgspec.DecodeError("personal data was altered, or its key is another's") from e
    return _decode_raw(clear)
