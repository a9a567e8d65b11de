"""The log of a platform: on Postgres, or on EventStoreDB with a Postgres beside it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import NamedTuple

from adapters.host.entropy import Entropy
from adapters.log.codec import Codec
from adapters.log.event_log import RecorderLog
from adapters.log.keys import ClosedKeyStore, WrongMasterKey
from adapters.log.recorder import Recorder, Unavailable
from adapters.postgres.keys import PostgresKeyStore, open_keys
from adapters.postgres.log.recorder import PostgresRecorder
from adapters.postgres.versions import SchemaMismatch
from adapters.settings import Settings
from adapters.settings_error import SettingsError
from adapters.wiring.servers import Servers


class OpenLog(NamedTuple):
    recorder: Recorder
    keys: PostgresKeyStore | ClosedKeyStore
    log: RecorderLog
    url: str  # of the Postgres that holds the log, or the keys and snapshots of an EventStoreDB log


@asynccontextmanager
async def open_log(
    settings: Settings, servers: Servers, entropy: Entropy, *, writes: bool
) -> AsyncIterator[OpenLog]:
    """Open the log and its keys. Only a process that `writes` creates the key of a new log.

    Raises:
        SettingsError: the log cannot be reached or does not fit this build, or its key is missing.
    """
    variable = "TIDEMARK_DATABASE" if settings.esdb_log else "TIDEMARK_LOG"
    url = servers.url(variable, settings.log_server)
    with fitting(variable):
        recorder: Recorder = await PostgresRecorder.connect(url, readers=settings.log_connections)
    try:
        if settings.esdb_log:
            recorder = await _esdb(settings.log, recorder)
        keys = _keys(settings, url, entropy, make=writes)
        try:
            codec, key = Codec(keys, entropy), keys.request_key
            alone = writes and settings.embedded_log and settings.kafka is None
            log = RecorderLog(recorder, codec, request_key=key, sole_writer=alone)
            if isinstance(keys, PostgresKeyStore):
                keys.on_erased = log.forget  # the log caches decrypted events
            yield OpenLog(recorder, keys, log, url)
        finally:
            keys.close()
    finally:
        await recorder.close()


@contextmanager
def fitting(variable: str) -> Iterator[None]:
    """Turn a SchemaMismatch into a SettingsError that names the server's variable."""
    try:
        yield
    except SchemaMismatch as e:
        raise SettingsError(f"{variable}: {e}") from e


def _keys(
    settings: Settings, url: str, entropy: Entropy, *, make: bool
) -> PostgresKeyStore | ClosedKeyStore:
    try:
        return open_keys(url, settings.data_dir / "keys" / "master.key", entropy, make=make)
    except WrongMasterKey as e:
        raise SettingsError(f"TIDEMARK_DATA_DIR: {e}") from e


async def _esdb(url: str, beside: Recorder) -> Recorder:
    """The log on EventStoreDB; `beside` keeps what can be derived from the log again."""
    from adapters.eventstoredb.recorder import EsdbRecorder  # noqa: PLC0415 - only if it is used

    try:
        return await EsdbRecorder.connect(url, beside)
    except Unavailable as e:
        raise SettingsError(f"TIDEMARK_LOG: {e}") from e
