"""Keys of personal data in Postgres, wrapped under the installation's master key.

The master key is a file outside the database (a KMS in production), so a stolen database alone
opens nothing. An erasure replaces the wrapped key in the row by a mark over client and time that
only a holder of the master key can make. So a deleted row, or one made to look erased, differs from
an erasure.
"""

import hmac
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from psycopg import Connection, errors

from adapters.host.entropy import Entropy
from adapters.host.key_files import secret_file
from adapters.log.keys import ClosedKeyStore, KeyChanged, KeyState, WrongMasterKey
from adapters.postgres import versions
from adapters.postgres.link.blocking import BlockingConnection
from adapters.postgres.link.connections import connect
from commands.ports import KeyDestroyed

NOTICES_S = 0.01
"""How long this process may fail to notice an erasure by another process."""

_ROWS = "select client_id, wrapped, destroyed, destroyed_at from keys.data_keys"
_ERASE = """
    insert into keys.data_keys (client_id, wrapped, destroyed, destroyed_at)
    values (%s, %s, true, %s)
    on conflict (client_id) do update
    set wrapped = excluded.wrapped, destroyed = true, destroyed_at = excluded.destroyed_at
"""
_NEEDED = "select exists(select from keys.data_keys) or exists(select from log.events)"


def open_keys(
    url: str, master_file: Path, entropy: Entropy, *, make: bool = True
) -> "PostgresKeyStore | ClosedKeyStore":
    """The keys of a log; a ClosedKeyStore if the role that `url` connects as may not read them.

    Args:
        make: make the master key if nothing was ever stored under one; if False, a log that never
            had a key gets a ClosedKeyStore.

    Raises:
        WrongMasterKey: the master key is missing and the log needs it, or it is another log's.
        SettingsError: its file is no key.
        Unavailable: the server cannot be reached.
    """
    with connect(url) as connection:
        versions.ready(url, "log")
        may = "select has_schema_privilege('keys', 'usage')"
        if connection.execute(may).fetchone() != (True,):
            return ClosedKeyStore()
        if not master_file.exists():
            if connection.execute(_NEEDED).fetchone() == (True,):
                raise WrongMasterKey(
                    f"{master_file} is missing, and this log was written under one: "
                    "put it back from the backup"
                )
            if not make:
                return ClosedKeyStore()
    return PostgresKeyStore(url, master_file, entropy)


class PostgresKeyStore:
    """Wrapped keys in a table (RFC 3394), read once and kept; new ones cost one insert.

    If another process or an operator destroys a key, this process forgets it at the next use of any
    key that comes `NOTICES_S` or more after its last check for notices: a trigger notifies every
    listener (`migrations/log/0005_erasure.sql`).
    """

    def __init__(self, url: str, master_file: Path, entropy: Entropy) -> None:
        self._entropy = entropy
        self._master = secret_file(master_file, entropy, label="master-key")
        self.request_key = hmac.digest(self._master, b"request-hash", "sha256")
        self.digest_key = hmac.digest(self._master, b"digest", "sha256")
        self.on_erased: Callable[[], None] = lambda: None  # called when a key was forgotten
        self._keys: dict[str, bytes] = {}
        self._notices_at = 0.0
        versions.ready(url, "log")
        self._db = BlockingConnection(url, "the clients' keys", opened=self._listen)
        rows = self._db.execute("select client_id, wrapped from keys.data_keys where not destroyed")
        for client_id, wrapped in rows:
            if (key := _unwrapped(self._master, wrapped)) is not None:
                self._keys[client_id] = key
        if rows and not self._keys:
            self.close()
            raise WrongMasterKey(f"{master_file} is not the key of this log's personal data")

    def data_key(self, client_id: str, /) -> bytes:
        self._take_notices()
        key = self._keys.get(client_id)
        if key is None:
            self._create(client_id)
            key = self.find(client_id)
        if key is None:
            raise KeyDestroyed(client_id)
        return key

    def find(self, client_id: str, /) -> bytes | None:
        self._take_notices()
        if client_id not in self._keys:  # another process may have made it since
            rows = self._db.execute(
                "select wrapped from keys.data_keys where client_id = %s and not destroyed",
                (client_id,),
            )
            if not rows:
                return None
            key = _unwrapped(self._master, rows[0][0])
            if key is None:
                raise KeyChanged(client_id)
            self._keys[client_id] = key
        return self._keys[client_id]

    def destroy(self, client_id: str, /) -> None:
        """Erase a client: replace the wrapped key by the mark of an erasure; safe to repeat.

        Raises:
            Unavailable: the server cannot be reached.
        """
        row = self._db.execute(f"{_ROWS} where client_id = %s", (client_id,))
        if not row or self._state(*row[0]) is not KeyState.ERASED:
            [(at,)] = self._db.execute("select clock_timestamp()")
            self._db.execute(_ERASE, (client_id, self._mark(client_id, at), at))
        self._forget([client_id])

    def compact(self) -> bool:
        """Rewrite the table, so that its pages no longer contain destroyed keys.

        Returns:
            False if this role does not own the table: its owner has to do it.
        """
        try:
            self._db.execute("vacuum (full, analyze) keys.data_keys")
        except errors.InsufficientPrivilege:
            return False
        return True

    def key_states(self) -> Mapping[str, KeyState]:
        rows = self._db.execute(_ROWS)
        holders = Counter(wrapped for _, wrapped, destroyed, _ in rows if not destroyed)
        found = {row[0]: self._state(*row) for row in rows}
        for client_id, wrapped, _, _ in rows:
            if found[client_id] is KeyState.HELD and holders[wrapped] > 1:
                found[client_id] = KeyState.COPIED
        return found

    def _state(
        self, client_id: str, wrapped: bytes | None, destroyed: bool, at: datetime | None
    ) -> KeyState:
        if not destroyed:
            held = at is None and _unwrapped(self._master, wrapped)
            return KeyState.HELD if held else KeyState.CHANGED
        marks = (self._mark(client_id, at), self._mark(client_id, None))
        ours = any(hmac.compare_digest(bytes(wrapped or b""), mark) for mark in marks)
        return KeyState.ERASED if ours else KeyState.CHANGED

    def _mark(self, client_id: str, at: datetime | None) -> bytes:
        """The mark of an erasure at a time; None: that of older builds, which left out the time."""
        when = f"|{at.astimezone(UTC).isoformat()}" if at is not None else ""
        return hmac.digest(self._master, f"erased|{client_id}{when}".encode(), "sha256")

    def close(self) -> None:
        self._db.close()

    def _take_notices(self) -> None:
        """Check for notices, but not at every event: a check costs more than opening a text."""
        now = monotonic()
        if now < self._notices_at:
            return
        self._notices_at = now + NOTICES_S
        if erased := self._db.notices():
            self._forget(erased)

    def _listen(self, connection: Connection[Any]) -> None:
        """Listen on a new connection, and forget all keys: notices sent before it are lost."""
        connection.add_notify_handler(lambda notice: self._forget([notice.payload]))
        connection.execute("listen tidemark_keys")
        self._forget(list(self._keys))

    def _forget(self, client_ids: Collection[str]) -> None:
        for client_id in client_ids:
            self._keys.pop(client_id, None)
        if client_ids:
            self.on_erased()

    def _create(self, client_id: str) -> None:
        wrapped = aes_key_wrap(self._master, self._entropy.draw(32, f"data-key:{client_id}"))
        self._db.execute(
            "insert into keys.data_keys (client_id, wrapped) values (%s, %s) "
            "on conflict do nothing",
            (client_id, wrapped),
        )


def _unwrapped(master: bytes, wrapped: bytes | None) -> bytes | None:
    """The data key in a row; None if it was not wrapped under this master key."""
    try:
        return aes_key_unwrap(master, bytes(wrapped or b""))
    except InvalidUnwrap:
        return None
