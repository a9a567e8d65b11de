"""Persistent subscriptions: to create, list and delete, not to read."""

from uuid import uuid4

import grpc
from esdbclient.protos.Grpc import persistent_pb2, persistent_pb2_grpc, shared_pb2

from tests.esdb_double.store import ANY, Proposed, Store

CONFIG = "$persistentSubscriptionConfig"


class Subscriptions(persistent_pb2_grpc.PersistentSubscriptionsServicer):
    def __init__(self, store: Store) -> None:
        self._store = store
        self._groups: set[tuple[str, str]] = set()

    def Create(  # noqa: N802
        self, request: persistent_pb2.CreateReq, context: grpc.ServicerContext
    ) -> persistent_pb2.CreateResp:
        key = (_source(request.options), request.options.group_name)
        if key in self._groups:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, f"{key} already exists")
        self._groups.add(key)
        config = Proposed(str(uuid4()), "$PersistentConfig", "application/json", b"{}", b"")
        self._store.append(CONFIG, ANY, [config])
        return persistent_pb2.CreateResp()

    def List(  # noqa: N802
        self, request: persistent_pb2.ListReq, context: grpc.ServicerContext
    ) -> persistent_pb2.ListResp:
        if not self._groups:
            context.abort(grpc.StatusCode.NOT_FOUND, "none")
        return persistent_pb2.ListResp(
            subscriptions=[
                persistent_pb2.SubscriptionInfo(event_source=source, group_name=group)
                for source, group in sorted(self._groups)
            ]
        )

    def Delete(  # noqa: N802
        self, request: persistent_pb2.DeleteReq, context: grpc.ServicerContext
    ) -> persistent_pb2.DeleteResp:
        key = (_source(request.options), request.options.group_name)
        if key not in self._groups:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no {key}")
        self._groups.remove(key)
        return persistent_pb2.DeleteResp()


def _source(options: object) -> str:
    if options.WhichOneof("stream_option") != "all":  # type: ignore[attr-defined]
        identifier: shared_pb2.StreamIdentifier = (
            options.stream_identifier  # type: ignore[attr-defined]
            if options.WhichOneof("stream_option") == "stream_identifier"  # type: ignore[attr-defined]
            else options.stream.stream_identifier  # type: ignore[attr-defined]
        )
        return identifier.stream_name.decode()
    return "$all"
