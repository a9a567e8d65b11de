"""Columns as array literals: Postgres reads back exactly the values that were given."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.postgres.views.columns import literal
from domain.shared.fix import Side

storable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    opened = await psycopg.AsyncConnection.connect(database_url, options="-c timezone=UTC")
    async with opened:
        yield opened


async def read(connection: psycopg.AsyncConnection[Any], kind: str, values: list[Any]) -> list[Any]:
    cursor = await connection.execute(f"select %s::{kind}[]".encode(), (literal(values),))
    found = await cursor.fetchone()
    assert found is not None
    return list(found[0])


@given(
    st.lists(storable | st.sampled_from(['"', "\\", "\\n", "\n", "{}", ",", "null", "", "\x7f"]))
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_text_comes_back_as_it_was(
    connection: psycopg.AsyncConnection[Any], texts: list[str]
) -> None:
    assert await read(connection, "text", texts) == texts


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("numeric", [Decimal("1.50"), Decimal("-1E+3"), None, Decimal("0.0000000000000000000001")]),
        ("bigint", [0, -1, 2**63 - 1]),
        ("boolean", [True, False, None]),
        ("date", [date(2024, 2, 29), None]),
        ("timestamptz", [datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC), None]),
        ("text", [Side.BUY, "line\nbreak", None]),
    ],
)
async def test_every_type_of_a_row_comes_back_as_it_was(
    connection: psycopg.AsyncConnection[Any], kind: str, values: list[Any]
) -> None:
    assert await read(connection, kind, values) == values
