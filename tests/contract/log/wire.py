"""A connection to the test server that a test can cut or silence at a chosen moment."""

import asyncio
import shutil
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

SOCKET = ".s.PGSQL.5432"


class Wire:
    """A proxy on a unix socket of its own; `async with Wire(url) as wire: connect(wire.url)`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._server = Path(parse_qs(parts.query)["host"][0]) / SOCKET
        self._folder = Path(tempfile.mkdtemp(prefix="tidemark-wire-"))
        self.url = f"postgresql://postgres@{parts.path}?host={quote(str(self._folder), safe='')}"
        self._trap: bytes | None = None
        self._mode = ""
        self._down = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.sprung = 0
        """Number of traps that have sprung."""

    async def __aenter__(self) -> "Wire":
        self._listener = await asyncio.start_unix_server(self._serve, self._folder / SOCKET)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        for writer in self._writers:
            writer.close()
        for task in self._tasks:
            task.cancel()
        shutil.rmtree(self._folder, ignore_errors=True)

    def trap(self, mode: str, containing: bytes) -> None:
        """Spring on the next request that contains these bytes.

        'lose request': cut before it reaches the server; 'lose reply': cut when the server has
        answered; 'silence': the server's answer never arrives.
        """
        self._trap, self._mode = containing, mode

    def down(self, yes: bool) -> None:
        """Refuse new connections and cut the old ones, or stop doing so."""
        self._down = yes
        if yes:
            for writer in self._writers:
                writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._down:
            writer.close()
            return
        there, back = await asyncio.open_unix_connection(str(self._server))
        self._writers |= {writer, back}
        state = {"mode": ""}
        for coroutine in (self._requests(reader, back, state), self._replies(there, writer, state)):
            task = asyncio.create_task(coroutine)
            self._tasks.add(task)

    async def _requests(
        self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, state: dict[str, str]
    ) -> None:
        while chunk := await reader.read(1 << 20):
            if self._trap is not None and self._trap in chunk:
                self._trap = None
                self.sprung += 1
                state["mode"] = self._mode
                if self._mode == "lose request":
                    break
            server.write(chunk)
        server.close()

    async def _replies(
        self, server: asyncio.StreamReader, client: asyncio.StreamWriter, state: dict[str, str]
    ) -> None:
        while chunk := await server.read(1 << 20):
            if state["mode"] == "lose reply":
                break
            if state["mode"] != "silence":
                client.write(chunk)
        client.close()
