"""A read with `atLeast`, in virtual time: it hurries this process's views; the tables decide."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import GraphQLError

from api.graphql.engine.folding import Turns
from api.graphql.engine.hub import Hub
from api.graphql.engine.session import PATIENCE_S, POLL_S, Session
from simulation.faults import virtual_time

FOLD_S = 0.002


class Tables:
    """Read models that stand where the test puts them."""

    def __init__(self) -> None:
        self.at = 0

    async def positions(self) -> Mapping[str, int]:
        return {"cash": self.at, "orders": self.at + 5}

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Any]:
        yield self


class Views:
    """A runner that folds when it is asked to, and commits `lag_s` after it says so."""

    def __init__(self, tables: Tables, *, lag_s: float = 0.0) -> None:
        self._tables, self._lag_s, self.asked = tables, lag_s, 0
        self.hurried: list[int] = []

    def hurry(self, position: int) -> None:
        self.hurried.append(position)

    async def wait_for(self, position: int, *, timeout_s: float) -> bool:
        self.asked += 1
        await asyncio.sleep(FOLD_S)
        if self._lag_s:
            loop = asyncio.get_running_loop()
            loop.call_later(self._lag_s, setattr, self._tables, "at", position)
        else:
            self._tables.at = position
        return True


def read(tables: Tables, views: Views | None) -> tuple[float, str]:
    """How long a read of position 7 waits, and how it fails."""

    async def run() -> tuple[float, str]:
        platform: Any = SimpleNamespace(
            read_models=tables, log=None, cache=None, clock=lambda: datetime.now(UTC)
        )
        session = Session(platform, Hub(), Turns(), views)  # type: ignore[arg-type]
        session.need(7)
        fault = ""
        try:
            await session.require_position(7)
        except GraphQLError as e:
            fault = str(e)
        await session.close()
        return asyncio.get_running_loop().time(), fault

    return virtual_time.run(run())


def test_a_read_goes_on_as_soon_as_the_views_of_this_process_have_passed() -> None:
    tables = Tables()
    took, fault = read(tables, Views(tables))
    assert (took, fault) == (pytest.approx(FOLD_S), "")


def test_a_read_that_the_tables_can_answer_waits_for_nothing() -> None:
    tables = Tables()
    tables.at, views = 7, Views(tables)
    assert read(tables, views) == (0.0, "")
    assert (views.asked, views.hurried) == (0, [7])


def test_tables_that_lag_behind_the_views_are_waited_for_in_pauses() -> None:
    tables = Tables()
    views = Views(tables, lag_s=0.9)
    took, fault = read(tables, views)
    assert 0.9 <= took <= 0.9 + FOLD_S + POLL_S[-1]
    assert (fault, views.asked) == ("", 1)


def test_without_views_of_its_own_a_process_looks_until_its_patience_ends() -> None:
    took, fault = read(Tables(), None)
    assert PATIENCE_S <= took <= PATIENCE_S + POLL_S[-1]
    assert fault == "the views are at position 0, not yet at 7"
