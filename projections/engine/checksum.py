"""One hash of a view's rows, the same whichever store holds them.

Each row is a line of JSON, `[column, ...]` in the order of the row's fields, with numbers in
plain notation (no exponent, no trailing zeros) and times in UTC; lines are hashed in key order.
Text keys sort by code point, which is the order of Postgres's collation "C".
"""

import hashlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

from msgspec import json, structs

from domain.shared.money import plain
from projections.ports import Key, Row

_encode = json.Encoder().encode


class Digest:
    """Rows in key order go in by `add`; `rows` and `hash` come out."""

    def __init__(self) -> None:
        self.rows = 0
        self._sha = hashlib.sha256()

    def add(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._sha.update(canonical(row))
            self.rows += 1

    @property
    def hash(self) -> str:
        return self._sha.hexdigest()


def canonical(row: Row) -> bytes:
    """The row as one line of text that equal rows share."""
    return _encode([_plain(value) for value in structs.astuple(row)]) + b"\n"


def key_of(kind: type[Row]) -> Callable[[Any], Key]:
    """The function that takes the key, a tuple, out of a row of this kind."""
    if len(kind.KEY) == 1:
        single = attrgetter(kind.KEY[0])
        return lambda row: (single(row),)
    return attrgetter(*kind.KEY)


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return str(plain(value))
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
        case _:
            return value
