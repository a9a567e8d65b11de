"""The results of reads and subscriptions."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator

import grpc
from esdbclient.protos.Grpc import streams_pb2

from tests.esdb_double import wire
from tests.esdb_double.store import Record, Store

POLL_S = 0.1
Options = streams_pb2.ReadReq.Options


class Misplaced(Exception):
    """A position in $all that is the beginning of no record."""


def filtered(options: Options) -> Callable[[Record], bool]:
    if options.WhichOneof("filter_option") != "filter":
        return lambda _: True
    by_stream = options.filter.WhichOneof("filter") == "stream_identifier"
    expression = options.filter.stream_identifier if by_stream else options.filter.event_type
    prefixes = tuple(expression.prefix)
    pattern = re.compile(expression.regex) if expression.regex else None

    def matches(record: Record) -> bool:
        text = record.stream if by_stream else record.event.type
        if prefixes:
            return text.startswith(prefixes)
        return pattern is None or pattern.search(text) is not None

    return matches


def page(store: Store, options: Options) -> Iterator[streams_pb2.ReadResp]:
    """A read to its end."""
    backwards = options.read_direction == Options.Backwards
    if options.WhichOneof("stream_option") == "stream":
        stream = options.stream.stream_identifier.stream_name.decode()
        with store.grown:
            found = list(store.visible(stream))
        if not found:
            yield wire.not_found(stream)
            return
        records = _of_stream(found, options, backwards=backwards)
    else:
        records = _of_all(store, options, backwards=backwards)
    matches, left = filtered(options), options.count
    for record in records:
        if not left:
            return
        if matches(record):
            left -= 1
            yield wire.recorded(record)


def subscription(
    store: Store, options: Options, context: grpc.ServicerContext, closing: Callable[[], bool]
) -> Iterator[streams_pb2.ReadResp]:
    """Catch up, send that message, then follow for ever."""
    confirmed = streams_pb2.ReadResp.SubscriptionConfirmation(subscription_id="double")
    of_stream = options.WhichOneof("stream_option") == "stream"
    at = _stream_start(store, options) if of_stream else _all_start(store, options)
    yield streams_pb2.ReadResp(confirmation=confirmed)
    result, caught_up = _Checkpoints(options), False
    while context.is_active() and not closing():
        if of_stream:
            name = options.stream.stream_identifier.stream_name.decode()
            with store.grown:
                fresh = [r for r in store.visible(name) if r.revision >= at]
            at = fresh[-1].revision + 1 if fresh else at
        else:
            fresh = store.log[at:]
            at += len(fresh)
        for record in fresh:
            yield from result.passed(record)
        if not fresh and not caught_up:
            caught_up = True
            yield streams_pb2.ReadResp(caught_up=streams_pb2.ReadResp.CaughtUp())
        with store.grown:
            store.grown.wait_for(lambda at=at: _is_more(store, at, of_stream), POLL_S)


class _Checkpoints:
    """Events that match, and a checkpoint message after every so many searched events."""

    def __init__(self, options: Options) -> None:
        self._matches = filtered(options)
        self._every = 0
        if options.WhichOneof("filter_option") == "filter":
            self._every = options.filter.max * options.filter.checkpointIntervalMultiplier
        self._searched = 0

    def passed(self, record: Record) -> Iterator[streams_pb2.ReadResp]:
        if self._matches(record):
            yield wire.recorded(record)
        self._searched += 1
        if self._every and self._searched >= self._every:
            self._searched = 0
            yield wire.checkpoint(record.position)


def _is_more(store: Store, at: int, of_stream: bool) -> bool:
    return of_stream or len(store.log) > at


def _of_stream(found: list[Record], options: Options, *, backwards: bool) -> Iterator[Record]:
    chosen = options.stream.WhichOneof("revision_option")
    if chosen == "revision":
        at = options.stream.revision
        found = [r for r in found if (r.revision <= at if backwards else r.revision >= at)]
    elif (chosen == "end") != backwards:
        found = found[-1:] if backwards is False else found[:1]
    return reversed(found) if backwards else iter(found)


def _of_all(store: Store, options: Options, *, backwards: bool) -> Iterator[Record]:
    """Forwards it includes the given position, backwards it does not."""
    log, chosen = store.log, options.all.WhichOneof("all_option")
    if chosen == "position":
        at = _index(store, options.all.position.commit_position)
    else:
        at = 0 if chosen == "start" else len(log)
    while (at := at - 1) >= 0 if backwards else at < len(log):
        yield log[at]
        at += not backwards


def _index(store: Store, position: int) -> int:
    """The index of a position; as on a server, it must be the start of a record.

    Raises:
        Misplaced
    """
    at = bisect_left(store.log, position, key=lambda r: r.position)
    if position and at < len(store.log) and store.log[at].position != position:
        raise Misplaced(f"{position} is not the position of a record")
    return at


def _all_start(store: Store, options: Options) -> int:
    """The index behind the given position."""
    match options.all.WhichOneof("all_option"):
        case "position":
            _index(store, options.all.position.commit_position)
            given = options.all.position.commit_position
            return bisect_right(store.log, given, key=lambda r: r.position)
        case "end":
            return len(store.log)
        case _:
            return 0


def _stream_start(store: Store, options: Options) -> int:
    """The first revision that a subscription to a stream gives."""
    match options.stream.WhichOneof("revision_option"):
        case "revision":
            return int(options.stream.revision) + 1
        case "end":
            name = options.stream.stream_identifier.stream_name.decode()
            return len(store.streams.get(name, ()))
        case _:
            return 0
