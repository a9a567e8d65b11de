"""The connection to EventStoreDB: opened by its URL, and opened again when it is lost.

    esdb://user:password@host:2113?Tls=true&TlsCaFile=ca.crt        one node, or several by commas
    esdb+discover://user:password@cluster.example:2113              a name for the whole cluster

An attempt that failed because the connection was lost, or because the node is not the leader, is
repeated on a new connection: to the leader that the node named, otherwise to the one that gossip
finds. The first attempt may have succeeded: the repeat gets `retried` and has to find out.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeVar

import grpc
from esdbclient import AsyncEventStoreDBClient
from esdbclient.client import DEFAULT_EXCLUDE_FILTER
from esdbclient.events import RecordedEvent
from esdbclient.exceptions import (
    AccessDeniedError,
    CancelledByClient,
    DeadlineExceeded,
    DiscoveryFailed,
    EventStoreDBClientException,
    GrpcError,
    NodeIsNotLeader,
    NotFound,
    ServiceUnavailable,
    SSLError,
    UnknownError,
)
from esdbclient.streams import AsyncStreamsService, BaseReadResponse

from adapters.host.retry import reconnecting
from adapters.log.recorder import Unavailable

T = TypeVar("T")
Attempt = Callable[[AsyncStreamsService, bool], Awaitable[T]]

_LOST = (
    GrpcError, NodeIsNotLeader, DiscoveryFailed, DeadlineExceeded, CancelledByClient, UnknownError,
    grpc.RpcError, grpc.aio.UsageError, TimeoutError, OSError,
)  # fmt: skip
_REFUSED = {
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.INVALID_ARGUMENT,
}


class Link:
    """One connection for all calls; `open` it.

    Args:
        reply_s: how long a call may take before its connection counts as lost.
        retry_s: for how long to try to replace a lost connection.
    """

    def __init__(self, url: str, *, reply_s: float, retry_s: float) -> None:
        self._url, self.reply_s, self._retry_s = url, reply_s, retry_s
        _without_fork_handlers()
        try:
            self._client = AsyncEventStoreDBClient(url)
        except (ValueError, OSError) as e:
            raise Unavailable(f"the event log: {self._line(e)}") from e
        # By default a new channel inherits the old one's back-off to the same address.
        self._client.grpc_options += (("grpc.use_local_subchannel_pool", 1),)
        self._connected = False
        self._connecting = asyncio.Lock()
        self.generation = 0
        """The number of connections made so far."""

    @property
    def streams(self) -> AsyncStreamsService:
        return self._client._connection.streams

    @property
    def credentials(self) -> dict[str, Any]:
        """The metadata and credentials of every call."""
        client = self._client
        return {"metadata": client._call_metadata, "credentials": client._call_credentials}

    async def open(self) -> None:
        """Reach a server that lets us in.

        Raises:
            Unavailable
        """
        await self.events(backwards=True, limit=1, filter_exclude=DEFAULT_EXCLUDE_FILTER)

    async def persist(self, attempt: Attempt[T]) -> T:
        """Repeat an attempt, on a new connection, as long as it fails because of a lost one.

        Raises:
            Unavailable: no connection in time, or the server refused.
        """
        retry, retried = reconnecting(self._retry_s), False
        target: str | None = None
        failed = -1
        while True:
            try:
                if not self._connected or failed == self.generation:
                    await self._connect(failed, target)
                failed = self.generation  # if the attempt fails
                return await attempt(self.streams, retried)
            except _LOST as e:
                if is_refusal(e) or retry.over:
                    raise self.unavailable(e) from e
                target = e.leader_grpc_target if isinstance(e, NodeIsNotLeader) else None
            retried = True
            await asyncio.sleep(retry.next_s())

    async def events(self, *, until: int | None = None, **asked: Any) -> list[RecordedEvent]:
        """The events of one read, of a stream or of $all; none if the stream does not exist.

        Args:
            until: stop after this commit position.
        """

        async def attempt(streams: AsyncStreamsService, retried: bool) -> list[RecordedEvent]:
            found: list[RecordedEvent] = []
            events = self.follow(streams, timeout=self.reply_s, **asked)
            with contextlib.suppress(NotFound):
                async with contextlib.aclosing(events):
                    async for event in events:
                        if until is not None and (event.commit_position or 0) > until:
                            break
                        found.append(event)
            return found

        try:
            return await self.persist(attempt)
        except EventStoreDBClientException as e:
            raise self.unavailable(e) from e

    async def follow(
        self, streams: AsyncStreamsService, *, timeout: float | None = None, **asked: Any
    ) -> AsyncGenerator[RecordedEvent, None]:
        """The events of one read or subscription, as they arrive.

        Used instead of the client's iterator, which treats a task's cancellation as the end of the
        events.
        """
        reader = BaseReadResponse(asked.get("stream_name"))
        metadata = streams._metadata(self.credentials["metadata"])
        call = streams._stub.Read(
            streams._construct_read_request(**asked),
            timeout=timeout, metadata=metadata, credentials=self.credentials["credentials"],
        )  # fmt: skip
        try:
            async for response in call:
                event = reader._convert_read_resp(response)
                if type(event) is RecordedEvent:
                    yield event
        except grpc.RpcError as e:
            raise reader._handle_stream_read_rpc_error(e) from e
        except asyncio.CancelledError as e:
            if is_being_cancelled():
                raise
            raise ServiceUnavailable("the connection was replaced") from e
        finally:
            call.cancel()

    async def close(self) -> None:
        if self._connected:
            self._connected = False
            await self._client._connection._grpc_channel.close()

    def unavailable(self, error: Exception) -> Unavailable:
        """The error as one line for operators, without the URL's password."""
        refused = is_refusal(error) or not isinstance(error, _LOST)
        summary = "the event log's server " + ("refused" if refused else "cannot be reached")
        return Unavailable(f"{summary}: {self._line(error)}", summary=summary)

    async def _connect(self, failed: int, target: str | None) -> None:
        """Connect, unless another task has already replaced the connection that `failed`."""
        async with self._connecting:
            if self._connected and failed != self.generation:
                return
            old = self._client._connection if self._connected else None
            self._client._connection = await self._client._connect(target)
            self._connected = True
            self.generation += 1
            if old is not None:
                with contextlib.suppress(Exception):
                    await old._grpc_channel.close()

    def _line(self, error: Exception) -> str:
        details = getattr(error.args[0], "details", None) if error.args else None
        text = details() if callable(details) else str(error)
        text = text.replace(f": {self._url}", "").replace(self._url, "its URL")
        return " ".join(text.split()) or type(error).__name__


def _without_fork_handlers() -> None:
    """Disable gRPC's fork handlers in the processes that this one starts.

    The handlers run in every fork, and a child may hang in them, with our locks, before it executes
    its own program. gRPC reads the variable when its first channel opens.
    """
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")


def is_being_cancelled() -> bool:
    """Whether this task is being cancelled; a call on a closed connection raises the same error."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def is_refusal(error: Exception) -> bool:
    """Whether a retry is useless: access denied, certificate not trusted, or invalid request."""
    if isinstance(error, AccessDeniedError | SSLError):
        return True
    cause = error.args[0] if error.args else error
    code = getattr(cause, "code", None)
    return callable(code) and code() in _REFUSED
