"""ClickHouse over HTTP like a server: users with passwords and profiles, a database, TLS.

    python -m tests.contract.warehouse.clickhouse_server --dir D --port P [--certificate C --key K]

The engine is chdb, the HTTP side is the product's own, with what a server adds: passwords of users,
a profile with readonly = 2 for `analyst`, an error for any database other than `books`.
"""

import argparse
import base64
import hmac
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import uvicorn
from starlette.requests import Request
from starlette.responses import Response

from adapters.clickhouse.door import Door
from adapters.clickhouse.engine import Engine, StatementFailed
from tests.paths import ROOT

DATABASE = "books"
PASSWORDS = {"loader": "lo/ad er", "analyst": "an@lyst"}
PROFILES = {"loader": "0", "analyst": "2"}

_profile: ContextVar[str] = ContextVar("profile")


class Users(Door):
    def _knows(self, header: str) -> bool:
        user, _, password = base64.b64decode(header.partition(" ")[2]).decode().partition(":")
        if not hmac.compare_digest(PASSWORDS.get(user, "\0").encode(), password.encode()):
            return False
        _profile.set(PROFILES[user])
        return True

    async def _answer(self, request: Request) -> Response:
        database = request.query_params.get("database", DATABASE)
        if database != DATABASE:
            raise StatementFailed(f"Code: 81. DB::Exception: Database {database} does not exist.")
        return await super()._answer(request)

    async def _insert(
        self, insert: re.Match[bytes], block: bytes, settings: Mapping[str, str]
    ) -> Response:
        if _profile.get() != "0":  # chdb's insert call ignores the profile
            raise StatementFailed("Code: 164. Cannot execute query in readonly mode")
        return await super()._insert(insert, block, settings)

    async def _analyse(
        self, request: Request, sql: str, form: str, settings: Mapping[str, str]
    ) -> Response:
        """Run without a check that the statement only reads: on a server the client checks it."""
        out = await self._thread(lambda: self._engine.run(sql, form, {}, settings))
        return Response(out, headers={"X-ClickHouse-Format": form, "X-ClickHouse-Timezone": "UTC"})

    async def _select(
        self, sql: str, form: str, params: Mapping[str, str], settings: Mapping[str, str]
    ) -> Response:
        if _profile.get() == "0":
            return await super()._select(sql, form, params, settings)
        if settings.get("readonly", _profile.get()) != _profile.get():
            raise StatementFailed("Code: 164. Cannot modify 'readonly' setting in readonly mode")
        ours = {**settings, "readonly": _profile.get()}
        out = await self._thread(lambda: self._engine.run(sql, form, params, ours))
        return Response(out, headers={"X-ClickHouse-Format": form, "X-ClickHouse-Timezone": "UTC"})


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--dir", "--certificate", "--key"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--port", type=int)
    options = parser.parse_args()
    door = Users(Engine(options.dir, DATABASE), "")
    uvicorn.run(
        door.app(), host="127.0.0.1", port=options.port, log_level="warning", lifespan="off",
        ssl_certfile=options.certificate, ssl_keyfile=options.key,
    )  # fmt: skip


class Running:
    """A server that can be killed and started again on its port."""

    def __init__(self, directory: Path, *, tls: tuple[Path, Path] | None = None) -> None:
        self._directory, self._tls = directory, tls
        with socket.create_server(("127.0.0.1", 0)) as found:
            self.port = int(found.getsockname()[1])
        self.start()

    def url(self, user: str = "loader", *, password: str = "", database: str = DATABASE) -> str:
        from urllib.parse import quote  # noqa: PLC0415

        scheme = "clickhouses" if self._tls else "clickhouse"
        secret = quote(password or PASSWORDS[user], safe="")
        return f"{scheme}://{user}:{secret}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        words = ["--dir", self._directory, "--port", self.port]
        if self._tls:
            words += ["--certificate", self._tls[0], "--key", self._tls[1]]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.contract.warehouse.clickhouse_server", *map(str, words)],
            cwd=ROOT,
        )
        deadline = time.monotonic() + 60
        while True:
            assert self._process.poll() is None
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(30)


@contextmanager
def running(directory: Path, *, tls: tuple[Path, Path] | None = None) -> Iterator[Running]:
    server = Running(directory, tls=tls)
    try:
        yield server
    finally:
        server.kill()


if __name__ == "__main__":
    main()
