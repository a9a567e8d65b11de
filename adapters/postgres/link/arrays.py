"""Parameters in Postgres's binary form: columns of a batch as arrays, packed in one go.

psycopg's own list dumper inspects every element and lets the values decide the integer type, so
that one statement is prepared several times. Here the type is fixed, and packing 1,000 elements
takes a few calls into C.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import repeat
from struct import Struct
from typing import ClassVar

from psycopg.abc import AdaptContext
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEAD = Struct("!iiIii").pack  # dimensions, has nulls, element type, length, lower bound
_EMPTY = Struct("!iiI").pack
_LENGTH = Struct("!i").pack
_INT4 = Struct("!ii").pack
_INT8 = Struct("!q").pack
_EPOCH, _MICROSECOND = datetime(2000, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_BOOL = {False: b"\0\0\0\1\0", True: b"\0\0\0\1\1"}


class Packed:
    """A value in Postgres's binary form; a subclass per type."""

    OID: ClassVar[int]
    __slots__ = ("value",)

    def __init__(self, value: bytes) -> None:
        self.value = value


class Array(Packed):
    """A Postgres array; a subclass per element type."""

    ELEMENT: ClassVar[int]
    __slots__ = ()

    def __init__(self, length: int, elements: Sequence[bytes]) -> None:
        head = _HEAD(1, 0, self.ELEMENT, length, 1) if length else _EMPTY(0, 0, self.ELEMENT)
        super().__init__(b"".join((head, *elements)))


class Texts(Array):
    ELEMENT, OID = 25, 1009
    __slots__ = ()

    @classmethod
    def of(cls, items: Sequence[str]) -> "Texts":
        return cls(len(items), _framed([item.encode() for item in items]))


class Bytes(Array):
    ELEMENT, OID = 17, 1001
    __slots__ = ()

    @classmethod
    def of(cls, items: Sequence[bytes]) -> "Bytes":
        return cls(len(items), _framed(items))


class Ints(Array):
    ELEMENT, OID = 23, 1007
    __slots__ = ()

    @classmethod
    def of(cls, items: Sequence[int]) -> "Ints":
        return cls(len(items), list(map(_INT4, repeat(4), items)))


class Bools(Array):
    ELEMENT, OID = 16, 1000
    __slots__ = ()

    @classmethod
    def of(cls, items: Sequence[bool]) -> "Bools":
        return cls(len(items), list(map(_BOOL.__getitem__, items)))


class Text(Packed):
    OID = 25
    __slots__ = ()

    @classmethod
    def of(cls, text: str) -> "Text":
        return cls(text.encode())


class Moment(Packed):
    """A timestamptz."""

    OID = 1184
    __slots__ = ()

    @classmethod
    def of(cls, at: datetime) -> "Moment":
        return cls(_INT8((at - _EPOCH) // _MICROSECOND))


def register(context: AdaptContext) -> None:
    """Teach a connection to send these types."""
    for kind in (Texts, Bytes, Ints, Bools, Text, Moment):
        dumper = type(f"{kind.__name__}Dumper", (_PackedDumper,), {"oid": kind.OID})
        context.adapters.register_dumper(kind, dumper)


class _PackedDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Packed) -> bytes:
        return obj.value


def _framed(items: Sequence[bytes]) -> list[bytes]:
    framed: list[bytes] = [b""] * (2 * len(items))
    framed[0::2] = map(_LENGTH, map(len, items))
    framed[1::2] = items
    return framed
