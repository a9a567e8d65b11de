"""Settings: every `TIDEMARK_*` variable, read once. A wrong one is named in one clear line."""

import os
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.kafka_url import Bus

_SCHEMES = {
    "log": ("postgresql",),
    "database": ("postgresql",),
    "warehouse": ("chdb", "clickhouse", "clickhouses"),
    "bus": ("inline", "kafka"),
    "cache": ("memory", "redis", "rediss"),
}


SECRETS = Path("/run/secrets")
"""Where container engines put secret files."""


class SettingsError(Exception):
    """A variable is wrong, or what it names cannot be reached."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="TIDEMARK_", frozen=True, extra="ignore")

    data_dir: Path = Path(".tidemark")
    log: str = "postgresql:"  # ":" alone is the embedded server of the data directory
    database: str = ""  # read models; "" is the same server as the log
    warehouse: str = ""  # "" is chdb in the data directory
    bus: str = "inline:"
    workers: int = Field(default=1, ge=0, le=64)  # that serve and simulate keep, on a kafka: bus
    supervise: bool = True  # False: relay and workers run elsewhere
    secrets_dir: Path = SECRETS  # a file tidemark_log here is TIDEMARK_LOG, where that is not set
    cache: str = "memory:"  # cached answers and callers' allowances
    rate_commands: float = Field(default=500.0, ge=0, le=1e6)  # a second and caller; 0: no limit
    rate_queries: float = Field(default=100.0, ge=0, le=1e6)  # GraphQL operations
    rate_burst_s: float = Field(default=5.0, gt=0, le=3_600)  # how many seconds' worth at once
    rate_loopback: bool = False  # limit callers on this machine too
    port: int = Field(default=8080, ge=0, le=65_535)
    host: str = "127.0.0.1"

    @field_validator("log", "database", "warehouse", "bus", "cache")
    @classmethod
    def _known_scheme(cls, value: str, info: object) -> str:
        name = str(getattr(info, "field_name", ""))
        if value and value.split(":", 1)[0] not in _SCHEMES[name]:
            raise ValueError(f"its scheme must be one of {', '.join(_SCHEMES[name])}")
        return value or str(cls.model_fields[name].default)

    @field_validator("bus")
    @classmethod
    def _sound_bus(cls, value: str) -> str:
        if value.startswith("kafka:"):
            Bus.parse(value)
        return value

    @property
    def kafka(self) -> Bus | None:
        """The Kafka bus; None when folds run inline."""
        return Bus.parse(self.bus) if self.bus.startswith("kafka:") else None

    @property
    def embedded_log(self) -> bool:
        return self.log in ("postgresql:", "postgresql://")

    @property
    def embedded_warehouse(self) -> bool:
        return self.warehouse_url.startswith("chdb:")

    @property
    def warehouse_url(self) -> str:
        return self.warehouse or f"chdb://{self.data_dir.resolve()}/warehouse"

    @classmethod
    def read(cls, **overrides: object) -> Self:
        """Settings from the environment; `overrides` are the command line's.

        Raises:
            SettingsError: naming the variable and the rule it broke.
        """
        given = {k: v for k, v in overrides.items() if v is not None}
        named = os.environ.get("TIDEMARK_SECRETS_DIR")
        if named and not Path(named).is_dir():
            raise SettingsError(f"TIDEMARK_SECRETS_DIR: there is no directory {named}")
        secrets = Path(named) if named else SECRETS
        if secrets.is_dir():
            given["_secrets_dir"] = secrets
        try:
            return cls(**given)  # type: ignore[arg-type]
        except ValidationError as e:
            first = e.errors()[0]
            name = "TIDEMARK_" + "_".join(str(p) for p in first["loc"]).upper()
            raise SettingsError(f"{name}: {first['msg'].removeprefix('Value error, ')}") from None
