"""The capacity model: from a trading day in fills to processes, partitions, logs and bytes.

Every input is in `MEASURED` or `ASSUMED`, with its source; `sized` computes all results from them.
`docs/scale.md` quotes both tables (`tests/capacity/tables.py` writes them, a test compares them),
and `tests/capacity/queueing.py` simulates the same tiers as queues.

    fills a day x events a fill / session x peak = events a second at the peak
    least number of servers n with  load x skew <= n x rate x TARGET
"""

import math
from typing import NamedTuple

PARTITIONS = (1, 2, 4, 8, 16)
TARGET = 0.6
"""Utilisation that a tier is sized for; the rest takes bursts, catching up and a lost server."""


class Input(NamedTuple):
    value: float
    unit: str
    source: str


YEAR = "the year"
"""`tidemark simulate` of 2022, 100 accounts, seed 1: 3,576 orders, 7,536 fills, 104,727 events."""

MEASURED: dict[str, Input] = {
    "events_per_fill": Input(13.2, "events", f"{YEAR}, market data and checkpoints left out"),
    "events_per_order": Input(27.7, "events", YEAR),
    "events_per_command": Input(1.30, "events", f"{YEAR}: 80,582 remembered messages"),
    "stored_bytes": Input(774, "bytes an event", f"{YEAR}: metadata and payload"),
    "log_bytes": Input(1_369, "bytes an event", f"{YEAR}: Postgres, with indexes and message ids"),
    "view_bytes": Input(286, "bytes an event", f"{YEAR}: 18 views"),
    "saga_bytes": Input(305, "bytes an event", f"{YEAR}: states and outbox, before vacuum"),
    "fact_bytes": Input(287, "bytes an event", f"{YEAR}: ClickHouse on disk, compressed"),
    "whole_rate": Input(699, "events/s", f"{YEAR} itself: all of it in one process, and controls"),
    "command_rate": Input(
        2_100, "commands/s", "`bench command`: one `serve`, 64 connections, views and sagas in it"
    ),
    "fold_rate": Input(13_000, "events/s", "all 18 views, one process, catching up from nothing"),
    "append_rate": Input(
        23_500, "events/s", "`bench append`: 64 callers, one event each (256 callers: 34,400)"
    ),
    "relay_rate": Input(183_000, "events/s", "`bench relay`, the development broker"),
}
ASSUMED: dict[str, Input] = {
    "session_s": Input(23_400, "s", "six and a half hours"),
    "peak": Input(5, "x the mean", "the open and the close"),
    "skew": Input(
        1.25,
        "x the mean",
        f"the busiest partition; {YEAR}: 1.07, 1.11, 1.21, 1.45 of 2, 4, 8, 16, with 100 accounts",
    ),
    "kafka_days": Input(3, "days", "retention; the topic can be filled again from the log"),
    "replicas": Input(3, "copies", "of the log, of Kafka's topics"),
}


def value(name: str) -> float:
    return (MEASURED.get(name) or ASSUMED[name]).value


class Sized(NamedTuple):
    """The deployment that a day needs; rates are per second, at the peak."""

    fills: int
    events: int  # a day
    commands_rate: float
    events_rate: float
    api: int  # processes
    logs: int  # independent logs, each with one writer
    partitions: int  # of each log's topic; each has a worker's core
    workers: int  # all logs together
    log_bytes: float  # a day, one copy
    view_bytes: float  # a day
    fact_bytes: float  # a day
    kafka_bytes: float  # held, all copies
    days: float  # until 100 million events


def sized(fills: int) -> Sized:
    """The least deployment for a day of `fills` fills at a utilisation of `TARGET`."""
    events = fills * value("events_per_fill")
    rate = events / value("session_s") * value("peak")
    commands = rate / value("events_per_command")
    logs = _servers(rate, value("append_rate"))
    while _partitions(rate / logs) is None:  # one topic has at most 16 partitions
        logs += 1
    partitions = _partitions(rate / logs)
    assert partitions is not None
    return Sized(
        fills=fills,
        events=round(events),
        commands_rate=commands,
        events_rate=rate,
        api=_servers(commands, value("command_rate")),
        logs=logs,
        partitions=partitions,
        workers=partitions * logs,
        log_bytes=events * value("log_bytes"),
        view_bytes=events * (value("view_bytes") + value("saga_bytes")),
        fact_bytes=events * value("fact_bytes"),
        kafka_bytes=events * value("stored_bytes") * value("kafka_days") * value("replicas"),
        days=100e6 / events,
    )


class Deployment(NamedTuple):
    """Servers of each tier in front of one log."""

    api: int = 1
    partitions: int = 1


def saturation(one: Deployment, *, skew: float | None = None) -> tuple[float, str]:
    """(events a second at which a tier is fully busy, that tier)."""
    lean = value("skew") if skew is None else skew
    share = lean / one.partitions if one.partitions > 1 else 1.0
    tiers = {
        "api": one.api * value("command_rate") * value("events_per_command"),
        "log": value("append_rate"),
        "relay": value("relay_rate"),
        "workers": value("fold_rate") / share,
    }
    first = min(tiers, key=lambda name: tiers[name])
    return tiers[first], first


def _servers(load: float, rate: float) -> int:
    return max(1, math.ceil(load / (rate * TARGET)))


def _partitions(events_rate: float) -> int | None:
    for number in PARTITIONS:
        skew = value("skew") if number > 1 else 1.0
        if events_rate * skew <= number * value("fold_rate") * TARGET:
            return number
    return None
