"""Connections: pages in key order, and opaque cursors that mark where a page ended."""

import base64
import binascii
from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

import msgspec
import strawberry

from api.graphql.engine.faults import BAD_ARGUMENT, fault
from projections.engine.checksum import key_of
from projections.ports import Row, View

FIRST_MAX = 1_000
FIRST_DEFAULT = 50
CURSOR_MAX = 1_000

T = TypeVar("T")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[str, ...]).decode


class Page(NamedTuple):
    """`first` rows after the row with this key."""

    first: int = FIRST_DEFAULT
    after: tuple[str, ...] | None = None


@strawberry.type(description="Where a page ends and whether there is more.")
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type
class Edge(Generic[T]):
    cursor: str
    node: T


@strawberry.type(description="A page of a list, in the order of its key.")
class Connection(Generic[T]):
    edges: list[Edge[T]]
    nodes: list[T]
    page_info: PageInfo


def page_of(view: View, first: int, after: str | None) -> Page:
    """The page of a view for these arguments; raises as `make_page`."""
    return make_page(view.NAME, len(view.ROW.KEY), first, after)


def make_page(name: str, parts: int, first: int, after: str | None) -> Page:
    """The page of the list `name`, whose keys have `parts` parts.

    Raises:
        GraphQLError: `first` out of bounds, or a cursor that is not one of this list.
    """
    if not 1 <= first <= FIRST_MAX:
        raise fault(BAD_ARGUMENT, f"first must be from 1 to {FIRST_MAX}")
    return Page(first, None if after is None else _key(name, parts, after))


def connection(view: View, page: Page, rows: Sequence[Row], nodes: Sequence[T]) -> Connection[T]:
    """The page as edges; `rows` has up to `first` + 1 rows, to know whether more follow."""
    take = key_of(view.ROW)
    return make_connection(view.NAME, page, [take(row) for row in rows], nodes)


def make_connection(
    name: str, page: Page, keys: Sequence[tuple[object, ...]], nodes: Sequence[T]
) -> Connection[T]:
    """The same for a list that is not a view: `keys` are those of its rows."""
    shown = zip(keys[: page.first], nodes, strict=False)
    edges = [Edge(cursor=_cursor(name, key), node=node) for key, node in shown]
    info = PageInfo(
        has_next_page=len(keys) > page.first,
        has_previous_page=page.after is not None,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    return Connection(edges=edges, nodes=[e.node for e in edges], page_info=info)


def _cursor(name: str, key: tuple[object, ...]) -> str:
    text = _encode([name, *(str(part) for part in key)])
    return base64.urlsafe_b64encode(text).decode()


def _key(name: str, parts: int, cursor: str) -> tuple[str, ...]:
    try:
        text = base64.urlsafe_b64decode(cursor[:CURSOR_MAX].encode("ascii"))
        of, *key = _decode(text)
    except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
        raise fault(BAD_ARGUMENT, "after is not a cursor") from error
    if of != name or len(key) != parts:
        raise fault(BAD_ARGUMENT, "after is a cursor of another list")
    return tuple(key)
