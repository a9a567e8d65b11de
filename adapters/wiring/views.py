"""The stores of read models and sagas: one Postgres to write, and perhaps another to read."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from adapters.postgres.sagas.store import PostgresSagaStore
from adapters.postgres.views.read_models import ReadModels
from adapters.postgres.views.sink import PostgresSink
from adapters.settings import Settings
from adapters.wiring.log import fitting
from adapters.wiring.servers import Servers

FOLD = (sys.executable, "-m", "adapters.wiring.fold_process")
"""The command line that folds one partition of a log in a process of its own."""


class OpenViews(NamedTuple):
    sink: PostgresSink
    saga_store: PostgresSagaStore
    read_models: ReadModels
    url: str  # of the Postgres that we write to


@asynccontextmanager
async def open_views(
    settings: Settings, servers: Servers, log_url: str
) -> AsyncIterator[OpenViews]:
    """
    Args:
        log_url: the Postgres of the log; it also has the read models unless settings name another.

    Raises:
        SettingsError: a server cannot be reached, or its schema does not fit this build.
    """
    variable, url = "TIDEMARK_LOG", log_url
    if settings.database:
        variable = "TIDEMARK_DATABASE"
        url = servers.url(variable, settings.database)
    partitions = settings.kafka.partitions if settings.kafka is not None else 1
    async with AsyncExitStack() as opened:
        sink = await PostgresSink.connect(url, partitions=partitions)
        opened.push_async_callback(sink.close)
        with fitting(variable):
            saga_store = await PostgresSagaStore.connect(url)
        opened.push_async_callback(saga_store.close)
        read_url = url
        if settings.read_database:
            read_url = servers.url("TIDEMARK_READ_DATABASE", settings.read_database)
        read_models = await ReadModels.connect(read_url, connections=settings.read_connections)
        opened.push_async_callback(read_models.close)
        yield OpenViews(sink, saga_store, read_models, url)
