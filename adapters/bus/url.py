"""The bus's URL: its brokers, its topics and how to authenticate.

    kafka://host:port[,host:port]?prefix=tidemark&generation=1&partitions=4
    kafka://user:password@host:port?tls=1&ca=/etc/ca.pem       SASL (SCRAM-SHA-512) over TLS
    kafka:                                                     the embedded development broker

Parameters: `prefix`, `generation` (a new one begins new topics), `partitions` (of the log topic:
1, 2, 4, 8 or 16), `replication` (default: the broker's), `wait` (seconds that a start waits for
Kafka), `tls` (0, 1), `ca`, `cert`, `key` (PEM files), `mechanism` (PLAIN, SCRAM-SHA-256,
SCRAM-SHA-512).
"""

import re
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

from msgspec import Struct
from msgspec.structs import replace

from adapters.bus.page import PARTITIONS

SCHEME = "kafka"
PREFIX = re.compile(r"[A-Za-z0-9._-]{1,64}")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_BROKER = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})")


class Bus(Struct, frozen=True, kw_only=True):
    """The settings in a `kafka:` URL."""

    brokers: tuple[str, ...] = ()  # "host:port"; none: the embedded broker
    prefix: str = "tidemark"
    generation: int = 1
    partitions: int = 4
    replication: int = -1  # of new topics; -1: the broker's default
    wait_s: int = 30  # for Kafka to answer at the start
    tls: bool = False
    ca: str = ""
    cert: str = ""
    key: str = ""
    user: str = ""
    password: str = ""
    mechanism: str = "SCRAM-SHA-512"

    @property
    def embedded(self) -> bool:
        return not self.brokers

    @property
    def servers(self) -> str:
        """The brokers as Kafka clients want them."""
        return ",".join(self.brokers)

    @property
    def log_topic(self) -> str:
        return f"{self.prefix}.log.{self.generation}"

    @property
    def position_topic(self) -> str:
        return f"{self.prefix}.relay.{self.generation}"

    @property
    def dead_topic(self) -> str:
        return f"{self.prefix}.dead.{self.generation}"

    @property
    def schemas_topic(self) -> str:
        return f"{self.prefix}.schemas"

    @property
    def transactional_id(self) -> str:
        """Kafka keeps only the newest producer of this name: a new relay fences the old one."""
        return f"{self.prefix}-relay-{self.generation}"

    def at(self, *brokers: str) -> Self:
        """The same bus on these brokers."""
        return replace(self, brokers=brokers)

    def __repr__(self) -> str:
        """Without the password."""
        return f"Bus({SCHEME}://{self.servers}, {self.log_topic}, {self.partitions} partitions)"

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a URL.

        Raises:
            ValueError: the URL breaks a rule; the text names the rule for the operator.
        """
        try:
            split = urlsplit(url)
            given = parse_qsl(split.query, keep_blank_values=True, strict_parsing=bool(split.query))
        except ValueError as e:
            raise ValueError(f"not a URL: {e}") from None
        if split.scheme != SCHEME or split.path not in ("", "/") or split.fragment:
            raise ValueError("must be kafka://host:port[,host:port]?name=value&..., or kafka:")
        words = dict(given)
        if len(words) != len(given):
            raise ValueError("a parameter is given twice")
        user, _, servers = split.netloc.rpartition("@")
        name, _, password = user.partition(":")
        bus = cls(
            brokers=_brokers(servers),
            prefix=_prefix(words.pop("prefix", "tidemark")),
            generation=_number(words, "generation", "1", least=1),
            partitions=_number(words, "partitions", "4", least=1),
            replication=_number(words, "replication", "-1", least=-1),
            wait_s=_number(words, "wait", "30", least=1),
            tls=_one_of(words, "tls", "0", ("0", "1")) == "1",
            ca=words.pop("ca", ""),
            cert=words.pop("cert", ""),
            key=words.pop("key", ""),
            user=unquote(name),
            password=unquote(password),
            mechanism=_one_of(words, "mechanism", "SCRAM-SHA-512", MECHANISMS),
        )
        _check(bus, words)
        return bus


def _brokers(servers: str) -> tuple[str, ...]:
    brokers = tuple(servers.split(",")) if servers else ()
    for broker in brokers:
        found = _BROKER.fullmatch(broker)
        if not found or not 0 < int(found[2]) < 65_536:
            raise ValueError(f"broker {broker!r} must be host:port")
    return brokers


def _prefix(text: str) -> str:
    if not PREFIX.fullmatch(text):
        raise ValueError("prefix must be 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'")
    return text


def _number(words: dict[str, str], name: str, default: str, *, least: int) -> int:
    text = words.pop(name, default)
    if not re.fullmatch(r"-?\d{1,9}", text, re.ASCII) or int(text) < least:
        raise ValueError(f"{name} must be a whole number, {least} or more")
    return int(text)


def _one_of(words: dict[str, str], name: str, default: str, allowed: tuple[str, ...]) -> str:
    text = words.pop(name, default)
    if text not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}")
    return text


def _check(bus: Bus, unknown: dict[str, str]) -> None:
    """The rules between parameters."""
    if unknown:
        raise ValueError(f"unknown parameter {min(unknown)}")
    if bus.partitions not in PARTITIONS:
        allowed = ", ".join(map(str, PARTITIONS))
        raise ValueError(f"partitions must be one of {allowed}, so that house shards stay whole")
    if bus.replication == 0:
        raise ValueError("replication must be 1 or more (or left out: the broker's default)")
    if not bus.tls and (bus.ca or bus.cert or bus.key):
        raise ValueError("ca, cert and key need tls=1")
    if bool(bus.cert) != bool(bus.key):
        raise ValueError("cert and key belong together")
    if bool(bus.user) != bool(bus.password):
        raise ValueError("a user needs a password")
    if bus.embedded and (bus.user or bus.tls):
        raise ValueError("the embedded broker has neither users nor tls: name a broker")
