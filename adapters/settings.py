"""Settings: every `TIDEMARK_*` variable, read once. A wrong one is named in one clear line."""

from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_SCHEMES = {
    "log": ("postgresql", "esdb", "esdb+discover"),
    "database": ("postgresql",),
    "warehouse": ("chdb", "clickhouse", "clickhouses"),
    "bus": ("inline",),
}
EMBEDDED = ("postgresql:", "postgresql://")


class SettingsError(Exception):
    """A variable is wrong, or what it names cannot be reached."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="TIDEMARK_", frozen=True, extra="ignore")

    data_dir: Path = Path(".tidemark")
    log: str = "postgresql:"  # ":" alone is the embedded server of the data directory
    database: str = (
        ""  # read models; "" is the log's server, or embedded where that is EventStoreDB
    )
    warehouse: str = ""  # "" is chdb in the data directory
    bus: str = "inline:"
    port: int = Field(default=8080, ge=0, le=65_535)
    host: str = "127.0.0.1"

    @field_validator("log", "database", "warehouse", "bus")
    @classmethod
    def _known_scheme(cls, value: str, info: object) -> str:
        name = str(getattr(info, "field_name", ""))
        if value and value.split(":", 1)[0] not in _SCHEMES[name]:
            raise ValueError(f"its scheme must be one of {', '.join(_SCHEMES[name])}")
        return value or str(cls.model_fields[name].default)

    @property
    def embedded_log(self) -> bool:
        return self.log in EMBEDDED

    @property
    def embedded_server(self) -> bool:
        return self.log_server in EMBEDDED

    @property
    def esdb_log(self) -> bool:
        return self.log.startswith("esdb")

    @property
    def log_server(self) -> str:
        """The Postgres of the log; with EventStoreDB that of its keys and snapshots."""
        return (self.database or "postgresql:") if self.esdb_log else self.log

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
        try:
            return cls(**given)  # type: ignore[arg-type]
        except ValidationError as e:
            first = e.errors()[0]
            name = "TIDEMARK_" + "_".join(str(p) for p in first["loc"]).upper()
            raise SettingsError(f"{name}: {first['msg'].removeprefix('Value error, ')}") from None
