"""The Postgres servers of a platform: those that settings name, or one embedded server."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.postgres.embedded import EmbeddedPostgres, PostgresFailed
from adapters.postgres.link.connections import connect
from adapters.settings import Settings
from adapters.settings.log import EMBEDDED
from adapters.settings_error import SettingsError

KEEP_S = 0.25
_log = logging.getLogger(__name__)


class Servers:
    """Checks named servers, and runs at most one embedded server with its files in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._embedded: EmbeddedPostgres | None = None
        self._keeping: asyncio.Task[None] | None = None

    def url(self, variable: str, url: str) -> str:
        """The URL of a server that answers; starts the embedded server if `url` names it.

        Raises:
            SettingsError: it does not answer; the message names the variable.
        """
        try:
            if url in EMBEDDED:
                if self._embedded is None:
                    self._embedded = EmbeddedPostgres(self._folder)
                return self._embedded.start()
            connect(url).close()
        except Exception as e:
            line = str(e).strip().splitlines()[0] if str(e).strip() else type(e).__name__
            raise SettingsError(f"{variable}: {line}") from e
        return url

    def keep(self) -> None:
        """From now on restart the embedded server whenever it has ended."""
        if self._embedded is not None and self._keeping is None:
            self._keeping = asyncio.create_task(_keep(self._embedded), name="postgres")

    async def close(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
        if self._embedded is not None:
            self._embedded.stop()


@asynccontextmanager
async def open_servers(settings: Settings) -> AsyncIterator[Servers]:
    servers = Servers(settings.data_dir / "postgres")
    try:
        yield servers
    finally:
        await servers.close()


async def _keep(postgres: EmbeddedPostgres) -> None:
    """Restart the server whenever it has ended. Callers may repeat statements that failed."""
    gone = False
    while True:
        await asyncio.sleep(KEEP_S)
        gone = gone or postgres.ended
        if not gone:
            continue
        _log.error("the embedded Postgres has ended; starting it again")
        starting = asyncio.create_task(asyncio.to_thread(postgres.start))
        try:
            await asyncio.shield(starting)
            gone = False
        except PostgresFailed as e:
            _log.error("%s; trying again", e)
        except asyncio.CancelledError:
            with contextlib.suppress(PostgresFailed):
                await starting
            raise
