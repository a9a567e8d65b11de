"""Strict JSON: UTF-8, at most 200 levels, no NaN, and no name twice in one object.

When a name occurs twice, some readers take the first value and others the last (RFC 8259, 4): the
value that was checked could differ from the value that is used. Names are compared unescaped.
"""

import json
from typing import Any, NoReturn

from pydantic_core import from_json

from api.http.echo import short_name


def loads(raw: bytes | str) -> object:
    """The value of a JSON text.

    Raises:
        ValueError: with the place of the first error, or the name that occurs twice.
    """
    try:
        found = from_json(raw, allow_inf_nan=False, cache_strings="keys")
    except ValueError as error:
        raise ValueError(f"not JSON in UTF-8: {error}") from error
    if isinstance(found, dict | list) and not _obviously_unique(found, raw):
        _unique(raw)
    return found


def _obviously_unique(found: dict[str, Any] | list[Any], raw: bytes | str) -> bool:
    """Whether each colon belongs to a different name of the outermost object: none is repeated."""
    colons = raw.count(":") if isinstance(raw, str) else raw.count(b":")
    return colons == (len(found) if isinstance(found, dict) else 0)


def _object(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) == len(pairs):
        return
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            _twice(name)
        seen.add(name)


def _twice(name: str) -> NoReturn:
    raise ValueError(f"the name {short_name(name)} is there twice in one object; give it once")


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_int=len, parse_float=len, strict=True)
"""Only names are checked, so `parse_int` and `parse_float` skip the cost of long numbers."""


def _unique(raw: bytes | str) -> None:
    """Raise ValueError with the name that occurs twice. `raw` is known to be JSON."""
    text = raw if isinstance(raw, str) else raw.decode()
    _decoder.decode(text)
