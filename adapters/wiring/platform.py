"""The composition root: the only module that knows which adapter stands behind which port.

    settings --open_platform--> Platform (log, dispatcher, views' sink, sagas' store, warehouse)

What drives it (views, sagas, timers, gateways) is in `streams/`; what asks of it in `api/`.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Self

import psycopg

from adapters.cache.values import Cache
from adapters.dispatch.dispatcher import Dispatcher
from adapters.dispatch.rate_limit import Limiter
from adapters.eventstoredb.recorder import EsdbRecorder
from adapters.host.clock import SystemClock
from adapters.host.data_dir import DataDir
from adapters.host.entropy import Entropy, SystemEntropy
from adapters.host.key_files import too_open
from adapters.log.codec import Codec
from adapters.log.event_log import RecorderLog
from adapters.log.keys import ClosedKeyStore, WrongMasterKey
from adapters.log.origin import Origin, clock_of, origin_of
from adapters.log.recorder import Recorder, Unavailable
from adapters.operations.balances import dues_at_end, dues_served, from_postgres
from adapters.postgres.embedded import EmbeddedPostgres, PostgresFailed
from adapters.postgres.keys import PostgresKeyStore, open_keys
from adapters.postgres.log.recorder import PostgresRecorder
from adapters.postgres.sagas.store import PostgresSagaStore
from adapters.postgres.versions import SchemaMismatch
from adapters.postgres.views.read_models import ReadModels
from adapters.postgres.views.sink import PostgresSink
from adapters.proof.signing import Signer, Verifier
from adapters.proof.witness import FileMemory, Memory
from adapters.settings import Settings
from adapters.settings_error import SettingsError
from adapters.warehouse.client import Warehouse, WarehouseError, WarehouseUnavailable
from adapters.warehouse.client import named as warehouse_named
from adapters.wiring.cache import open_cache
from commands.handler import Handler
from commands.ports import EMPTY, Unreadable
from domain import checkpoint
from domain.catalogue import DECIDERS
from projections.ledger.controls import Served
from sagas import order as order_saga

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
    origin: Origin  # whether the log runs on a simulated clock
    read_models: ReadModels
    recorder: Recorder
    saga_store: PostgresSagaStore
    sink: PostgresSink
    warehouse: Warehouse
    read_warehouse: Warehouse  # as analysts reach it

    def __init__(
        self, settings: Settings, clock: Callable[[], datetime] | None, entropy: Entropy
    ) -> None:
        self.settings, self.entropy = settings, entropy
        self.clock = clock or SystemClock()
        self.given_clock = clock
        self.data_dir = DataDir(settings.data_dir)
        self.database_url = ""
        self.log_url = ""  # of the Postgres that holds the log, or lies beside it
        self.signed_by = ""  # id of the key of the log's last checkpoint
        self._postgres: EmbeddedPostgres | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    @cached_property
    def signer(self) -> Signer:
        """Opened when it is first asked for: who does not sign needs no key.

        Raises:
            SettingsError: the key is missing though the log was signed, or is another's.
        """
        return Signer.open(
            self._keys_dir, self.entropy, signed_by=self.signed_by, memory=self.memory
        )

    @property
    def verifier(self) -> Verifier | None:
        """What checks the log's checkpoints; made from the files that are there, making none."""
        return Verifier.find(self._keys_dir)

    @property
    def memory(self) -> Memory:
        """What the signer remembers of the log, beside its key."""
        return FileMemory(self.settings.statement_file)

    @property
    def _keys_dir(self) -> Path:
        return self.settings.data_dir / "keys"

    async def served_balances(self) -> Served:
        """The ledger as the read models have it, zero lines left out."""
        return await from_postgres(self.sink)

    async def _dues(self) -> Mapping[str, Decimal]:
        return await dues_at_end(self.log, await dues_served(self.sink))

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
        clock: by default the one that the log runs on: the machine's, or a `PacedClock` that
            stands where a simulated log ends.
        exclusive: take the directory; False only reads, beside the one who has it.

    Raises:
        DataDirHeld: another process has the directory.
        SettingsError: an engine cannot be reached, the directory not be used, or the log not be
            run on that clock, by the variable that names it.
    """
    platform = Platform(settings, clock, entropy or SystemEntropy())
    try:
        _take(platform, verb, exclusive=exclusive)
        alone = exclusive and settings.embedded_log and settings.kafka is None
        await _open(platform, writes=exclusive, sole_writer=alone)
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


async def _open(platform: Platform, *, writes: bool, sole_writer: bool) -> None:
    log_url = await _open_log(platform, writes=writes, sole_writer=sole_writer)
    if writes:
        await platform.recorder.last()  # a log that has lost its head takes no writer
        platform.signed_by = await _signed_by(platform.log)
        for line in too_open(platform._keys_dir):
            _log.warning(line)
    platform.origin = await origin_of(platform.log, platform.settings.data_dir)
    platform.clock = clock_of(platform.origin, platform.given_clock)
    platform.handler = Handler(
        platform.log,
        DECIDERS,
        clock=platform.clock,
        foresee=order_saga.FORESEEN,
        dues=platform._dues,
        digest_key=platform.keys.digest_key,
    )
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


async def _open_log(platform: Platform, *, writes: bool, sole_writer: bool) -> str:
    """Log and keys; the URL of the Postgres that they are in, or lie beside.

    Only a process that `writes` makes the key of a log that has none.
    """
    settings = platform.settings
    variable = "TIDEMARK_DATABASE" if settings.esdb_log else "TIDEMARK_LOG"
    url = platform.log_url = _server_url(platform, variable, settings.log_server)
    with _named(variable):
        platform.recorder = await PostgresRecorder.connect(url, readers=settings.log_connections)
    if settings.esdb_log:
        platform.recorder = await _esdb(settings.log, platform.recorder)
    master = settings.data_dir / "keys" / "master.key"
    try:
        platform.keys = open_keys(url, master, platform.entropy, make=writes)
    except WrongMasterKey as e:
        raise SettingsError(f"TIDEMARK_DATA_DIR: {e}") from e
    codec, key = Codec(platform.keys, platform.entropy), platform.keys.request_key
    platform.log = RecorderLog(platform.recorder, codec, request_key=key, sole_writer=sole_writer)
    if isinstance(platform.keys, PostgresKeyStore):
        platform.keys.on_erased = platform.log.forget  # it holds opened events
    return url


async def _signed_by(log: RecorderLog) -> str:
    """The id of the key that signed the log's last checkpoint; "" where there is none to read."""
    version = (await log.heads([checkpoint.STREAM])).get(checkpoint.STREAM, EMPTY).version
    try:
        found = await log.select(checkpoint.STREAM, after_version=version - 1) if version else ()
    except Unreadable:  # log verify names it
        return ""
    event = found[-1].event if found else None
    return event.key_id if isinstance(event, checkpoint.CheckpointSigned) else ""


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
