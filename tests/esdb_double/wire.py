"""Converts protocol messages to the store's types and back."""

import grpc
from esdbclient.protos.Grpc import shared_pb2, status_pb2, streams_pb2
from google.protobuf import empty_pb2

from tests.esdb_double.store import (
    ANY,
    EXISTS,
    NO_STREAM,
    Proposed,
    Record,
    StreamDeleted,
    TooLarge,
    WrongVersion,
)

_EXPECTED = {"no_stream": NO_STREAM, "any": ANY, "stream_exists": EXISTS}


def expected_revision(options: object, group: str, number: str) -> int:
    """The expected revision of a request's options: a number, or its constant."""
    chosen = options.WhichOneof(group)  # type: ignore[attr-defined]
    return int(getattr(options, number)) if chosen == number else _EXPECTED[chosen]


def proposed(message: object) -> Proposed:
    given = message.metadata  # type: ignore[attr-defined]
    return Proposed(
        message.id.string,  # type: ignore[attr-defined]
        given["type"],
        given["content-type"],
        bytes(message.data),  # type: ignore[attr-defined]
        bytes(message.custom_metadata),  # type: ignore[attr-defined]
    )


def recorded(record: Record) -> streams_pb2.ReadResp:
    event = streams_pb2.ReadResp.ReadEvent.RecordedEvent(
        id=shared_pb2.UUID(string=record.event.id),
        stream_identifier=shared_pb2.StreamIdentifier(stream_name=record.stream.encode()),
        stream_revision=record.revision,
        prepare_position=record.position,
        commit_position=record.position,
        metadata={
            "type": record.event.type,
            "content-type": record.event.content_type,
            "created": str(record.created),
        },
        custom_metadata=record.event.metadata,
        data=record.event.data,
    )
    read = streams_pb2.ReadResp.ReadEvent(event=event, commit_position=record.position)
    return streams_pb2.ReadResp(event=read)


def checkpoint(position: int) -> streams_pb2.ReadResp:
    at = streams_pb2.ReadResp.Checkpoint(commit_position=position, prepare_position=position)
    return streams_pb2.ReadResp(checkpoint=at)


def not_found(stream: str) -> streams_pb2.ReadResp:
    name = shared_pb2.StreamIdentifier(stream_name=stream.encode())
    missing = streams_pb2.ReadResp.StreamNotFound(stream_identifier=name)
    return streams_pb2.ReadResp(stream_not_found=missing)


def appended(
    request: streams_pb2.BatchAppendReq, last: Record | None
) -> streams_pb2.BatchAppendResp:
    response = _answer(request)
    if last is None:
        response.success.no_stream.CopyFrom(empty_pb2.Empty())
        response.success.no_position.CopyFrom(empty_pb2.Empty())
    else:
        response.success.current_revision = last.revision
        response.success.position.commit_position = last.position
        response.success.position.prepare_position = last.position
    return response


def failed(
    request: streams_pb2.BatchAppendReq, error: Exception | str
) -> streams_pb2.BatchAppendResp:
    """An answer with the error; `error` 'timeout' is the server's own."""
    response = _answer(request)
    match error:
        case WrongVersion(current=current):
            wrong = shared_pb2.WrongExpectedVersion()
            if current < 0:
                wrong.current_no_stream.CopyFrom(empty_pb2.Empty())
            else:
                wrong.current_stream_revision = current
            detail: object = wrong
        case StreamDeleted():
            detail = shared_pb2.StreamDeleted(stream_identifier=request.options.stream_identifier)
        case TooLarge():
            detail = shared_pb2.MaximumAppendSizeExceeded(maxAppendSize=1 << 20)
        case _:
            detail = shared_pb2.Timeout()
    status = status_pb2.Status(message=str(error))
    status.details.Pack(detail)  # type: ignore[arg-type]
    response.error.CopyFrom(status)
    return response


def appended_one(last: Record | None) -> streams_pb2.AppendResp:
    """The answer of Append, which takes one stream a call."""
    response = streams_pb2.AppendResp()
    if last is None:
        response.success.no_stream.CopyFrom(shared_pb2.Empty())
        response.success.no_position.CopyFrom(shared_pb2.Empty())
    else:
        response.success.current_revision = last.revision
        response.success.position.commit_position = last.position
        response.success.position.prepare_position = last.position
    return response


def wrong_one(error: WrongVersion) -> streams_pb2.AppendResp:
    response = streams_pb2.AppendResp()
    if error.current < 0:
        response.wrong_expected_version.current_no_stream.CopyFrom(shared_pb2.Empty())
    else:
        response.wrong_expected_version.current_revision = error.current
    return response


def _answer(request: streams_pb2.BatchAppendReq) -> streams_pb2.BatchAppendResp:
    return streams_pb2.BatchAppendResp(
        correlation_id=request.correlation_id,
        stream_identifier=request.options.stream_identifier,
    )


def status_of(error: Exception) -> tuple[grpc.StatusCode, str]:
    """The gRPC status for an error, as Delete, Tombstone and Read return it."""
    return grpc.StatusCode.FAILED_PRECONDITION, str(error)
