"""The database sums client money by the same rule as the view and the control."""

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings

from adapters.postgres.views.read_models import ReadModels
from adapters.postgres.views.sink import PostgresSink
from projections.ledger import client_money, controls
from projections.ledger.client_money import CloseFigures, close_figures
from projections.ports import Change, Key, Row
from tests.unit.projections.money_books import (
    PAID_ENTITLEMENT,
    Homed,
    anything,
    balances_of,
    figures,
    rows_of,
)

D = Decimal
some = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Served:
    """The view's table with given rows, and its sums."""

    def __init__(self, sink: PostgresSink, models: ReadModels) -> None:
        self._sink, self._models = sink, models
        self._saves = 0

    async def client_money(self, homed: Sequence[Homed]) -> dict[str, CloseFigures]:
        held: dict[Key, Row | None] = {
            (row.account_id, row.currency, row.shard): row for row in rows_of(homed)
        }
        async with await psycopg.AsyncConnection.connect(self._sink.url) as connection:
            await connection.execute("truncate views.client_money")
        await self._sink.save([Change(client_money, held, self._saves, self._saves + 1)])
        self._saves += 1
        return {found.currency: found for found in await self._models.client_money()}


@pytest.fixture
async def served(database_url: str) -> AsyncIterator[Served]:
    sink = await PostgresSink.connect(database_url)
    await sink.prepare([client_money])
    models = await ReadModels.connect(database_url, connections=1)
    yield Served(sink, models)
    await models.close()
    await sink.close()


async def test_an_entitlement_that_the_issuer_has_paid_is_required(served: Served) -> None:
    found = (await served.client_money(PAID_ENTITLEMENT))["USD"]
    assert (found.requirement, found.resource, found.shortfall) == (D(100), D(70), D(30))
    assert (found.due, found.in_debit, found.excess) == (D(50), D(80), D(-30))


async def test_without_rows_there_is_no_currency(served: Served) -> None:
    assert await served.client_money([]) == {}


@given(anything)
@some
async def test_the_database_agrees_with_view_and_control(
    served: Served, homed: list[Homed]
) -> None:
    found, rows = await served.client_money(homed), rows_of(homed)
    by_control = controls.client_money(balances_of(homed))
    assert set(found) == {row.currency for row in rows}
    for currency, of_database in found.items():
        assert figures(of_database) == figures(close_figures(rows, currency))
        assert figures(of_database) == figures(by_control.get(currency))
