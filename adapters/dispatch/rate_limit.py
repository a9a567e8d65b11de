"""Rate limits: each caller may send so many commands and queries a second.

The state is in the cache's store, shared by all processes of the platform. While the store is down
each process counts alone. A caller is an address, stored as an HMAC: no identity is verified yet.
"""

import hmac
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from adapters.cache.store import CacheStore, Rate, StoreGone, Verdict
from adapters.memory.cache import MemoryCache

V6_PREFIX = 64  # bits: the smallest network that a provider gives one subscriber

CALLERS_KEPT = 1_024  # addresses whose caller is kept: parsing one takes 4 us


class Limiter:
    """Limits the rate of each caller. A limit has a name: commands, queries or sql.

    Args:
        rates: name of a limit -> the rate of one caller; without a rate there is no limit.
        loopback: limit callers on this machine too.
    """

    def __init__(
        self, store: CacheStore, rates: Mapping[str, Rate], secret: bytes, *, loopback: bool
    ) -> None:
        self._store, self._loopback = store, loopback
        self.rates = dict(rates)
        self._secret = hmac.digest(secret, b"rate-keys", "sha256")
        self._own = MemoryCache()  # used while the store is down

    def limits(self, limit: str, address: str, /) -> bool:
        """Whether this limit applies to this caller."""
        return limit in self.rates and (self._loopback or caller_of(address) != "loopback")

    async def admit(
        self, limit: str, address: str, /, *, cost: int = 1, forced: bool = False
    ) -> Verdict | None:
        """Charge the caller under this limit; None if it does not apply.

        With `forced`, charge even beyond the limit, so that the caller's next request waits.
        """
        if cost <= 0 or not self.limits(limit, address):
            return None
        rate, caller = self.rates[limit], caller_of(address)
        named = hmac.digest(self._secret, f"{limit}|{caller}".encode(), "sha256").hex()
        key = f"tm:r:{named}"
        try:
            return await self._store.admit(key, rate, cost=cost, forced=forced)
        except StoreGone:
            return await self._own.admit(key, rate, cost=cost, forced=forced)


@lru_cache(maxsize=CALLERS_KEPT)
def caller_of(address: str) -> str:
    """The caller of an address: the address, its /64, or this machine (no address: a unix socket).

    A gateway may forward a word that is not an address. That word is a separate caller, never this
    machine.
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return "'loopback'" if address == "loopback" else address or "loopback"
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if ip.is_loopback:
        return "loopback"
    if isinstance(ip, IPv6Address):
        return f"{IPv6Address(int(ip) >> (128 - V6_PREFIX) << (128 - V6_PREFIX))}/{V6_PREFIX}"
    return str(ip)
