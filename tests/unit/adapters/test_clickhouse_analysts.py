"""An analyst's statement reaches the embedded engine's owner, even if the owner is ending."""

from collections.abc import Callable

import pytest

from adapters.clickhouse import analysts
from adapters.clickhouse.analysts import ATTEMPTS_MAX, Analysts, Link
from adapters.clickhouse.statement import WarehouseError

LIMITS = {"max_execution_time": 1, "max_result_rows": 1}


def failing(times: int, calls: list[int]) -> Callable[[], Link]:
    """Fails to connect this many times; then the warehouse answers with a refusal."""

    def reach() -> Link:
        calls.append(len(calls))
        if len(calls) <= times:
            raise ConnectionError("[Errno 111] Connection refused")
        raise WarehouseError("reached", 1)

    return reach


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysts, "PAUSE_S", 0.0)


async def test_an_owner_that_refuses_connections_for_a_moment_is_reached_later() -> None:
    calls: list[int] = []
    with pytest.raises(WarehouseError, match="reached"):
        await Analysts(failing(ATTEMPTS_MAX - 1, calls), print).ask("SELECT 1", LIMITS)
    assert len(calls) == ATTEMPTS_MAX


async def test_a_warehouse_that_stays_away_is_an_error_after_a_bounded_number_of_attempts() -> None:
    calls: list[int] = []
    with pytest.raises(ConnectionError, match="refused"):
        await Analysts(failing(ATTEMPTS_MAX, calls), print).ask("SELECT 1", LIMITS)
    assert len(calls) == ATTEMPTS_MAX
