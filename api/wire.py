"""Values as JSON for people and programs: decimals as plain strings, never with an exponent."""

from decimal import Decimal
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode


def plain(value: object) -> Any:
    """A struct (or any value) as JSON types."""
    return _plain(msgspec.to_builtins(value, builtin_types=(Decimal,)))


def decimal(number: Decimal) -> str:
    return format(number, "f")


def dump(value: object) -> bytes:
    return _encode(value)


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return decimal(value)
        case dict():
            return {key: _plain(v) for key, v in value.items()}
        case list() | tuple():
            return [_plain(v) for v in value]
        case _:
            return value
