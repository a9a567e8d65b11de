"""Values as JSON: decimals are plain strings, never with an exponent."""

from decimal import Decimal
from typing import Any

import msgspec

from domain.shared.money import is_currency

_encode = msgspec.json.Encoder().encode


def plain(value: object) -> Any:
    """A struct (or any value) as JSON types."""
    return _plain(msgspec.to_builtins(value, builtin_types=(Decimal,)))


def decimal(number: Decimal) -> str:
    return format(number, "f")


def quantity(number: Decimal) -> str:
    """A number of shares or units, without trailing zeros.

    A Decimal sum keeps the most decimals of its terms: 245.5 - 0.5 is 245.0, shown as 245.
    """
    text = decimal(number)
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def amount(number: Decimal, unit: str) -> str:
    """A number of `unit`: money keeps its currency's decimals, shares lose trailing zeros."""
    return decimal(number) if is_currency(unit) else quantity(number)


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
