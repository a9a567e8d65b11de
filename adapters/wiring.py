"""The composition root: the only module that knows which adapter stands behind which port.

    settings --open_platform--> Platform (log, dispatcher, views' sink, sagas' store, warehouse)

What drives it (views, sagas, timers, gateways) is in `streams/`; what asks of it in `api/`.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cached_property
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
from adapters.esdb_recorder import EsdbRecorder
from adapters.event_log import RecorderLog
from adapters.keystore import ClosedKeyStore, PostgresKeyStore, WrongMasterKey, open_keys
from adapters.ledger_balances import from_postgres
from adapters.postgres_recorder import PostgresRecorder
from adapters.postgres_sink import PostgresSink
from adapters.rate_limit import Limiter
from adapters.read_models import ReadModels
from adapters.recorder import Recorder, Unavailable
from adapters.saga_store import PostgresSagaStore
from adapters.schema_versions import SchemaMismatch
from adapters.settings import Settings, SettingsError
from adapters.warehouse import Warehouse, WarehouseError, WarehouseUnavailable
from adapters.warehouse import named as warehouse_named
from commands.handler import Handler
from domain.catalogue import DECIDERS
from projections.controls import Balances

KEEP_S = 0.25
CLOSED_IN_ORDER = (
    "dispatcher", "cache", "read_warehouse", "warehouse", "read_models", "saga_store", "sink",
    "recorder",
)  # fmt: skip
_log = logging.getLogger(__name__)


class Platform:
    """Everything that holds state, opened in order and closed in reverse."""

    cache: Cache
    dispatcher: Dispatcher
    handler: Handler
    keys: PostgresKeyStore | ClosedKeyStore
    limiter: Limiter
    log: RecorderLog
    read_models: ReadModels
    recorder: Recorder
    saga_store: PostgresSagaStore
    sink: PostgresSink
    warehouse: Warehouse
    read_warehouse: Warehouse  # as analysts reach it

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

    @cached_property
    def signer(self) -> Signer:
        """Opened when it is first asked for: who neither signs nor checks needs no key."""
        return Signer.open(self.settings.data_dir / "keys", self.entropy)

    async def served_balances(self) -> Balances:
        """The ledger as the read models have it, zero lines left out."""
        return await from_postgres(self.sink)

    async def close(self) -> None:
        """Finish what is pending, then let go of everything, last opened first."""
        self._closing.set()
        if self._keeping is not None:
            await self._keeping
        parts = [getattr(self, name, None) for name in CLOSED_IN_ORDER]
        for part in dict.fromkeys(parts):  # analysts may share the loader's warehouse
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
            await _reach("TIDEMARK_WAREHOUSE", platform.warehouse)
        if exclusive and settings.read_warehouse:
            await _reach("TIDEMARK_READ_WAREHOUSE", platform.read_warehouse)
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
    elif settings.embedded_server and not (settings.data_dir / "postgres").exists():
        where = settings.data_dir
        raise SettingsError(f"TIDEMARK_DATA_DIR: no log in {where} (serve or simulate begins one)")


async def _keep(postgres: EmbeddedPostgres, closing: asyncio.Event) -> None:
    """Bring the embedded server back when it has died; who asks it meanwhile tries again."""
    gone = False
    while not closing.is_set():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(KEEP_S):
                await closing.wait()
        gone = gone or postgres.ended
        if gone and not closing.is_set():
            _log.error("the embedded Postgres has ended; starting it again")
            try:
                await asyncio.to_thread(postgres.start)
                gone = False
            except PostgresFailed as e:
                _log.error("%s; trying again", e)


async def _reach(variable: str, warehouse: Warehouse) -> None:
    """A server must be there at the start; the embedded one comes up when it is first needed."""
    try:
        await warehouse.open()
    except (WarehouseError, WarehouseUnavailable) as e:
        raise SettingsError(f"{variable}: {e}") from e


async def _open(platform: Platform, *, sole_writer: bool) -> None:
    log_url = await _open_log(platform, sole_writer=sole_writer)
    platform.handler = Handler(platform.log, DECIDERS, clock=platform.clock)
    platform.dispatcher = Dispatcher(platform.handler)
    await _open_views(platform, log_url)
    settings, key = platform.settings, platform.keys.request_key
    platform.cache, platform.limiter = await open_cache(settings, key, platform.entropy)
    platform.warehouse = warehouse_named("TIDEMARK_WAREHOUSE", settings.warehouse_url)
    platform.read_warehouse = platform.warehouse
    if settings.read_warehouse:
        platform.read_warehouse = warehouse_named(
            "TIDEMARK_READ_WAREHOUSE", settings.read_warehouse
        )


async def _open_log(platform: Platform, *, sole_writer: bool) -> str:
    """Log and keys; the URL of the Postgres that they are in, or lie beside."""
    settings = platform.settings
    variable = "TIDEMARK_DATABASE" if settings.esdb_log else "TIDEMARK_LOG"
    url = _server_url(platform, variable, settings.log_server)
    with _named(variable):
        platform.recorder = await PostgresRecorder.connect(url, readers=settings.log_connections)
    if settings.esdb_log:
        platform.recorder = await _esdb(settings.log, platform.recorder)
    master = settings.data_dir / "keys" / "master.key"
    try:
        platform.keys = open_keys(url, master, platform.entropy)
    except WrongMasterKey as e:
        raise SettingsError(f"TIDEMARK_DATA_DIR: {e}") from e
    codec, key = Codec(platform.keys, platform.entropy), platform.keys.request_key
    platform.log = RecorderLog(platform.recorder, codec, request_key=key, sole_writer=sole_writer)
    return url


async def _open_views(platform: Platform, log_url: str) -> None:
    """Read models and sagas: what is written to and, where it is another, what is read from."""
    settings, url = platform.settings, log_url
    variable = "TIDEMARK_DATABASE" if settings.database else "TIDEMARK_LOG"
    if settings.database:
        url = _server_url(platform, variable, settings.database)
    platform.database_url = url
    partitions = settings.kafka.partitions if settings.kafka is not None else 1
    platform.sink = await PostgresSink.connect(url, partitions=partitions)
    with _named(variable):
        platform.saga_store = await PostgresSagaStore.connect(url)
    if settings.read_database:
        url = _server_url(platform, "TIDEMARK_READ_DATABASE", settings.read_database)
    platform.read_models = await ReadModels.connect(url, connections=settings.read_connections)


@contextlib.contextmanager
def _named(variable: str) -> Iterator[None]:
    """A schema that does not fit is said by the variable that leads to it."""
    try:
        yield
    except SchemaMismatch as e:
        raise SettingsError(f"{variable}: {e}") from e


async def _esdb(url: str, beside: Recorder) -> Recorder:
    """The log on EventStoreDB, which keeps `beside` it what can be drawn from it again."""
    try:
        return await EsdbRecorder.connect(url, beside)
    except Unavailable as e:
        raise SettingsError(f"TIDEMARK_LOG: {e}") from e


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
