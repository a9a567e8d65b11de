"""The bus's URL: the valid forms, and one line of error for each invalid one."""

import pytest

from adapters.bus.url import Bus
from adapters.settings import Settings
from adapters.settings_error import SettingsError


def test_a_url_of_brokers_says_the_topics() -> None:
    bus = Bus.parse("kafka://k1:9092,k2:9093?prefix=books&generation=3&partitions=8&replication=3")
    assert bus.brokers == ("k1:9092", "k2:9093") and bus.servers == "k1:9092,k2:9093"
    assert (bus.partitions, bus.replication, bus.embedded) == (8, 3, False)
    assert (bus.wait_s, Bus.parse("kafka://k:1?wait=5").wait_s) == (30, 5)
    assert bus.log_topic == "books.log.3"
    assert bus.position_topic == "books.relay.3"
    assert bus.dead_topic == "books.dead.3"
    assert bus.schemas_topic == "books.schemas"
    assert bus.transactional_id == "books-relay-3"


def test_a_missing_parameter_has_a_default() -> None:
    bus = Bus.parse("kafka://[::1]:9092")
    assert bus == Bus(brokers=("[::1]:9092",), prefix="tidemark", generation=1, partitions=4)


@pytest.mark.parametrize("url", ["kafka:", "kafka://", "kafka:?partitions=2"])
def test_without_a_broker_it_is_the_embedded_one(url: str) -> None:
    bus = Bus.parse(url)
    assert bus.embedded
    assert bus.at("127.0.0.1:5").brokers == ("127.0.0.1:5",)


def test_a_user_and_certificates_are_read_and_the_password_is_shown_nowhere() -> None:
    bus = Bus.parse("kafka://ada:s%40cret@k:9092?tls=1&ca=/c.pem&cert=/x&key=/y&mechanism=PLAIN")
    assert (bus.user, bus.password, bus.mechanism) == ("ada", "s@cret", "PLAIN")
    assert (bus.tls, bus.ca, bus.cert, bus.key) == (True, "/c.pem", "/x", "/y")
    assert "s@cret" not in repr(bus) and "s@cret" not in str(bus)


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("kafka://k", "broker 'k' must be host:port"),
        ("kafka://k:0", "broker 'k:0' must be host:port"),
        ("kafka://k:70000", "host:port"),
        ("kafka://k:1,,l:2", "broker '' must be host:port"),
        ("kafka://k:1/topic", "must be kafka://host:port"),
        ("kafka:k:1", "must be kafka://host:port"),
        ("kafka://k:1?partitions=3", "partitions must be one of 1, 2, 4, 8, 16"),
        ("kafka://k:1?partitions=0", "partitions must be a whole number, 1 or more"),
        ("kafka://k:1?partitions=four", "partitions must be a whole number"),
        ("kafka://k:1?generation=0", "generation must be a whole number, 1 or more"),
        ("kafka://k:1?replication=0", "replication must be 1 or more"),
        ("kafka://k:1?wait=0", "wait must be a whole number, 1 or more"),
        ("kafka://k:1?prefix=a/b", "prefix must be"),
        ("kafka://k:1?prefix=", "prefix must be"),
        ("kafka://k:1?tls=yes", "tls must be one of 0, 1"),
        ("kafka://k:1?ca=/c.pem", "need tls=1"),
        ("kafka://k:1?tls=1&cert=/c.pem", "cert and key belong together"),
        ("kafka://ada@k:1", "a user needs a password"),
        ("kafka://a:b@k:1?mechanism=GSSAPI", "mechanism must be one of"),
        ("kafka://k:1?partition=4", "unknown parameter partition"),
        ("kafka://k:1?generation=1&generation=2", "given twice"),
        ("kafka://k:1?generation", "not a URL"),
        ("kafka:?tls=1", "the embedded broker has neither"),
    ],
)
def test_a_wrong_url_breaks_a_rule_that_is_named(
    url: str, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEMARK_BUS", url)
    with pytest.raises(SettingsError, match=r"^TIDEMARK_BUS: ") as refused:
        Settings.read()
    assert rule in str(refused.value)
    assert "\n" not in str(refused.value)


def test_settings_know_the_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.read().kafka is None
    monkeypatch.setenv("TIDEMARK_BUS", "kafka://k:9092")
    assert Settings.read().kafka == Bus(brokers=("k:9092",))
