"""An online backup of a data directory: the database while it runs, and the keys.

    TO/postgres/server/data   what pg_basebackup made: a whole cluster with the WAL it needs
    TO/keys                   unless they are to be kept elsewhere
    TO/backup.json            what was in it: compare with `log verify --reaches POSITION`

The result is a data directory: put it (or a copy made with `cp -a`) in place and open it. The
warehouse is left out; it is loaded again from the log. A log on a server of its own is backed up
with that server's tools.
"""

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from adapters.embedded_postgres import EmbeddedPostgres
from adapters.schema_versions import PARTS, migrations
from adapters.server_account import account_for, binaries, hand_over
from adapters.settings import Settings, SettingsError


class BackupFailed(Exception):
    """No backup was made; the text is one line."""


class Backup(NamedTuple):
    path: str
    position: int  # the log's when it began: at least so far it reaches
    bytes: int
    keys: bool
    seconds: float


def backup(settings: Settings, to: Path, *, keys: bool) -> Backup:
    """Back the data directory up into a folder that does not exist yet; `serve` may run.

    Raises:
        SettingsError: there is no data directory, or its database is a server's.
        BackupFailed: `to` is there, or a tool of Postgres says why it could not.
    """
    if not settings.embedded_log:
        raise SettingsError("TIDEMARK_LOG: a server's database is backed up with its own tools")
    if not (settings.data_dir / "postgres").exists():
        raise SettingsError(f"TIDEMARK_DATA_DIR: no log in {settings.data_dir}")
    fresh = to.with_name(to.name + ".partial")
    if to.exists() or fresh.exists():
        raise BackupFailed(f"{to if to.exists() else fresh} is there already")
    began = datetime.now(UTC)
    try:
        with EmbeddedPostgres(settings.data_dir / "postgres") as server:
            position = _position(server.uri)
            _copy_cluster(server.uri, fresh)
        if keys:
            shutil.copytree(settings.data_dir / "keys", fresh / "keys")  # modes and times too
        size = sum(f.stat().st_size for f in fresh.rglob("*") if f.is_file())
        seconds = (datetime.now(UTC) - began).total_seconds()
        made = Backup(str(to), position, size, keys, round(seconds, 2))
        (fresh / "backup.json").write_text(json.dumps(_described(made, began), indent=1) + "\n")
        fresh.rename(to)
    except OSError as e:
        shutil.rmtree(fresh, ignore_errors=True)
        raise BackupFailed(f"{e.filename or to}: {e.strerror or e}") from e
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return made


def _described(made: Backup, began: datetime) -> dict[str, Any]:
    versions = {part: len(migrations(part)) for part in PARTS}
    return {**made._asdict(), "began_at": began.isoformat(), "schema": versions}


def _position(uri: str) -> int:
    with psycopg.connect(uri) as connection:
        found = connection.execute("select position from log.head").fetchone()
    return int(found[0]) if found else 0


def _copy_cluster(uri: str, to: Path) -> None:
    home = to / "postgres" / "server"
    home.mkdir(mode=0o700, parents=True)
    _run("pg_basebackup", "-d", uri, "-D", home / "data", "-X", "stream", "-c", "fast", "-w")
    _run("pg_verifybackup", "-q", home / "data")
    hand_over(home, account_for(home))


def _run(tool: str, *words: object) -> None:
    done = subprocess.run(
        [binaries() / tool, *map(str, words)], check=False, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise BackupFailed(said[-1] if said else f"{tool} ended with {done.returncode}")
