"""The composition root: the only module that knows which adapter stands behind which port.

    settings --open_platform--> Platform (log, dispatcher, views' sink, sagas' store, warehouse)

What drives it (views, sagas, timers, gateways) is in `streams/`; what asks of it in `api/`.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Self

import psycopg

from adapters import collector
from adapters.cache import Cache
from adapters.cache_opening import open_cache
from adapters.checkpoints import Signer
from adapters.clock import SystemClock
from adapters.codec import Codec
from adapters.data_dir import DataDir
from adapters.dispatcher import Dispatcher
from adapters.embedded_postgres import EmbeddedPostgres, PostgresFailed
from adapters.entropy import Entropy, SystemEntropy
from adapters.event_log import RecorderLog
from adapters.keystore import PostgresKeyStore, WrongMasterKey
from adapters.ledger_balances import from_postgres
from adapters.postgres_recorder import PostgresRecorder
from adapters.postgres_sink import PostgresSink
from adapters.rate_limit import Limiter
from adapters.read_models import ReadModels
from adapters.saga_store import PostgresSagaStore
from adapters.settings import Settings, SettingsError
from adapters.warehouse import Warehouse, WarehouseError, WarehouseUnavailable
from commands.handler import Handler
from domain.catalogue import DECIDERS
from projections.controls import Balances

KEEP_S = 0.25
_log = logging.getLogger(__name__)


class Platform:
    """Everything that holds state, opened in order and closed in reverse."""

    cache: Cache
    dispatcher: Dispatcher
    handler: Handler
    keys: PostgresKeyStore
    limiter: Limiter
    log: RecorderLog
    read_models: ReadModels
    recorder: PostgresRecorder
    saga_store: PostgresSagaStore
    signer: Signer
    sink: PostgresSink
    warehouse: Warehouse

    def __init__(self, settings: Settings, clock: Callable[[], datetime], entropy: Entropy) -> None:
        self.settings, self.clock, self.entropy = settings, clock, entropy
        self.data_dir = DataDir(settings.data_dir)
        self.database_url = ""
        self._postgres: EmbeddedPostgres | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def served_balances(self) -> Balances:
        """The ledger as the read models have it, zero lines left out."""
        return await from_postgres(self.sink)

    async def close(self) -> None:
        """Finish what is pending, then let go of everything, last opened first."""
        self._closing.set()
        if self._keeping is not None:
            await self._keeping
        for name in (
            "dispatcher",
            "cache",
            "warehouse",
            "read_models",
            "saga_store",
            "sink",
            "recorder",
        ):
            part = getattr(self, name, None)
            if part is not None:
                await part.close()
        if hasattr(self, "keys"):
            self.keys.close()
        if self._postgres is not None:
            self._postgres.stop()
        self.data_dir.release()


async def open_platform(
    settings: Settings,
    *,
    verb: str,
    clock: Callable[[], datetime] | None = None,
    entropy: Entropy | None = None,
    exclusive: bool = True,
) -> Platform:
    """Open the platform of a data directory, starting its embedded engines if need be.

    Args:
        verb: what the process does, for whoever finds the directory held.
        exclusive: take the directory; False only reads, beside the one who has it.

    Raises:
        DataDirHeld: another process has the directory.
        SettingsError: an engine cannot be reached, or the directory not be used, by the
            variable that names it.
    """
    platform = Platform(settings, clock or SystemClock(), entropy or SystemEntropy())
    try:
        _take(platform, verb, exclusive=exclusive)
        alone = exclusive and settings.embedded_log and settings.kafka is None
        await _open(platform, sole_writer=alone)
        if exclusive and not settings.embedded_warehouse:
            await _reach(platform.warehouse)
        if exclusive and platform._postgres is not None:
            keeping = _keep(platform._postgres, platform._closing)
            platform._keeping = asyncio.create_task(keeping, name="postgres")
    except BaseException:
        await platform.close()
        raise
    collector.settle()
    return platform


def _take(platform: Platform, verb: str, *, exclusive: bool) -> None:
    """Hold the directory; who only reads makes none by a slip of the pen."""
    settings = platform.settings
    if exclusive:
        try:
            platform.data_dir.hold(verb)
        except OSError as e:
            raise SettingsError(f"TIDEMARK_DATA_DIR: {settings.data_dir}: {e.strerror}") from e
    elif settings.embedded_log and not (settings.data_dir / "postgres").exists():
        where = settings.data_dir
        raise SettingsError(f"TIDEMARK_DATA_DIR: no log in {where} (serve or simulate begins one)")


async def _keep(postgres: EmbeddedPostgres, closing: asyncio.Event) -> None:
    """Bring the embedded server back when it has died; who asks it meanwhile tries again."""
    gone = False
    while not closing.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(closing.wait(), KEEP_S)
        gone = gone or postgres.ended
        if gone and not closing.is_set():
            _log.error("the embedded Postgres has ended; starting it again")
            try:
                await asyncio.to_thread(postgres.start)
                gone = False
            except PostgresFailed as e:
                _log.error("%s; trying again", e)


async def _reach(warehouse: Warehouse) -> None:
    """A server must be there at the start; the embedded one comes up when it is first needed."""
    try:
        await warehouse.open()
    except (WarehouseError, WarehouseUnavailable) as e:
        raise SettingsError(f"TIDEMARK_WAREHOUSE: {e}") from e


async def _open(platform: Platform, *, sole_writer: bool) -> None:
    settings = platform.settings
    log_url = _server_url(platform, "TIDEMARK_LOG", settings.log)
    views_url = log_url
    if settings.database:
        views_url = _server_url(platform, "TIDEMARK_DATABASE", settings.database)
    platform.database_url = views_url
    platform.recorder = await PostgresRecorder.connect(log_url)
    master = settings.data_dir / "keys" / "master.key"
    try:
        platform.keys = PostgresKeyStore(log_url, master, platform.entropy)
    except WrongMasterKey as e:
        raise SettingsError(f"TIDEMARK_DATA_DIR: {e}") from e
    platform.signer = Signer.open(master.parent, platform.entropy)
    codec = Codec(platform.keys, platform.entropy)
    platform.log = RecorderLog(
        platform.recorder,
        codec,
        request_key=platform.keys.request_key,
        sole_writer=sole_writer,
    )
    platform.handler = Handler(platform.log, DECIDERS, clock=platform.clock)
    platform.dispatcher = Dispatcher(platform.handler)
    partitions = settings.kafka.partitions if settings.kafka is not None else 1
    platform.sink = await PostgresSink.connect(views_url, partitions=partitions)
    platform.saga_store = await PostgresSagaStore.connect(views_url)
    platform.read_models = await ReadModels.connect(views_url)
    platform.cache, platform.limiter = await open_cache(
        settings, platform.keys.request_key, platform.entropy
    )
    try:
        platform.warehouse = Warehouse(settings.warehouse_url)
    except ValueError as e:
        raise SettingsError(f"TIDEMARK_WAREHOUSE: {e}") from e


def _server_url(platform: Platform, variable: str, url: str) -> str:
    """The URL of a Postgres that answers: the given server, or the embedded one, started."""
    try:
        if url in ("postgresql:", "postgresql://"):
            if platform._postgres is None:
                platform._postgres = EmbeddedPostgres(platform.settings.data_dir / "postgres")
            return platform._postgres.start()
        psycopg.connect(url, connect_timeout=5).close()
    except Exception as e:
        line = str(e).strip().splitlines()[0] if str(e).strip() else type(e).__name__
        raise SettingsError(f"{variable}: {line}") from e
    return url
