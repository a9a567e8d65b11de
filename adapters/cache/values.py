"""The cache through which the edge reads values that are expensive and follow from the log alone.

    parts --HMAC--> key --get--> sealed value --open--> bytes
                     '--miss--> one caller computes it (per process; a short lock among processes)

A value's key names everything the value depends on (a stream's head hash, a cut, the code's own
hash), so a value that is found is never wrong, and the key of an outdated one is never requested.
Keys are HMACs and values AES-GCM under a secret of the log, bound to their key: the store learns
nothing, and cannot pass off one answer for another.
"""

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from adapters.cache.store import CacheStore, StoreGone
from adapters.host.entropy import Entropy
from adapters.log.domain_hash import FOLD_HASH

TTL_S = 3_600.0
VALUE_MAX = 1 << 20  # bytes; a larger answer is not kept
LOCK_S = 2.0  # longest wait for another process that is making the value
POLL_S = 0.02
_NONCE = 12
_log = logging.getLogger(__name__)

Made = tuple[bytes, bool]
"""(value, whether it may be stored under the key it was requested by)."""


class Counts(Struct):
    """Requests since the start, by outcome."""

    hits: int = 0
    misses: int = 0
    shared: int = 0  # waited for another caller's request for the same value
    errors: int = 0  # the store did not answer


class Cache:
    """Values, keyed by everything they depend on; without the store they are computed each time.

    Args:
        secret: of this log; without it no process can name the keys or open the values.
    """

    def __init__(self, store: CacheStore, secret: bytes, entropy: Entropy) -> None:
        self._store, self._entropy = store, entropy
        self._naming = hmac.digest(secret, b"cache-keys" + FOLD_HASH.encode(), "sha256")
        self._sealing = AESGCM(hmac.digest(secret, b"cache-values", "sha256"))
        self._flights: dict[str, asyncio.Task[Made]] = {}
        self._asked: dict[str, asyncio.Future[bytes | None]] = {}
        self._asking: set[asyncio.Task[None]] = set()
        self.counts = Counts()

    async def fetch(self, parts: Sequence[str], make: Callable[[], Awaitable[Made]], /) -> bytes:
        """The value of these parts, made if it is not stored; raises what `make` raises."""
        key = self._name(parts)
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(self._flight(key, make), name="cache")
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
            return (await asyncio.shield(flight))[0]
        self.counts.shared += 1
        value, kept = await asyncio.shield(flight)
        return value if kept else (await make())[0]

    async def trouble(self) -> str | None:
        """Ping the store; returns why it does not answer, or None if it does."""
        try:
            await self._store.ping()
        except StoreGone as e:
            return str(e)
        return None

    async def close(self) -> None:
        for flight in list(self._flights.values()):
            flight.cancel()
        await self._store.close()

    def _name(self, parts: Sequence[str]) -> str:
        plain = b"".join(len(p).to_bytes(4, "big") + p for p in (part.encode() for part in parts))
        return "tm:v:" + hmac.digest(self._naming, plain, "sha256").hex()

    async def _flight(self, key: str, make: Callable[[], Awaitable[Made]]) -> Made:
        found = await self._find(key)
        if found is not None:
            self.counts.hits += 1
            return found, True
        self.counts.misses += 1
        token = self._entropy.draw(12, "cache-lock").hex()
        alone = await self._lock(key, token)
        try:
            if not alone and (found := await self._others(key)) is not None:
                return found, True
            value, keep = await make()
            if keep and len(value) <= VALUE_MAX:
                await self._keep(key, value)
            return value, keep
        finally:
            if alone:
                await self._unlock(key, token)

    def _landed(self, key: str, flight: "asyncio.Task[Made]") -> None:
        self._flights.pop(key, None)
        if not flight.cancelled():
            flight.exception()  # waiting callers get it; asyncio must not warn if none is left

    async def _find(self, key: str) -> bytes | None:
        """The stored value, if any; keys requested in one tick of the loop go in one query."""
        if key in self._asked:
            return await asyncio.shield(self._asked[key])
        answer: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._asked[key] = answer
        if len(self._asked) == 1:
            task = asyncio.create_task(self._ask_all(), name="cache")
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        return await answer

    async def _ask_all(self) -> None:
        await asyncio.sleep(0)
        asked, self._asked = self._asked, {}
        try:
            found = await self._store.get(list(asked))
        except StoreGone:
            self.counts.errors += 1
            found = [None] * len(asked)
        for (key, answer), sealed in zip(asked.items(), found, strict=True):
            if not answer.done():
                answer.set_result(self._opened(key, sealed))

    def _opened(self, key: str, sealed: bytes | None) -> bytes | None:
        if sealed is None:
            return None
        try:
            return self._sealing.decrypt(sealed[:_NONCE], sealed[_NONCE:], key.encode())
        except (InvalidTag, ValueError):
            _log.error("cache: ignored a value that Tidemark did not write")
            return None

    async def _keep(self, key: str, value: bytes) -> None:
        nonce = self._entropy.draw(_NONCE, "cache-nonce")
        sealed = nonce + self._sealing.encrypt(nonce, value, key.encode())
        try:
            await self._store.put(key, sealed, ttl_s=TTL_S)
        except StoreGone:
            self.counts.errors += 1

    async def _lock(self, key: str, token: str) -> bool:
        """Whether this process has to make the value; without the store every process has to."""
        try:
            return await self._store.lock(f"{key}:l", token, ttl_s=LOCK_S)
        except StoreGone:
            self.counts.errors += 1
            return True

    async def _unlock(self, key: str, token: str) -> None:
        try:
            await self._store.unlock(f"{key}:l", token)
        except StoreGone:
            self.counts.errors += 1

    async def _others(self, key: str) -> bytes | None:
        """Wait for the value from another process, at most as long as its lock can last."""
        loop = asyncio.get_running_loop()
        until = loop.time() + LOCK_S
        while loop.time() < until:
            await asyncio.sleep(POLL_S)
            if (found := await self._find(key)) is not None:
                return found
        return None
