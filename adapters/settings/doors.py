"""Settings of the HTTP server: address, accepted host names and origins, connection limits."""

import re
from ipaddress import ip_network

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

FORWARDED = "FORWARDED_ALLOW_IPS"  # uvicorn's own variable, so it has no prefix
_NAME = r"(\[[0-9a-fA-F:.]+\]|[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:.]*|[A-Za-z0-9_.-]+)"
_LISTS = {
    "allowed_hosts": (re.compile(_NAME), "a host's name or address (without scheme and port)"),
    "allowed_origins": (re.compile(rf"https?://{_NAME}(:[0-9]+)?"), "an origin like https://name"),
}


class DoorSettings(BaseSettings):
    port: int = Field(default=8080, ge=0, le=65_535)
    host: str = "127.0.0.1"
    allowed_hosts: str = ""  # accepted host names, besides the loopback's and `host`
    allowed_origins: str = ""  # of our own pages, if a gateway changes scheme or port
    forwarded: str = Field(default="", validation_alias=FORWARDED)  # gateways that we trust
    connections: int = Field(default=1_000, ge=1, le=100_000)  # at once
    connections_each: int = Field(default=200, ge=1, le=100_000)  # per caller on another machine
    bodies_mb: int = Field(default=64, ge=1, le=65_536)  # of all requests not answered yet

    @field_validator("allowed_hosts", "allowed_origins")
    @classmethod
    def _listed(cls, value: str, info: object) -> str:
        rule, wanted = _LISTS[str(getattr(info, "field_name", ""))]
        for one in _split(value):
            if not rule.fullmatch(one):
                raise ValueError(f"{one[:100]!r} is not {wanted}")
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


def _split(listed: str) -> list[str]:
    """The parts between commas, without blanks."""
    return [one for one in (part.strip() for part in listed.split(",")) if one]
