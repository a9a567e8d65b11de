"""Keys of personal data, as a port: one data key per client.

Destroying a client's data key erases that client's personal data in every copy of the log, while
every hash over the bytes stays valid. Every process that holds keys is notified. Texts of the
firm itself are sealed under a key of its own (`domain.shared.message.FIRM`).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from adapters.host.entropy import Entropy
from adapters.log.recorder import Unavailable
from commands.ports import KeyDestroyed


class KeyState(StrEnum):
    """The state of a client's key in the store; a client without a row has none."""

    HELD = "held"
    ERASED = "erased"  # by us
    CHANGED = "changed"  # written without the master key
    COPIED = "copied"  # another client's row holds the same key


class KeyStore(Protocol):
    def data_key(self, client_id: str, /) -> bytes:
        """The client's 32-byte key, made durable before it is first returned.

        Raises:
            KeyDestroyed: the client was erased; nothing personal may be stored any more.
        """
        ...

    def find(self, client_id: str, /) -> bytes | None:
        """The key for reading; None when it was destroyed or never made.

        Raises:
            KeyChanged: another writer has changed the client's row.
        """
        ...

    def destroy(self, client_id: str, /) -> None:
        """Destroy the key for good, in every process; destroying it again changes nothing."""
        ...

    @property
    def request_key(self) -> bytes:
        """The HMAC key of request hashes; the key of snapshots derives from it."""
        ...

    def key_states(self) -> Mapping[str, KeyState] | None:
        """The present state of every client with a row; None if this process may not read them."""
        ...

    @property
    def digest_key(self) -> bytes:
        """The HMAC key of digests of sealed texts (`domain.shared.digests`)."""
        ...


class WrongMasterKey(Exception):
    """The master key file was lost or replaced; the right one is in a backup, or nowhere."""


class KeyChanged(ValueError):
    """A client's wrapped key does not open under the master key, though others do."""

    def __init__(self, client_id: str) -> None:
        super().__init__(f"the row of {client_id} in keys.data_keys was changed")


class MemoryKeyStore:
    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._keys: dict[str, bytes | None] = {}
        self.request_key = entropy.draw(32, "request-hash")
        self.digest_key = entropy.draw(32, "digest")

    def data_key(self, client_id: str, /) -> bytes:
        key = self._keys.setdefault(client_id, self._entropy.draw(32, f"data-key:{client_id}"))
        if key is None:
            raise KeyDestroyed(client_id)
        return key

    def find(self, client_id: str, /) -> bytes | None:
        return self._keys.get(client_id)

    def destroy(self, client_id: str, /) -> None:
        self._keys[client_id] = None

    def key_states(self) -> Mapping[str, KeyState]:
        return {c: KeyState.HELD if k else KeyState.ERASED for c, k in self._keys.items()}


class ClosedKeyStore:
    """For a process whose role may not read the keys: personal fields read as erased."""

    request_key = digest_key = b""  # nothing is appended without keys, so nothing is hashed

    def data_key(self, client_id: str, /) -> bytes:
        raise Unavailable("this process's database role may not read the clients' keys")

    def find(self, client_id: str, /) -> bytes | None:
        return None

    def destroy(self, client_id: str, /) -> None:
        raise Unavailable("this process's database role may not read the clients' keys")

    def key_states(self) -> None:
        return None

    def close(self) -> None:
        """Nothing to close."""
