"""The warehouse's columns: each declared field as a ClickHouse type and as an Arrow array.

`Gathered` takes events one by one and gives the columns of every table.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from operator import attrgetter
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import numpy as np
import pyarrow as pa
from msgspec import Meta, Struct

from domain.shared.limits import EPOCH
from projections.facts import FACTS
from projections.facts.base import REPEATING, About, Fact, Leg, Rows

EXACT = pa.decimal128(38, 12)
MICROS = pa.timestamp("us", "UTC")

_SIZES = ((16, "UInt16", pa.uint16()), (64, "UInt64", pa.uint64()))


class Column(NamedTuple):
    clickhouse: str  # its type and codec
    arrow: Callable[[Sequence[Any]], pa.Array]


class _Found:
    """The rows of one table; the rows of one event are adjacent."""

    def __init__(self) -> None:
        self.rows: list[Fact] = []
        self.events: list[int] = []  # which event, from 0 ...
        self.counts: list[int] = []  # ... and how many rows of it


class Gathered:
    """Collects the facts of events, in log order, and turns them into columns."""

    def __init__(self) -> None:
        self._abouts: list[About] = []
        self._found = {fact: _Found() for fact in FACTS}

    def add(self, about: About, facts: Iterable[Rows]) -> None:
        """Add the next event: what all its rows have in common, and its rows by table."""
        nth = len(self._abouts)
        self._abouts.append(about)
        for fact, rows in facts:
            found = self._found[fact]
            found.rows += rows
            found.events.append(nth)
            found.counts.append(len(rows))

    def tables(self) -> dict[str, pa.Table]:
        """The columns of every table that has rows.

        Raises:
            pyarrow.ArrowInvalid: a number that the column cannot hold exactly.
        """
        shared = _arrays(_SHARED, self._abouts)
        return {f.TABLE: _table(f, found, shared) for f, found in self._found.items() if found.rows}


def _table(fact: type[Fact], found: _Found, shared: Mapping[str, pa.Array]) -> pa.Table:
    """The table's columns; those about the event repeat the one entry that `shared` has for it."""
    counts = np.array(found.counts)
    which = pa.array(np.repeat(found.events, counts))
    legs = np.arange(len(which)) - np.repeat(counts.cumsum() - counts, counts)
    arrays = {name: array.take(which) for name, array in shared.items()}
    arrays["leg"] = pa.array(legs).cast(pa.uint16())
    arrays |= _arrays(_OWN[fact], found.rows)
    return pa.table({name: arrays[name] for name in COLUMNS[fact]})


def _arrays(columns: Mapping[str, Column], rows: Sequence[Struct]) -> dict[str, pa.Array]:
    return {
        name: column.arrow(list(map(attrgetter(name), rows))) for name, column in columns.items()
    }


def _column(hint: Any) -> Column:
    marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    kind = get_args(hint)[0] if marks else hint
    if get_origin(kind) in (Union, UnionType):
        (inner,) = (a for a in get_args(kind) if a is not type(None))
        column = _column(inner)
        bare, _, codec = column.clickhouse.partition(" CODEC")
        return Column(f"Nullable({bare})" + (" CODEC" + codec if codec else ""), column.arrow)
    if kind is int:
        return _integer(marks)
    if kind is str and REPEATING in marks:
        return Column("LowCardinality(String)", lambda v: pa.array(v, pa.string()))
    return _PLAIN[kind]


def _integer(marks: Sequence[Meta]) -> Column:
    bound = next((m.lt for m in marks if m.lt is not None), 1 << 64)
    _, clickhouse, kind = next(size for size in _SIZES if bound <= 1 << size[0])
    codec = " CODEC(Delta, ZSTD(1))" if clickhouse == "UInt64" else ""
    return Column(clickhouse + codec, lambda values: pa.array(values, kind))


def _decimals(values: Sequence[Decimal | None]) -> pa.Array:
    """Convert by way of text: exact, and 60 times faster than Arrow's own conversion of Decimal."""
    texts = [None if v is None else str(v) for v in values]
    return pa.array(texts, pa.string()).cast(EXACT)


def _moments(values: Sequence[datetime | None]) -> pa.Array:
    """Convert to time since 1970: four times faster than Arrow's own conversion of datetime."""
    since = [None if v is None else v - EPOCH for v in values]
    return pa.array(since, pa.duration("us")).view(MICROS)


_PLAIN: dict[Any, Column] = {
    str: Column("String", lambda v: pa.array(v, pa.string())),
    bytes: Column("String CODEC(ZSTD(3))", lambda v: pa.array(v, pa.binary())),
    bool: Column("Bool", lambda v: pa.array(v, pa.bool_())),
    Decimal: Column("Decimal(38, 12)", _decimals),
    date: Column("Date32", lambda v: pa.array(v, pa.date32())),
    datetime: Column("DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1))", _moments),
}


def _declared(kind: type[Struct]) -> dict[str, Column]:
    hints = get_type_hints(kind, include_extras=True)
    return {name: _column(hints[name]) for name in kind.__struct_fields__}


_SHARED = _declared(About)
_OWN = {fact: _declared(fact) for fact in FACTS}
_KEY = {"position": _SHARED["position"], "leg": _column(Leg)}

COLUMNS: dict[type[Fact], dict[str, Column]] = {
    fact: {**_KEY, **_SHARED, **own} for fact, own in _OWN.items()
}
"""The columns of each table, in order: the key, those about the event, the fact's own."""
