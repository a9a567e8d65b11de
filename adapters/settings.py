"""Settings: every `TIDEMARK_*` variable, read once. A wrong one is named in one clear line."""

import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.bus.url import Bus
from adapters.settings_error import SettingsError

_SCHEMES = {
    "log": ("postgresql", "esdb", "esdb+discover"),
    "database": ("postgresql",),
    "read_database": ("postgresql",),
    "warehouse": ("chdb", "clickhouse", "clickhouses"),
    "read_warehouse": ("clickhouse", "clickhouses"),
    "bus": ("inline", "kafka"),
    "cache": ("memory", "redis", "rediss"),
}
_ONE_SERVER = ("clickhouse", "redis")  # the others name lists of servers, which their clients read
_NAME = r"(\[[0-9a-fA-F:.]+\]|[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:.]*|[A-Za-z0-9_.-]+)"
_LISTS = {
    "allowed_hosts": (re.compile(_NAME), "a host's name or address (without scheme and port)"),
    "allowed_origins": (re.compile(rf"https?://{_NAME}(:[0-9]+)?"), "an origin like https://name"),
}
_FORWARDED = "FORWARDED_ALLOW_IPS"  # uvicorn's own variable, so it has no prefix
EMBEDDED = ("postgresql:", "postgresql://")


SECRETS = Path("/run/secrets")
"""Where container engines put secret files."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="TIDEMARK_", frozen=True, extra="ignore")

    data_dir: Path = Path(".tidemark")
    log: str = "postgresql:"  # ":" alone is the embedded server of the data directory
    log_connections: int = Field(default=4, ge=1, le=1_000)  # of readers; writers have three more
    database: str = ""  # read models; "": the log's server, or embedded where that is EventStoreDB
    read_database: str = ""  # read models as GraphQL reads them; "" is `database`
    read_connections: int = Field(default=8, ge=1, le=1_000)
    warehouse: str = ""  # "" is chdb in the data directory
    read_warehouse: str = ""  # the warehouse as analysts reach it; "" is `warehouse`
    bus: str = "inline:"
    secrets_dir: Path = SECRETS  # a file tidemark_log here is TIDEMARK_LOG, where that is not set
    cache: str = "memory:"  # cached answers and callers' allowances
    rate_commands: float = Field(default=500.0, ge=0, le=1e6)  # a second and caller; 0: no limit
    rate_queries: float = Field(default=100.0, ge=0, le=1e6)  # GraphQL operations
    rate_sql: float = Field(default=10.0, ge=0, le=1e6)  # statements at the warehouse's door
    rate_burst_s: float = Field(default=5.0, gt=0, le=3_600)  # how many seconds' worth at once
    statement: Path | None = None  # where the signer keeps its last statement; None: in keys/
    seal_s: float = Field(default=60.0, ge=0, le=86_400)  # an event waits no longer for its
    # checkpoint while serve runs; 0: checkpoints at a close of day and every 10,000 events only
    rate_loopback: bool = False  # limit callers on this machine too
    workers: int = Field(default=1, ge=0, le=64)  # that serve and simulate keep, on a kafka: bus
    supervise: bool = True  # False: relay and workers run elsewhere
    port: int = Field(default=8080, ge=0, le=65_535)
    host: str = "127.0.0.1"
    allowed_hosts: str = ""  # names by which callers reach us, beside the loopback's and `host`
    allowed_origins: str = ""  # of our own pages, where a gateway changes scheme or port
    forwarded: str = Field(default="", validation_alias=_FORWARDED)  # gateways that are believed
    connections: int = Field(default=1_000, ge=1, le=100_000)  # at once
    connections_each: int = Field(default=200, ge=1, le=100_000)  # of one caller elsewhere
    bodies_mb: int = Field(default=64, ge=1, le=65_536)  # of requests that are not answered yet

    @field_validator("data_dir", mode="before")
    @classmethod
    def _named_folder(cls, value: object) -> object:
        """Refuse a name that is empty: it would mean the folder we were started from."""
        text = str(value)
        if not text.strip() or text in ("/", "//"):
            raise ValueError("it must name a folder of its own ('.' is the current one)")
        if "\0" in text:
            raise ValueError("it must not hold a NUL character")
        return value

    @field_validator(
        "log", "database", "read_database", "warehouse", "read_warehouse", "bus", "cache"
    )
    @classmethod
    def _known_scheme(cls, value: str, info: object) -> str:
        name = str(getattr(info, "field_name", ""))
        if value and value.split(":", 1)[0] not in _SCHEMES[name]:
            raise ValueError(f"its scheme must be one of {', '.join(_SCHEMES[name])}")
        if value.startswith(_ONE_SERVER):
            urlsplit(value).port  # noqa: B018 - raises ValueError: no port, no IPv6 address
        return value or str(cls.model_fields[name].default)

    @field_validator("bus")
    @classmethod
    def _sound_bus(cls, value: str) -> str:
        if value.startswith("kafka:"):
            Bus.parse(value)
        return value

    @field_validator("allowed_hosts", "allowed_origins")
    @classmethod
    def _listed(cls, value: str, info: object) -> str:
        name = str(getattr(info, "field_name", ""))
        rule, says = _LISTS[name]
        for one in _split(value):
            if not rule.fullmatch(one):
                raise ValueError(f"{one[:100]!r} is not {says}")
        return value

    @field_validator("forwarded")
    @classmethod
    def _gateways(cls, value: str) -> str:
        for one in _split(value):
            try:
                one == "*" or ip_network(one)
            except ValueError:
                raise ValueError(f"{one[:100]!r} is not an address, a network or *") from None
        return ",".join(_split(value))

    @property
    def hosts(self) -> list[str]:
        return _split(self.allowed_hosts)

    @property
    def origins(self) -> list[str]:
        return _split(self.allowed_origins)

    @property
    def statement_file(self) -> Path:
        """Outlives the process, and nobody who writes to the database writes to it."""
        return self.statement or self.data_dir / "keys" / "checkpoint.last"

    @property
    def kafka(self) -> Bus | None:
        """The Kafka bus; None when folds run inline."""
        return Bus.parse(self.bus) if self.bus.startswith("kafka:") else None

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

    @property
    def read_warehouse_url(self) -> str:
        return self.read_warehouse or self.warehouse_url

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
            place = "_".join(str(p) for p in first["loc"]).upper()
            name = place if place == _FORWARDED else f"TIDEMARK_{place}"
            raise SettingsError(f"{name}: {first['msg'].removeprefix('Value error, ')}") from None


def _split(listed: str) -> list[str]:
    """What stands between commas, blanks aside."""
    return [one for one in (part.strip() for part in listed.split(",")) if one]
