"""Opens a platform: connects every port to the technology that the settings name.

    settings --open_platform--> Platform (log, dispatcher, views' sink, sagas' store, warehouse)

Each capability has a module here with one `open_...`, an asynchronous context manager. We enter
them on one stack, so they close in reverse order. The code that drives the platform (views, sagas,
timers, gateways) is in `streams/`; the code that serves requests is in `api/`.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Self

from adapters.cache.values import Cache
from adapters.dispatch.dispatcher import Dispatcher
from adapters.dispatch.rate_limit import Limiter
from adapters.host.clock import SystemClock
from adapters.host.data_dir import DataDir
from adapters.host.entropy import Entropy, SystemEntropy
from adapters.host.key_files import too_open
from adapters.log.event_log import RecorderLog
from adapters.log.keys import ClosedKeyStore
from adapters.log.origin import Origin, clock_of, origin_of
from adapters.log.recorder import Recorder
from adapters.operations.balances import dues_at_end, dues_served, from_postgres
from adapters.postgres.keys import PostgresKeyStore
from adapters.postgres.sagas.store import PostgresSagaStore
from adapters.postgres.views.read_models import ReadModels
from adapters.postgres.views.sink import PostgresSink
from adapters.proof.signing import Signer, Verifier
from adapters.proof.witness import FileMemory, Memory
from adapters.settings import Settings
from adapters.settings_error import SettingsError
from adapters.warehouse.client import Warehouse
from adapters.wiring.cache import open_cache
from adapters.wiring.log import open_log
from adapters.wiring.servers import open_servers
from adapters.wiring.views import open_views
from adapters.wiring.warehouse import open_warehouse
from commands.handler import Handler
from commands.ports import EMPTY, Unreadable
from domain import checkpoint
from domain.catalogue import DECIDERS
from projections.ledger.controls import Served
from sagas import order as order_saga

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
    read_warehouse: Warehouse  # for analysts
    database_url: str  # of the Postgres that holds views and sagas
    log_url: str  # of the Postgres of the log, see `OpenLog.url`
    signed_by: str = ""  # id of the key of the log's last checkpoint

    def __init__(
        self, settings: Settings, clock: Callable[[], datetime] | None, entropy: Entropy
    ) -> None:
        self.settings, self.entropy = settings, entropy
        self.clock = clock or SystemClock()
        self.given_clock = clock
        self.opened = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    @cached_property
    def signer(self) -> Signer:
        """Opened on first use: a process that does not sign needs no key.

        Raises:
            SettingsError: the log was signed, but its key is missing or is another log's.
        """
        return Signer.open(
            self.keys_dir, self.entropy, signed_by=self.signed_by, memory=self.memory
        )

    @property
    def verifier(self) -> Verifier | None:
        """Checks the log's checkpoints, with the key files that exist; it creates none."""
        return Verifier.find(self.keys_dir)

    @property
    def memory(self) -> Memory:
        """The signer's last statement about the log, kept outside the database."""
        return FileMemory(self.settings.statement_file)

    @property
    def keys_dir(self) -> Path:
        return self.settings.data_dir / "keys"

    async def served_balances(self) -> Served:
        """The ledger from the read models, without lines of zero."""
        return await from_postgres(self.sink)

    async def dues(self) -> Mapping[str, Decimal]:
        """The amount that the clients' estate owes the house at the log's end, by currency."""
        return await dues_at_end(self.log, await dues_served(self.sink))

    async def close(self) -> None:
        """Finish pending work, then close everything in reverse order."""
        await self.opened.aclose()


async def open_platform(
    settings: Settings,
    *,
    verb: str,
    clock: Callable[[], datetime] | None = None,
    entropy: Entropy | None = None,
    exclusive: bool = True,
) -> Platform:
    """Open the platform of a data directory, starting its embedded engines if necessary.

    Args:
        verb: what the process does; shown to a process that finds the directory locked.
        clock: by default the log's own clock: the machine's, or a `PacedClock` that begins
            where a simulated log ends.
        exclusive: lock the directory; False only reads, beside the process that has the lock.

    Raises:
        DataDirHeld: another process has the directory.
        SettingsError: an engine cannot be reached, the directory cannot be used, or the log
            cannot run on that clock; the message names the variable.
    """
    platform = Platform(settings, clock, entropy or SystemEntropy())
    try:
        _take(platform, verb, exclusive=exclusive)
        await _open(platform, writes=exclusive)
    except BaseException:
        await platform.close()
        raise
    return platform


def _take(platform: Platform, verb: str, *, exclusive: bool) -> None:
    """Lock the data directory. A reader must not create one when the path is mistyped."""
    settings = platform.settings
    if exclusive:
        directory = DataDir(settings.data_dir)
        try:
            directory.hold(verb)
        except OSError as e:
            raise SettingsError(f"TIDEMARK_DATA_DIR: {settings.data_dir}: {e.strerror}") from e
        platform.opened.callback(directory.release)
    elif settings.embedded_server and not (settings.data_dir / "postgres").exists():
        where = settings.data_dir
        raise SettingsError(f"TIDEMARK_DATA_DIR: no log in {where} (serve or simulate creates one)")


async def _open(platform: Platform, *, writes: bool) -> None:
    settings, enter = platform.settings, platform.opened.enter_async_context
    servers = await enter(open_servers(settings))
    log = await enter(open_log(settings, servers, platform.entropy, writes=writes))
    platform.recorder, platform.keys, platform.log, platform.log_url = log
    if writes:
        await platform.recorder.last()  # refuse to write to a log that has lost its head
        platform.signed_by = await _signed_by(platform.log)
        for line in too_open(platform.keys_dir):
            _log.warning(line)
    platform.origin = await origin_of(platform.log, settings.data_dir)
    platform.clock = clock_of(platform.origin, platform.given_clock)
    views = await enter(open_views(settings, servers, log.url))
    platform.sink, platform.saga_store, platform.read_models, platform.database_url = views
    warehouse = await enter(open_warehouse(settings, writes=writes))
    platform.warehouse, platform.read_warehouse = warehouse
    request_key = platform.keys.request_key
    platform.cache, platform.limiter = await enter(
        open_cache(settings, request_key, platform.entropy)
    )
    platform.handler = Handler(
        platform.log,
        DECIDERS,
        clock=platform.clock,
        foresee=order_saga.FORESEEN,
        dues=platform.dues,
        digest_key=platform.keys.digest_key,
    )
    platform.dispatcher = Dispatcher(platform.handler)
    platform.opened.push_async_callback(platform.dispatcher.close)
    if writes:
        servers.keep()


async def _signed_by(log: RecorderLog) -> str:
    """The id of the key that signed the log's last checkpoint; "" if none is readable."""
    version = (await log.heads([checkpoint.STREAM])).get(checkpoint.STREAM, EMPTY).version
    try:
        found = await log.select(checkpoint.STREAM, after_version=version - 1) if version else ()
    except Unreadable:  # `log verify` reports it
        return ""
    event = found[-1].event if found else None
    return event.key_id if isinstance(event, checkpoint.CheckpointSigned) else ""
