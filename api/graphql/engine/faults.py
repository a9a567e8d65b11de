"""Errors of queries, with a stable `extensions.code` and no internal details."""

import logging

from graphql import GraphQLError

from api.http.echo import TEXT_MAX, short
from api.ports import TooManyRows, Unavailable, Unfit
from commands.ports import Unreadable

AS_OF_UNSUPPORTED = "AS_OF_UNSUPPORTED"
BAD_ARGUMENT = "BAD_ARGUMENT"
INTERNAL = "INTERNAL"
INVALID = "GRAPHQL_VALIDATION_FAILED"
LOG_UNREADABLE = "LOG_UNREADABLE"
NEEDS_SOCKET = "NEEDS_SOCKET"
NOT_YET = "NOT_YET"
SLOW_CONSUMER = "SLOW_CONSUMER"
TOO_COMPLEX = "TOO_COMPLEX"
TOO_MANY = "TOO_MANY"
UNAVAILABLE = "UNAVAILABLE"

_log = logging.getLogger("tidemark.graphql")


def fault(code: str, message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": code})


def public_error(error: GraphQLError) -> GraphQLError:
    """The error as the caller may see it: with a code, short, and without internal details."""
    if error.extensions and "code" in error.extensions:
        code, message = str(error.extensions["code"]), error.message
        if len(message) <= TEXT_MAX:
            return error
    else:
        code, message = _expected(error.original_error) or (INVALID, error.message)
    return GraphQLError(
        short(message),
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions={"code": code},
    )


def _expected(cause: Exception | None) -> tuple[str, str] | None:
    """(code, message) for the exception of a resolver; None: the document itself is wrong."""
    match cause:
        case None | GraphQLError():
            return None
        case Unavailable():
            return UNAVAILABLE, "the read models cannot be reached; try again"
        case TooManyRows():
            return TOO_MANY, f"{cause}; ask for pages"
        case Unfit():
            return BAD_ARGUMENT, str(cause)
        case Unreadable():
            return LOG_UNREADABLE, str(cause)
    _log.error("a resolver failed", exc_info=cause)
    return INTERNAL, "unexpected; the server's log has the rest"
