"""The services on a TCP port, and nodes that share a store."""

import os
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from esdbclient.protos.Grpc import (
    gossip_pb2,
    gossip_pb2_grpc,
    persistent_pb2_grpc,
    shared_pb2,
    streams_pb2,
    streams_pb2_grpc,
)

from tests.esdb_double import reads, wire
from tests.esdb_double.faults import Fault, Faults
from tests.esdb_double.store import Record, Store, StreamDeleted, TooLarge, WrongVersion
from tests.esdb_double.subscriptions import Subscriptions

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")  # as in adapters.eventstoredb.link

THREADS = 64  # each subscription and each open batch occupies one
SILENT_S = 30.0
REFUSALS = (WrongVersion, StreamDeleted, TooLarge)


class Node:
    """One server: `with Node() as node: connect(node.url)`.

    Args:
        port: 0 finds a free one.
        tls: (private key, certificate chain) in PEM.
        password: of the user admin; required only if given here.
    """

    def __init__(
        self,
        store: Store | None = None,
        *,
        port: int = 0,
        file: Path | None = None,
        tls: tuple[bytes, bytes] | None = None,
        password: str = "",
        host: str = "127.0.0.1",
    ) -> None:
        self.store = store or Store(file)
        self.faults = Faults()
        self.port, self.host, self.tls, self.password = port, host, tls, password
        self.peers: list[Node] = [self]
        self.leads = True
        self.closing = threading.Event()
        self._server: grpc.Server | None = None

    @property
    def url(self) -> str:
        if self.tls:
            return f"esdb://admin:{self.password or 'changeit'}@{self.host}:{self.port}?Tls=true"
        return f"esdb://{self.host}:{self.port}?Tls=false"

    def __enter__(self) -> "Node":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; on the same port again after `stop`."""
        self.closing = threading.Event()
        server = grpc.server(
            ThreadPoolExecutor(THREADS, thread_name_prefix="esdb-double"),
            options=[
                ("grpc.max_receive_message_length", -1),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", 0),
            ],
        )
        streams_pb2_grpc.add_StreamsServicer_to_server(Streams(self), server)
        gossip_pb2_grpc.add_GossipServicer_to_server(Gossip(self), server)
        persistent_pb2_grpc.add_PersistentSubscriptionsServicer_to_server(
            Subscriptions(self.store), server
        )
        where = f"{self.host}:{self.port}"
        if self.tls:
            self.port = server.add_secure_port(where, grpc.ssl_server_credentials([self.tls]))
        else:
            self.port = server.add_insecure_port(where)
        server.start()
        self._server = server

    def stop(self) -> None:
        """Drop every connection at once; what was appended stays in the store."""
        self.closing.set()
        if self._server is not None:
            self._server.stop(0).wait()
            self._server = None

    def wait(self) -> None:
        assert self._server is not None
        self._server.wait_for_termination()

    def lead(self) -> None:
        """Become the leader."""
        for peer in self.peers:
            peer.leads = peer is self


def cluster(size: int = 3) -> list[Node]:
    """Nodes over one store; the first one leads. The caller starts and stops each."""
    store = Store()
    nodes = [Node(store) for _ in range(size)]
    for node in nodes:
        node.peers = nodes
    nodes[0].lead()
    return nodes


class Streams(streams_pb2_grpc.StreamsServicer):
    def __init__(self, node: Node) -> None:
        self._node = node

    def Append(  # noqa: N802
        self, request_iterator: Iterator[streams_pb2.AppendReq], context: grpc.ServicerContext
    ) -> streams_pb2.AppendResp:
        self._admit(context, needs_leader=True)
        first, *messages = list(request_iterator)
        stream = first.options.stream_identifier.stream_name.decode()
        expected = wire.expected_revision(first.options, "expected_stream_revision", "revision")
        events = [wire.proposed(m.proposed_message) for m in messages]
        try:
            return wire.appended_one(self._node.store.append(stream, expected, events))
        except WrongVersion as e:
            return wire.wrong_one(e)
        except (StreamDeleted, TooLarge) as e:
            context.abort(*wire.status_of(e))
            raise

    def BatchAppend(  # noqa: N802
        self, request_iterator: Iterator[streams_pb2.BatchAppendReq], context: grpc.ServicerContext
    ) -> Iterator[streams_pb2.BatchAppendResp]:
        self._admit(context, needs_leader=True)
        parts: dict[str, list[streams_pb2.BatchAppendReq]] = {}
        for request in request_iterator:
            self._admit(context, needs_leader=True)  # it may have lost the lead since
            key = request.correlation_id.string
            parts.setdefault(key, []).append(request)
            if request.is_final:
                yield self._batch(parts.pop(key), context)

    def _batch(
        self, parts: list[streams_pb2.BatchAppendReq], context: grpc.ServicerContext
    ) -> streams_pb2.BatchAppendResp:
        first = parts[0]
        faults = self._node.faults
        fault = faults.met(b"".join(p.SerializeToString() for p in parts))
        match fault:
            case Fault.LOSE_REQUEST | Fault.UNAVAILABLE:
                context.abort(grpc.StatusCode.UNAVAILABLE, "Connection reset")
            case Fault.NOT_LEADER:
                self._turn_away(context)
            case Fault.TIMEOUT:
                return wire.failed(first, "timeout")
            case Fault.IGNORED:
                self._say_nothing(context)
            case Fault.SLOW:
                self._node.closing.wait(faults.slow_s)
        stream = first.options.stream_identifier.stream_name.decode()
        expected = wire.expected_revision(
            first.options, "expected_stream_position", "stream_position"
        )
        events = [wire.proposed(m) for part in parts for m in part.proposed_messages]
        try:
            last = self._node.store.append(stream, expected, events)
        except REFUSALS as e:
            return wire.failed(first, e)
        return self._replied(first, last, fault, context=context)

    def _replied(
        self,
        request: streams_pb2.BatchAppendReq,
        last: Record | None,
        fault: Fault | None,
        *,
        context: grpc.ServicerContext,
    ) -> streams_pb2.BatchAppendResp:
        match fault:
            case Fault.LOSE_REPLY:
                context.abort(grpc.StatusCode.UNAVAILABLE, "Connection reset")
            case Fault.TIMEOUT_AFTER:
                return wire.failed(request, "timeout")
            case Fault.SILENCE:
                self._say_nothing(context)
        return wire.appended(request, last)

    def Read(  # noqa: N802
        self, request: streams_pb2.ReadReq, context: grpc.ServicerContext
    ) -> Iterator[streams_pb2.ReadResp]:
        self._admit(context)
        options, store = request.options, self._node.store
        try:
            if options.WhichOneof("count_option") == "subscription":
                closing = self._node.closing.is_set
                yield from reads.subscription(store, options, context, closing)
            else:
                yield from reads.page(store, options)
        except StreamDeleted as e:
            context.abort(*wire.status_of(e))
        except reads.Misplaced as e:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(e))

    def Delete(  # noqa: N802
        self, request: streams_pb2.DeleteReq, context: grpc.ServicerContext
    ) -> streams_pb2.DeleteResp:
        position = self._ended(self._node.store.delete, request.options, context)
        response = streams_pb2.DeleteResp()
        response.position.commit_position = response.position.prepare_position = position
        return response

    def Tombstone(  # noqa: N802
        self, request: streams_pb2.TombstoneReq, context: grpc.ServicerContext
    ) -> streams_pb2.TombstoneResp:
        position = self._ended(self._node.store.tombstone, request.options, context)
        response = streams_pb2.TombstoneResp()
        response.position.commit_position = response.position.prepare_position = position
        return response

    def _ended(
        self, end: Callable[[str, int], int], options: object, context: grpc.ServicerContext
    ) -> int:
        self._admit(context, needs_leader=True)
        stream = options.stream_identifier.stream_name.decode()  # type: ignore[attr-defined]
        expected = wire.expected_revision(options, "expected_stream_revision", "revision")
        try:
            return end(stream, expected)
        except (WrongVersion, StreamDeleted) as e:
            context.abort(*wire.status_of(e))
            raise

    def _admit(self, context: grpc.ServicerContext, *, needs_leader: bool = False) -> None:
        """Refuse a request without the password, or to a follower if it needs the leader."""
        asked = dict(context.invocation_metadata())
        if self._node.password:
            token = shared_token(self._node.password)
            if asked.get("authorization") not in (token, token.encode()):
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "Authentication failed")
        if not self._node.leads and (needs_leader or asked.get("requires-leader") == "true"):
            self._turn_away(context)

    def _turn_away(self, context: grpc.ServicerContext) -> None:
        leader = next(n for n in self._node.peers if n.leads)
        context.set_trailing_metadata(
            (("leader-endpoint-host", leader.host), ("leader-endpoint-port", str(leader.port)))
        )
        context.abort(grpc.StatusCode.NOT_FOUND, "Leader info available")

    def _say_nothing(self, context: grpc.ServicerContext) -> None:
        """Send nothing until the client or this server is gone."""
        for _ in range(int(SILENT_S / 0.05)):
            if not context.is_active() or self._node.closing.wait(0.05):
                break
        context.abort(grpc.StatusCode.UNAVAILABLE, "Connection reset")


class Gossip(gossip_pb2_grpc.GossipServicer):
    def __init__(self, node: Node) -> None:
        self._node = node

    def Read(  # noqa: N802
        self, request: shared_pb2.Empty, context: grpc.ServicerContext
    ) -> gossip_pb2.ClusterInfo:
        states = gossip_pb2.MemberInfo.VNodeState
        members = [
            gossip_pb2.MemberInfo(
                state=states.Value("Leader" if node.leads else "Follower"),
                is_alive=True,
                http_end_point=gossip_pb2.EndPoint(address=node.host, port=node.port),
            )
            for node in self._node.peers
        ]
        return gossip_pb2.ClusterInfo(members=members)


def shared_token(password: str) -> str:
    """The authorization header of the user admin."""
    return "Basic " + b64encode(f"admin:{password}".encode()).decode()
