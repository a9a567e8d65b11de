"""An online backup of a data directory: the database while it runs, and the keys.

    TO/postgres/server/data   what pg_basebackup made: a whole cluster with the WAL it needs
    TO/keys                   unless the keys are kept elsewhere
    TO/backup.json            its content: check with `log verify --witness TO/backup.json`

The result is a data directory: put it (or a copy made with `cp -a`) in place and open it. It leaves
out the warehouse, which is loaded again from the log. Back up a log on a server of its own with
that server's tools.
"""

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from adapters.log.codec import UnknownEvent, read_event
from adapters.log.frame import unframe
from adapters.postgres.embedded import EmbeddedPostgres
from adapters.postgres.link.connections import connect
from adapters.postgres.server_account import account_for, binaries, hand_over
from adapters.postgres.versions import PARTS, migrations
from adapters.proof.witness import Placed, Witness
from adapters.settings import Settings
from adapters.settings_error import SettingsError
from commands.expected import Expected
from domain.checkpoint import STREAM, CheckpointSigned
from domain.shared.envelope import Metadata


class BackupFailed(Expected):
    """No backup was made; the message is one line."""


class Backup(NamedTuple):
    path: str
    position: int  # the log's last when the backup began; the copy reaches at least this far
    sealed_to: int  # the last position under a checkpoint at that time
    witness: dict[str, Any] | None  # of the last checkpoint (adapters.proof.witness)
    bytes: int
    keys: bool
    seconds: float


def backup(settings: Settings, to: Path, *, keys: bool) -> Backup:
    """Back up the data directory into a folder that does not exist yet; `serve` may run.

    Raises:
        SettingsError: there is no data directory, or its log is on a database server.
        BackupFailed: `to` exists, or a tool of Postgres failed; the message gives its reason.
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
            if keys:  # first, so that the log copied later contains the signer's last statement
                shutil.copytree(settings.data_dir / "keys", fresh / "keys")  # with modes and times
            position, witness = _position(server.uri), _witness(server.uri)
            _copy_cluster(server.uri, fresh)
        size = sum(f.stat().st_size for f in fresh.rglob("*") if f.is_file())
        seconds = round((datetime.now(UTC) - began).total_seconds(), 2)
        statement = msgspec.to_builtins(witness) if witness else None
        sealed_to = witness.last_position if witness else 0
        made = Backup(str(to), position, sealed_to, statement, size, keys, seconds)
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
    with connect(uri) as connection:
        found = connection.execute("select position from log.head").fetchone()
    return int(found[0]) if found else 0


def _witness(uri: str) -> Witness | None:
    """The log's last checkpoint; None if there is none or it cannot be read."""
    sql = (
        "select version, position, state from log.events where stream = %s order by 1 desc limit 1"
    )
    with connect(uri) as connection:
        found = connection.execute(sql, (STREAM,)).fetchone()
    if found is None:
        return None
    version, position, state = found
    try:
        metadata, payload = unframe(bytes(state))
        schema = msgspec.json.decode(metadata, type=Metadata).schema
        event = read_event("checkpoint.signed", schema, payload)
    except (msgspec.MsgspecError, UnknownEvent):
        return None  # `log verify` reports it
    assert isinstance(event, CheckpointSigned)
    return Witness.of(Placed(version, position, event))


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
        errors = done.stderr.strip().splitlines()
        raise BackupFailed(errors[-1] if errors else f"{tool} ended with {done.returncode}")
