"""Errors over HTTP as RFC 9457 problem details: one format for every status.

`type` is a stable name (for a refusal: the refusal's own), `detail` a sentence for people. No
problem repeats a value from the request: bodies hold personal data.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.http.echo import short
from domain.shared.message import Refused

MEDIA_TYPE = "application/problem+json"
ERRORS_MAX = 20
FIELD_MAX = 100
RETRY_AFTER_S = 1

_log = logging.getLogger("tidemark.api")
_encode = msgspec.json.Encoder().encode

RULES = {
    "missing": "required",
    "extra_forbidden": "unknown_field",
    "tuple_type": "list",
    "dict_type": "object",
    "model_type": "object",
    "model_attributes_type": "object",
}
"""pydantic's word -> ours, where they differ."""
SENTENCES = {
    "object": "must be a JSON object",
    "list": "must be a JSON array",
    "required": "is required",
    "unknown_field": "is no field of this object",
}
"""Our rule -> its sentence, where pydantic's own names types of Python."""


class Problem(Exception):
    """An error answer."""

    def __init__(
        self, status: int, name: str, detail: str, *, headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:  # fmt: skip
        super().__init__(detail)
        self.status, self.name, self.detail = status, name, detail
        self.headers = dict(headers or {})
        self.members = members

    def body(self, instance: str) -> dict[str, Any]:
        return {
            "type": self.name,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": short(self.detail),
            "instance": short(instance),
            **self.members,
        }

    def response(self, instance: str) -> Response:
        body = _encode(self.body(instance))
        return Response(body, self.status, headers=self.headers, media_type=MEDIA_TYPE)


def declined(why: Refused) -> Problem:
    """A command that was understood and refused: 422 with the state that caused it."""
    name = why.refusal.value
    return Problem(422, name, name.replace("_", " "), state=dict(why.state))


def invalid(error: ValidationError) -> Problem:
    """A body that breaks rules: 400 naming each field and its rule, never the value."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    errors = [_broken(e) for e in found[:ERRORS_MAX]]
    detail = "; ".join(f"{e['field'] or 'body'}: {e['rule']}" for e in errors[:3])
    return Problem(400, "invalid_input", detail, errors=errors)


def _broken(error: ErrorDetails) -> dict[str, str]:
    rule = RULES.get(error["type"], error["type"])
    message = SENTENCES.get(rule, error["msg"])
    return {"field": _field(error["loc"]), "rule": rule, "message": message}


def unavailable(name: str, detail: str) -> Problem:
    return Problem(503, name, detail, headers={"Retry-After": str(RETRY_AFTER_S)})


def bug(what: str, error: Exception) -> Problem:
    """An unexpected error: log all of it, and tell the caller none of its details."""
    _log.error("%s", short(repr(what)[1:-1]), exc_info=error)
    return Problem(500, "internal_error", "unexpected; the server's log has the rest")


async def refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with a problem; a WebSocket request gets it as HTTP and is not opened."""
    if scope["type"] == "websocket":
        await receive()
    await problem.response(scope["path"])(scope, receive, send)


async def on_gone(request: Request, error: Exception) -> Response:
    """The caller disconnected before the request was complete: no bug, and no answer is read."""
    assert isinstance(error, ClientDisconnect)
    _log.debug("%s %s: the caller disconnected", request.method, request.url.path)
    return Response(status_code=400)


async def on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response(request.url.path)


async def on_http(request: Request, error: Exception) -> Response:
    """Answer Starlette's own errors (no such path, method not allowed) in the same format."""
    assert isinstance(error, HTTPException)
    names = {404: "not_found", 405: "method_not_allowed"}
    name = names.get(error.status_code, "http_error")
    problem = Problem(error.status_code, name, error.detail, headers=error.headers)
    return problem.response(request.url.path)


async def on_bug(request: Request, error: Exception) -> Response:
    return bug(f"{request.method} {request.url.path} failed", error).response(request.url.path)


def _field(place: tuple[int | str, ...]) -> str:
    """The dotted path of a field, without pydantic's mark "[key]"; cut, as names have no bound."""
    return ".".join(str(part) for part in place if part != "[key]")[:FIELD_MAX]
