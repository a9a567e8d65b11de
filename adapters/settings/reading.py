"""Settings of the read side: read models, warehouse, cache and rate limits."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings

from adapters.settings.schemes import url


class ReadingSettings(BaseSettings):
    read_database: Annotated[str, url("postgresql")] = ""  # for GraphQL; "" is `database`
    read_connections: int = Field(default=8, ge=1, le=1_000)
    warehouse: Annotated[str, url("chdb", "clickhouse", "clickhouses")] = ""
    """The warehouse that we load; "" is chdb in the data directory."""

    read_warehouse: Annotated[str, url("clickhouse", "clickhouses")] = ""
    """The warehouse URL for analysts; "" is `warehouse`."""

    cache: Annotated[str, url("memory", "redis", "rediss", empty="memory:")] = "memory:"
    """The store of cached answers and rate limits."""

    rate_commands: float = Field(default=500.0, ge=0, le=1e6)  # per second and caller; 0: no limit
    rate_queries: float = Field(default=100.0, ge=0, le=1e6)  # GraphQL operations
    rate_sql: float = Field(default=10.0, ge=0, le=1e6)  # statements at /warehouse
    rate_burst_s: float = Field(default=5.0, gt=0, le=3_600)  # seconds' worth in one burst
    rate_loopback: bool = False  # limit callers on this machine too
