"""Values of a batch as columns: one array literal a column, typed by the statement (`%s::text[]`).

msgspec writes a list as JSON in C. Between quotes an array literal reads `\\"` and `\\\\` as JSON
does; outside of quotes it reads `null`, numbers, `true` and `false` as JSON does. So the text of
a list, in braces instead of brackets, is an array literal. Only JSON's escapes of control
characters mean something else to Postgres: a column with one of them is written value by value.
Decimals are between quotes, so no digit is lost.
"""

import re
from collections.abc import Sequence
from typing import Any

from msgspec import json

_encode = json.Encoder().encode
_OTHER_ESCAPE = re.compile(rb'\\[^"\\]')


def literal(values: Sequence[Any]) -> str:
    """The values of one column as the text of a Postgres array."""
    text = _encode(values)
    if b"\\" in text and _OTHER_ESCAPE.search(text):
        return "{" + ",".join(map(_element, values)) + "}"
    return "{" + text[1:-1].decode() + "}"


def _element(value: Any) -> str:
    if not isinstance(value, str):
        return _encode(value).decode()
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
