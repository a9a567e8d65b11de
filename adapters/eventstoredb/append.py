"""The writing half of the EventStoreDB recorder: one BatchAppend call, many appends in flight.

    group of writes --> append(stream, expected, events) --> position
                             | no answer, or an ambiguous one: connect, send the same append again
                             `--> wrong version: None

An append that is sent twice takes effect once: the server recognises its event ids at their
versions and repeats its answer. The expected version is always a number, never 'any'.
"""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import grpc
from esdbclient.common import handle_rpc_error
from esdbclient.exceptions import (
    EventStoreDBClientException,
    ServiceUnavailable,
    WrongCurrentVersion,
)
from esdbclient.protos.Grpc import shared_pb2, streams_pb2
from esdbclient.streams import AsyncStreamsService
from google.protobuf import duration_pb2, empty_pb2

from adapters.eventstoredb.link import Link, is_being_cancelled

Messages = Sequence["streams_pb2.BatchAppendReq.ProposedMessage"]


class Appender:
    """Appends to one stream per call. Calls may overlap; they are sent in call order."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._pipe: _Pipe | None = None

    async def append(self, stream: str, expected: int, events: Messages) -> int | None:
        """The position of the last event; None: the stream is not at `expected`.

        Raises:
            Unavailable: the server cannot be reached in time, or refuses.
        """

        async def attempt(streams: AsyncStreamsService, retried: bool) -> int:
            request = _request(stream, expected, events, self._link.reply_s)
            pipe = self._piped(streams)
            async with asyncio.timeout(self._link.reply_s):
                response = await pipe.send(request)
            return streams._convert_batch_append_resp(response, stream, expected - 1)

        try:
            return await self._link.persist(attempt)
        except WrongCurrentVersion:
            return None
        except EventStoreDBClientException as e:  # too large, or the stream was ended from outside
            raise self._link.unavailable(e) from e

    async def close(self) -> None:
        if self._pipe is not None:
            await self._pipe.close()
            self._pipe = None

    def _piped(self, streams: AsyncStreamsService) -> "_Pipe":
        """The call on the present connection; starts one if there is none or it has ended."""
        pipe = self._pipe
        if pipe is None or pipe.ended is not None or pipe.generation != self._link.generation:
            credentials = self._link.credentials
            metadata = streams._metadata(credentials["metadata"], requires_leader=True)
            call = streams._stub.BatchAppend(
                metadata=metadata, credentials=credentials["credentials"]
            )
            if pipe is not None:
                pipe.cancel()
            self._pipe = pipe = _Pipe(call, self._link.generation)
        return pipe


class _Pipe:
    """One BatchAppend call: sends requests, and matches answers by their correlation id."""

    def __init__(self, call: Any, generation: int) -> None:
        self.generation = generation
        self.ended: Exception | None = None
        self._call = call
        self._turn = asyncio.Lock()
        self._waiting: dict[str, asyncio.Future[streams_pb2.BatchAppendResp]] = {}
        self._reader = asyncio.create_task(self._read(), name="esdb-appends")

    async def send(self, request: "streams_pb2.BatchAppendReq") -> "streams_pb2.BatchAppendResp":
        """The answer to a request; raises the error that ended the call if there is no answer."""
        key = request.correlation_id.string
        answer: asyncio.Future[streams_pb2.BatchAppendResp]
        answer = asyncio.get_running_loop().create_future()
        self._waiting[key] = answer
        try:
            async with self._turn:
                if self.ended is None:
                    try:
                        await self._call.write(request)
                    except (grpc.RpcError, asyncio.InvalidStateError, asyncio.CancelledError):
                        if is_being_cancelled():
                            raise
                        await asyncio.wait([self._reader])  # it has the reason
            if self.ended is not None and not answer.done():
                raise self.ended
            return await answer
        finally:
            self._waiting.pop(key, None)

    def cancel(self) -> None:
        self._call.cancel()

    async def close(self) -> None:
        self._call.cancel()
        await asyncio.wait([self._reader])

    async def _read(self) -> None:
        error: Exception = ServiceUnavailable("the server ended the call")
        try:
            while (response := await self._call.read()) is not grpc.aio.EOF:
                answer = self._waiting.pop(response.correlation_id.string, None)
                if answer is not None and not answer.done():
                    answer.set_result(response)
            if await self._call.code() is not grpc.StatusCode.OK:
                error = ServiceUnavailable(await self._call.details())
        except grpc.RpcError as e:
            error = handle_rpc_error(e)
        except asyncio.CancelledError:
            error = ServiceUnavailable("the call was cancelled")
        finally:
            self.ended = error
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(error)
                    answer.exception()  # its caller may have gone


def _request(
    stream: str, expected: int, events: Messages, reply_s: float
) -> "streams_pb2.BatchAppendReq":
    options = streams_pb2.BatchAppendReq.Options(
        stream_identifier=shared_pb2.StreamIdentifier(stream_name=stream.encode()),
        deadline=duration_pb2.Duration(seconds=int(reply_s), nanos=int(reply_s % 1 * 1e9)),
    )
    if expected:
        options.stream_position = expected - 1
    else:
        options.no_stream.CopyFrom(empty_pb2.Empty())
    return streams_pb2.BatchAppendReq(
        correlation_id=shared_pb2.UUID(string=str(uuid4())),
        options=options,
        proposed_messages=events,
        is_final=True,
    )
