"""Which shard of a house row an event adds to.

A house account sums the postings of many homes. Its row is split by home, so that two partitions
never write the same row: any partition count that divides `SHARDS`, taken from the same hash,
keeps each shard in one partition. Readers sum the shards.
"""

from functools import lru_cache
from zlib import crc32

SHARDS = 16


@lru_cache(maxsize=4_096)
def shard(home: str) -> int:
    """0 ... SHARDS - 1, the same in every process and release (CRC-32 of the home's UTF-8)."""
    return crc32(home.encode()) % SHARDS
