"""What workers and followers need besides the platform: the bus, and one sink per partition.

Workers and followers are in `streams.worker_process` and `streams.views.followed`; how a worker
joins its groups is in `adapters.wiring.consumers`.
"""

import asyncio
from typing import NamedTuple

from adapters.bus.outlet import BusMismatch, BusUnavailable, Outlet
from adapters.bus.schemas import schemas
from adapters.bus.url import Bus
from adapters.host.allocator import keep_freed
from adapters.kafka.dead_letters import DeadLetters
from adapters.kafka.embedded import EmbeddedKafka, KafkaFailed
from adapters.kafka.publisher import Publisher
from adapters.kafka.topics import ensure_topics
from adapters.postgres.sagas.lease import SagaLease
from adapters.postgres.views.read_models import ReadModels
from adapters.postgres.views.sink import PostgresSink
from adapters.postgres.views.stuck_views import StuckViews
from adapters.settings_error import SettingsError
from adapters.wiring.platform import Platform

CACHE_ROWS = 100_000  # of all partitions of one process


class OpenBus(NamedTuple):
    """The bus with its brokers' addresses, and the embedded broker if we use it."""

    bus: Bus
    broker: EmbeddedKafka | None

    def close(self) -> None:
        if self.broker is not None:
            self.broker.stop()


async def open_bus(platform: Platform) -> OpenBus:
    """Connect to the bus of the settings and make its topics; start the embedded broker if needed.

    Raises:
        SettingsError: the settings name no bus, it cannot be reached, or its topics do not fit.
    """
    bus, broker = platform.settings.kafka, None
    if bus is None:
        raise SettingsError(
            "TIDEMARK_BUS: relay and workers need a kafka: bus; without it, `serve` folds"
        )
    try:
        if bus.embedded:
            broker = EmbeddedKafka(platform.settings.data_dir / "kafka")
            bus = bus.at(await asyncio.to_thread(broker.start))
        await asyncio.to_thread(ensure_topics, bus)
    except (KafkaFailed, BusUnavailable, BusMismatch) as e:
        if broker is not None:
            broker.stop()
        raise SettingsError(f"TIDEMARK_BUS: {e}") from e
    return OpenBus(bus, broker)


def part_sink(platform: Platform, bus: Bus, partition: int) -> PostgresSink:
    """A sink for the views' rows of one partition of the bus."""
    return PostgresSink(
        platform.database_url,
        partition=partition,
        partitions=bus.partitions,
        cache_rows=CACHE_ROWS // bus.partitions,
    )


def stuck_views(platform: Platform) -> StuckViews:
    return StuckViews(platform.database_url)


def saga_lease(platform: Platform, holder: str) -> SagaLease:
    return SagaLease(platform.database_url, holder)


def relay_outlet(bus: Bus, name: str) -> Outlet:
    """The bus outlet of a relay in this process; keeps freed memory for the next batch."""
    keep_freed()
    return Publisher(bus, name, schemas=schemas())


def dead_letters(bus: Bus) -> DeadLetters:
    return DeadLetters(bus)


def followed_tables(platform: Platform) -> ReadModels:
    """The read models, for processes that do not fold them."""
    return platform.read_models
