"""Rows of a statement as JSON, with bounds that are checked while it is built.

A column that is small in ClickHouse can be long in JSON (one text repeated, an array of small
numbers), so cells and bytes are counted here. It runs on a thread and does not block the loop.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from api.http import wire

CELLS_MAX = 500_000
BYTES_MAX = 16 << 20
EXACT_INTEGER_MAX = 2**53


class TooLarge(Exception):
    """The answer exceeds the bound that the text names."""


def body_of(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """`{columns, rows}` as JSON.

    Raises:
        TooLarge: more than CELLS_MAX values, those in arrays counted, or BYTES_MAX bytes.
    """
    count = _Count()
    head = wire.dump(list(columns))
    out, size = [], len(head)
    for row in rows:
        count.add(len(row))
        made = wire.dump([_value(v, count) for v in row])
        size += len(made) + 1
        if size > BYTES_MAX:
            raise TooLarge(f"the answer has more than {BYTES_MAX} bytes")
        out.append(made)
    return b'{"columns":%b,"rows":[%b]}' % (head, b",".join(out))


class _Count:
    def __init__(self) -> None:
        self._left = CELLS_MAX

    def add(self, cells: int) -> None:
        self._left -= cells
        if self._left < 0:
            raise TooLarge(f"the answer has more than {CELLS_MAX} values")


def _value(value: Any, count: _Count) -> Any:
    match value:
        case bool() | float() | str() | None:
            return value
        case int() if abs(value) <= EXACT_INTEGER_MAX:
            return value
        case Decimal():
            return wire.decimal(value)
        case list() | tuple():
            count.add(len(value))
            return [_value(v, count) for v in value]
        case dict():
            count.add(2 * len(value))
            return {str(k): _value(v, count) for k, v in value.items()}
        case _:
            return value.isoformat() if isinstance(value, date) else str(value)
