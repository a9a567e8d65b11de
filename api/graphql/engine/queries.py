"""Makes root fields over a view in one line each: one row by its id, and a page of rows.

    account = one(accounts, Account, account)
    accounts = page(accounts, Account, account, columns=[Column("client_id"), ...])

Both take `asOf`, `knownAt` and `atLeast`. A page cannot answer for a moment and refuses one.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from inspect import Parameter, Signature
from typing import Any, NamedTuple

import strawberry
from strawberry.types import Info

from api.graphql.engine.cursors import FIRST_DEFAULT, Connection, Page, connection, page_of
from api.graphql.engine.moments import When, now_only, source_at
from api.graphql.engine.session import Session
from api.graphql.engine.sources import Source
from api.graphql.engine.vocabulary import require_word
from projections.ports import Row, View

Context = Info[Session, None]
Node = Callable[[Source, Any], Any]
"""Makes the GraphQL object of a row."""
Read = Callable[[Source, Mapping[str, str], Page], Awaitable[Sequence[Row]]]


class Column(NamedTuple):
    """An argument of a list: only rows with this value in a column."""

    argument: str
    kind: Any = strawberry.ID
    column: str = ""  # if its name differs from the argument's
    words: Sequence[str] = ()  # the only values that the argument takes


_MOMENT = {"as_of": datetime | None, "known_at": datetime | None, "at_least": str | None}


def one(view: View, kind: type, node: Node, *, description: str | None = None) -> Any:
    """A root field: the row with this id, or null. `kind` is the type that `node` makes."""

    async def resolve(info: Context, id: str, **moment: Any) -> Any:
        source = await source_at(info.context, When(**moment))
        row = await source.row(view, id)
        return None if row is None else node(source, row)

    takes = [_positional("info", Context), _positional("id", strawberry.ID)]
    return _field(resolve, [*takes, *_optional(_MOMENT)], kind, description)


def page(
    view: View,
    kind: type,
    node: Node,
    *,
    columns: Sequence[Column] = (),
    description: str | None = None,
    read: Read | None = None,
) -> Any:
    """A root field: a page of rows in key order, named as the view. `read` finds the rows."""

    async def resolve(
        info: Context, *, first: int = FIRST_DEFAULT, after: str | None = None, **given: Any
    ) -> Any:
        for column in columns:
            if column.words:
                require_word(column.argument, given[column.argument], column.words)
        asked = page_of(view, first, after)
        moment = When(**{name: given[name] for name in _MOMENT})
        source = await now_only(info.context, view.NAME, moment)
        rows = await (read or _rows)(source, _where(columns, given), asked)
        return connection(view, asked, rows, [node(source, row) for row in rows])

    async def _rows(source: Source, where: Mapping[str, str], asked: Page) -> Sequence[Row]:
        return await source.page(view, where, asked)

    filters = {column.argument: column.kind | None for column in columns}
    paging = Parameter("first", Parameter.KEYWORD_ONLY, default=FIRST_DEFAULT, annotation=int)
    takes = [_positional("info", Context), *_optional(filters), paging]
    takes += _optional({"after": str | None} | _MOMENT)
    return _field(resolve, takes, Connection[kind], description)  # type: ignore[valid-type]


def _where(columns: Iterable[Column], given: Mapping[str, Any]) -> dict[str, str]:
    return {
        column.column or column.argument: _text(given[column.argument])
        for column in columns
        if given[column.argument] is not None
    }


def _text(value: Any) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    return value.isoformat() if isinstance(value, date) else str(value)


def _positional(name: str, kind: Any) -> Parameter:
    return Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, annotation=kind)


def _optional(kinds: Mapping[str, Any]) -> list[Parameter]:
    return [
        Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in kinds.items()
    ]


def _field(resolve: Any, takes: Sequence[Parameter], kind: Any, description: str | None) -> Any:
    """Strawberry reads a field's arguments and type off its resolver's signature."""
    resolve.__signature__ = Signature(takes, return_annotation=kind | None)
    resolve.__annotations__ = {p.name: p.annotation for p in takes} | {"return": kind | None}
    return strawberry.field(resolver=resolve, description=description)
