"""Sources of rows: the views' tables as they are now, or a fold of the log as of a moment.

Both have the same methods, so the GraphQL types work with either. A node passes its source on to
the nodes under it, so a whole answer is as of one moment.

    Current   one statement a level: the requests of a level are batched
    Past      the views' own folds, in memory, over single streams; lists over many streams are
              refused (AS_OF_UNSUPPORTED), never answered with present rows
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from typing import Any, Protocol

from strawberry.dataloader import DataLoader

from api.graphql.engine.cursors import Page
from api.graphql.engine.faults import AS_OF_UNSUPPORTED, fault
from api.graphql.engine.folds import Folds, Moment
from api.graphql.engine.opened import Opened
from api.ports import Reader
from projections.ports import Key, Row, View


class Source(Protocol):
    today: date
    """The day whose terms, collected deposits and so on an answer shows."""
    opened: Opened

    async def row(self, view: View, *key: str) -> Row | None:
        """The row with this key."""
        ...

    async def children(self, view: View, column: str, value: str) -> Sequence[Row]:
        """All rows with this value, in key order."""
        ...

    async def page(self, view: View, where: Mapping[str, str], page: Page) -> Sequence[Row]:
        """Up to `page.first` + 1 rows."""
        ...

    async def page_under(self, view: View, column: str, value: str, page: Page) -> Sequence[Row]:
        """The same for a parent, batched over the parents of a level."""
        ...


class Current:
    """The views' tables, through a reader that the first statement opens."""

    def __init__(
        self, reader: Callable[[], Awaitable[Reader]], today: date, opened: Opened
    ) -> None:
        self.reader, self.today, self.opened = reader, today, opened
        self._loaders: dict[tuple[Any, ...], DataLoader[Any, Any]] = {}

    async def row(self, view: View, *key: str) -> Row | None:
        async def load(keys: list[Key]) -> list[Row | None]:
            found = await (await self.reader()).rows(view, keys)
            return [found.get(key) for key in keys]

        found: Row | None = await self._loader(load, view.NAME).load(key)
        return found

    async def children(self, view: View, column: str, value: str) -> Sequence[Row]:
        async def load(values: list[str]) -> list[list[Row]]:
            found = await (await self.reader()).having(view, column, values)
            by_value: dict[str, list[Row]] = {value: [] for value in values}
            for row in found:
                by_value[getattr(row, column)].append(row)
            return [by_value[value] for value in values]

        rows: list[Row] = await self._loader(load, view.NAME, column).load(value)
        return rows

    async def page(self, view: View, where: Mapping[str, str], page: Page) -> Sequence[Row]:
        reader = await self.reader()
        return await reader.page(view, where, first=page.first + 1, after=page.after)

    async def page_under(self, view: View, column: str, value: str, page: Page) -> Sequence[Row]:
        async def load(parents: list[str]) -> list[list[Row]]:
            reader = await self.reader()
            found = await reader.pages(
                view, column, parents, first=page.first + 1, after=page.after
            )
            return [found[parent] for parent in parents]

        rows: list[Row] = await self._loader(load, view.NAME, column, page).load(value)
        return rows

    def _loader(self, load: Callable[..., Any], *name: object) -> DataLoader[Any, Any]:
        """One loader per kind of request: those of one tick go into one statement."""
        if name not in self._loaders:
            self._loaders[name] = DataLoader(load_fn=load)
        return self._loaders[name]


class Past:
    """Folds of single streams at a moment; each is computed once for an answer."""

    def __init__(self, folds: Folds, moment: Moment, opened: Opened) -> None:
        self._folds, self.moment, self.today = folds, moment, moment.today
        self.opened = opened
        self._known: dict[tuple[str, str], asyncio.Task[Mapping[Key, Row]]] = {}

    async def row(self, view: View, *key: str) -> Row | None:
        if view.ROW.KEY[0] != view.HOME.column:
            raise unsupported(view.NAME)
        return (await self._rows(view, key[0])).get(key)

    async def children(self, view: View, column: str, value: str) -> Sequence[Row]:
        if column != view.HOME.column:
            raise unsupported(view.NAME)
        rows = await self._rows(view, value)
        return [rows[key] for key in sorted(rows)]

    async def page(self, view: View, where: Mapping[str, str], page: Page) -> Sequence[Row]:
        raise unsupported(view.NAME)

    async def page_under(self, view: View, column: str, value: str, page: Page) -> Sequence[Row]:
        raise unsupported(view.NAME)

    async def _rows(self, view: View, value: str) -> Mapping[Key, Row]:
        if (view.NAME, value) not in self._known:
            task = asyncio.create_task(self._fold(view, value))
            self._known[view.NAME, value] = task
        return await asyncio.shield(self._known[view.NAME, value])

    async def _fold(self, view: View, value: str) -> Mapping[Key, Row]:
        column, category = view.HOME
        rows = await self._folds.rows(view, f"{category}-{value}")
        return {k: r for k, r in rows.items() if getattr(r, column) == value}


def unsupported(what: str) -> Exception:
    return fault(AS_OF_UNSUPPORTED, f"{what} cannot be listed with asOf or knownAt yet")
