"""Relay status, as one line of JSON, for health checks and Prometheus."""

from datetime import datetime
from typing import Protocol

import msgspec

from adapters.bus.url import Bus
from streams.log.relay import Relay


class Ends(Protocol):
    """What is needed of `adapters.log.recorder.Recorder`."""

    async def last(self) -> tuple[int, datetime | None]: ...


class RelayStatus(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    topic: str
    partitions: int
    position: int  # up to here everything is on the bus
    log_position: int
    lag_events: int  # positions: an upper bound of events
    lag_seconds: float | None  # on the log's own clock; None: nothing was relayed yet
    batches: int  # acknowledged since the start, with those of watermarks only
    events: int
    openings: int  # of the bus; more than one: opened again after a failure
    fault: str | None  # why nothing moves


async def status(relay: Relay, log: Ends, bus: Bus, *, name: str) -> RelayStatus:
    """The current figures.

    Raises:
        Unavailable: the log's end cannot be read.
    """
    last, at = await log.last()
    lag = relay.lag(last, at)
    return RelayStatus(
        name=name,
        topic=bus.log_topic,
        partitions=bus.partitions,
        position=relay.position,
        log_position=last,
        lag_events=lag.events,
        lag_seconds=lag.seconds,
        batches=relay.batches,
        events=relay.events,
        openings=relay.openings,
        fault=relay.fault,
    )


def line(current: RelayStatus) -> str:
    return msgspec.json.encode(current).decode()
