"""JSON taken at its word: UTF-8, 200 levels at most, no NaN, and no name twice in one object.

Of a name that stands twice, one reader takes the first value and another the last (RFC 8259, 4):
what was checked is then not what is done. Names are compared after their escapes are read.
"""

import json
from typing import Any, NoReturn

from pydantic_core import from_json

from api.http.echo import named


def loads(raw: bytes | str) -> object:
    """The value of a JSON text.

    Raises:
        ValueError: a sentence that says where it stops being JSON, or which name is there twice.
    """
    try:
        found = from_json(raw, allow_inf_nan=False, cache_strings="keys")
    except ValueError as error:
        raise ValueError(f"not JSON in UTF-8: {error}") from error
    if isinstance(found, dict | list) and not _obviously_unique(found, raw):
        _unique(raw)
    return found


def _obviously_unique(found: dict[str, Any] | list[Any], raw: bytes | str) -> bool:
    """Each name has a colon behind it: as many names as colons leave none for a second one."""
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
    raise ValueError(f"the name {named(name)} is there twice in one object; give it once")


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_int=len, parse_float=len, strict=True)
"""Values are of no interest here; `parse_int` spares the reading of long numbers."""


def _unique(raw: bytes | str) -> None:
    """Raises: ValueError, naming what is there twice. `raw` is known to be JSON."""
    text = raw if isinstance(raw, str) else raw.decode()
    _decoder.decode(text)
