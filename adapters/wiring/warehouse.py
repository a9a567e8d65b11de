"""The warehouse of a platform: one connection for its loader, one for analysts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from adapters.settings import Settings
from adapters.settings_error import SettingsError
from adapters.warehouse.client import Warehouse, WarehouseError, WarehouseUnavailable, warehouse_of


class OpenWarehouse(NamedTuple):
    warehouse: Warehouse
    reading: Warehouse  # for analysts; the same object unless settings name another


@asynccontextmanager
async def open_warehouse(settings: Settings, *, writes: bool) -> AsyncIterator[OpenWarehouse]:
    """Connect to a server at once if the process `writes`; otherwise connect on first use.

    Raises:
        SettingsError: not a warehouse URL, or the server cannot be reached.
    """
    warehouse = reading = warehouse_of("TIDEMARK_WAREHOUSE", settings.warehouse_url)
    try:
        if settings.read_warehouse:
            reading = warehouse_of("TIDEMARK_READ_WAREHOUSE", settings.read_warehouse)
        if writes and not settings.embedded_warehouse:
            await _reach("TIDEMARK_WAREHOUSE", warehouse)
        if writes and settings.read_warehouse:
            await _reach("TIDEMARK_READ_WAREHOUSE", reading)
        yield OpenWarehouse(warehouse, reading)
    finally:
        for each in dict.fromkeys((reading, warehouse)):
            await each.close()


async def _reach(variable: str, warehouse: Warehouse) -> None:
    try:
        await warehouse.open()
    except (WarehouseError, WarehouseUnavailable) as e:
        raise SettingsError(f"{variable}: {e}") from e
