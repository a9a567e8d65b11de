"""Key store: one data key per client, wrapped under the installation's master key.

Destroying a client's data key erases that client's personal data everywhere the log's bytes
went, while every hash over them stays valid. The master key is a file outside the database
(a KMS in production), so a stolen database alone opens nothing.
"""

import hashlib
import hmac
from pathlib import Path
from typing import Protocol

import psycopg
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from adapters import schema_versions
from adapters.entropy import Entropy
from adapters.postgres_link import CONNECT_S
from adapters.postgres_steady import Steady
from adapters.recorder import Unavailable
from commands.ports import KeyDestroyed as KeyDestroyed  # noqa: PLC0414 - its callers find it here


class KeyStore(Protocol):
    def data_key(self, client_id: str, /) -> bytes:
        """The client's 32-byte key, made durable before it is first returned.

        Raises:
            KeyDestroyed: the client was erased; nothing personal may be stored any more.
        """
        ...

    def find(self, client_id: str, /) -> bytes | None:
        """The key for reading; None when it was destroyed or never was."""
        ...

    def destroy(self, client_id: str, /) -> None: ...

    @property
    def request_key(self) -> bytes:
        """The HMAC key of request hashes."""
        ...


class WrongMasterKey(Exception):
    """The master key file was lost or replaced; the right one is in a backup, or nowhere."""


class MemoryKeyStore:
    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._keys: dict[str, bytes | None] = {}
        self.request_key = entropy.draw(32, "request-hash")

    def data_key(self, client_id: str, /) -> bytes:
        key = self._keys.setdefault(client_id, self._entropy.draw(32, f"data-key:{client_id}"))
        if key is None:
            raise KeyDestroyed(client_id)
        return key

    def find(self, client_id: str, /) -> bytes | None:
        return self._keys.get(client_id)

    def destroy(self, client_id: str, /) -> None:
        self._keys[client_id] = None


class ClosedKeyStore:
    """For a process whose role may not read the keys: what is personal reads as erased."""

    request_key = b""  # nothing is appended without keys, so nothing is hashed with it

    def data_key(self, client_id: str, /) -> bytes:
        raise Unavailable("the clients' keys are closed to this process's database role")

    def find(self, client_id: str, /) -> bytes | None:
        return None

    def destroy(self, client_id: str, /) -> None:
        raise Unavailable("the clients' keys are closed to this process's database role")

    def close(self) -> None:
        """It holds nothing."""


def open_keys(url: str, master_file: Path, entropy: Entropy) -> "PostgresKeyStore | ClosedKeyStore":
    """The keys of a log; closed where the role that `url` connects as has no right to them.

    Raises:
        WrongMasterKey, Unavailable
    """
    with psycopg.connect(url, connect_timeout=CONNECT_S) as connection:
        schema_versions.ready(url, "log")
        may = "select has_schema_privilege('keys', 'usage')"
        if connection.execute(may).fetchone() != (True,):
            return ClosedKeyStore()
    return PostgresKeyStore(url, master_file, entropy)


class PostgresKeyStore:
    """Wrapped keys in a table (RFC 3394), read once and kept; new ones cost one insert."""

    def __init__(self, url: str, master_file: Path, entropy: Entropy) -> None:
        self._entropy = entropy
        self._master = secret_file(master_file, entropy, label="master-key")
        self.request_key = hmac.digest(self._master, b"request-hash", "sha256")
        self._db = Steady(url, "the clients' keys")
        schema_versions.ready(url, "log")
        self._keys: dict[str, bytes] = {}
        try:
            for client_id, wrapped in self._db.execute(
                "select client_id, wrapped from keys.data_keys where not destroyed"
            ):
                self._keys[client_id] = aes_key_unwrap(self._master, bytes(wrapped))
        except InvalidUnwrap as e:
            self.close()
            raise WrongMasterKey(f"{master_file} is not the key of this log's personal data") from e

    def data_key(self, client_id: str, /) -> bytes:
        key = self._keys.get(client_id)
        if key is None:
            self._create(client_id)
            key = self.find(client_id)
        if key is None:
            raise KeyDestroyed(client_id)
        return key

    def find(self, client_id: str, /) -> bytes | None:
        if client_id not in self._keys:  # another process may have made it since
            rows = self._db.execute(
                "select wrapped from keys.data_keys where client_id = %s and not destroyed",
                (client_id,),
            )
            if not rows:
                return None
            self._keys[client_id] = aes_key_unwrap(self._master, bytes(rows[0][0]))
        return self._keys[client_id]

    def destroy(self, client_id: str, /) -> None:
        self._db.execute(
            "insert into keys.data_keys values (%s, null, true) "
            "on conflict (client_id) do update set wrapped = null, destroyed = true",
            (client_id,),
        )
        self._keys.pop(client_id, None)

    def close(self) -> None:
        self._db.close()

    def _create(self, client_id: str) -> None:
        wrapped = aes_key_wrap(self._master, self._entropy.draw(32, f"data-key:{client_id}"))
        self._db.execute(
            "insert into keys.data_keys values (%s, %s) on conflict do nothing",
            (client_id, wrapped),
        )


def secret_file(file: Path, entropy: Entropy, *, label: str) -> bytes:
    """The 32 secret bytes of a key file (0600), made on first use; all processes get the same."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not file.exists():
        fresh = file.with_suffix(f".{hashlib.sha256(entropy.draw(8, 'tmp')).hexdigest()[:8]}")
        fresh.touch(mode=0o600)
        fresh.write_bytes(entropy.draw(32, label))
        try:
            file.hardlink_to(fresh)  # the first process wins, all use its key
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return file.read_bytes()
