"""OpenAPI 3.1 of the edge, from the models that check the bodies and the catalogue's refusals."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic.json_schema import models_json_schema

from api.http.commands import ACTOR, BULK_ITEMS_MAX, PUBLIC, WAIT_MAX_S
from api.http.models import model_of
from api.http.problems import MEDIA_TYPE
from commands.message_ids import CALLERS
from domain.catalogue import DECIDERS, REFUSALS, SETTLED
from domain.shared.message import Command

VERSION = "1.0.0"
_REF = "#/components/schemas/{model}"

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem details. `type` is a stable name; for 422 the refusal's.",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "state": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "422: the state that caused the refusal.",
        },
        "errors": {
            "type": "array",
            "description": "400: each field and the rule that it breaks.",
            "items": {
                "type": "object",
                "required": ["field", "rule"],
                "properties": {k: {"type": "string"} for k in ("field", "rule", "message")},
            },
        },
    },
}
DONE: dict[str, Any] = {
    "type": "object",
    "required": ["stream", "version", "position"],
    "properties": {
        "stream": {"type": "string"},
        "version": {"type": "integer", "description": "Version of the stream after the command"},
        "position": {
            "type": "integer",
            "description": "Position in the log; 0: nothing was appended",
        },
    },
}
DRY: dict[str, Any] = {
    "type": "object",
    "description": "dry_run: the events that the command would append.",
    "required": ["events"],
    "properties": {"events": {"type": "array", "items": {"type": "object"}}},
}
PROBLEMS = {
    "400": "The body, a header or a parameter breaks a rule; `errors` names field and rule.",
    "403": "A page of another site sent the request: see Origin or Sec-Fetch-Site.",
    "404": "No such command.",
    "405": "This path takes another method; see Allow.",
    "408": "The request did not arrive in time.",
    "409": "The key has another body on this stream, or other commands changed the stream first.",
    "413": "The body is larger than the limit.",
    "415": "The body is not declared as JSON in UTF-8, or is encoded.",
    "421": "Host is not one of the server's names (TIDEMARK_ALLOWED_HOSTS).",
    "429": "The caller is over its rate limit; see Retry-After.",
    "431": "Too many or too large headers.",
    "500": "An unexpected error, or the log holds an event that cannot be read.",
    "503": "The server is overloaded or cannot reach the store; see Retry-After.",
}


@cache
def document() -> dict[str, Any]:
    """The whole document; one per release of the code."""
    models = {kind: model_of(kind) for kind in PUBLIC.values()}
    refs, schemas = models_json_schema(
        [(model, "validation") for model in models.values()], ref_template=_REF
    )
    paths: dict[str, Any] = {
        f"/commands/{name}": {"post": _operation(name, kind, refs[models[kind], "validation"])}
        for name, kind in sorted(PUBLIC.items())
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tidemark",
            "version": VERSION,
            "description": "An event-sourced trading ledger. Commands here; reads by /graphql.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths | _others(),
        "components": {
            "schemas": dict(schemas.get("$defs", {}))
            | {"Problem": PROBLEM, "Done": DONE, "DryRun": DRY}
        },
    }


def _operation(name: str, kind: type[Command], ref: Mapping[str, Any]) -> dict[str, Any]:
    names = sorted({refusal.value for refusal in REFUSALS[kind]})
    refused = {"allOf": [_ref("Problem"), {"properties": {"type": {"enum": names}}}]}
    says = {
        "description": "Refused: " + ", ".join(names),
        "content": {MEDIA_TYPE: {"schema": refused}},
    }
    done = {"Idempotent-Replayed": {"schema": {"const": "true"}, "description": "on a repeat"}}
    unchanged = {"oneOf": [_ref("Done"), _ref("DryRun")]}
    return {
        "operationId": name,
        "tags": [DECIDERS[kind].CATEGORY],
        "summary": (kind.__doc__ or name).strip().splitlines()[0],
        "parameters": _parameters(kind),
        "requestBody": {"required": True, "content": {"application/json": {"schema": dict(ref)}}},
        "responses": {
            "201": _json("Events were appended.", _ref("Done")) | {"headers": done},
            "200": _json("Nothing changed, or a dry run.", unchanged) | {"headers": done},
            "422": says,
            **_problem_responses(),
        },
    }


def _parameters(kind: type[Command]) -> list[dict[str, Any]]:
    text = {"type": "string"}
    key = {
        "name": "Idempotency-Key", "in": "header", "required": True,
        "description": "Binds this request on its stream; repeats get the first answer. "
        "Not needed for a dry run.",
        "schema": text | {"pattern": f"^{CALLERS}$"},
    }  # fmt: skip
    actor = {
        "name": "X-Actor",
        "in": "header",
        "schema": text | {"default": "local", "pattern": f"^{ACTOR}$"},
    }
    dry = {"name": "dry_run", "in": "query", "schema": {"type": "boolean", "default": False}}
    found: list[dict[str, Any]] = [key, actor, dry]
    if settled := SETTLED.get(kind):
        found.append(_prefer(settled.__doc__ or ""))
    return found


def _prefer(settled: str) -> dict[str, Any]:
    """The header that waits for a state.

    Args:
        settled: the state, as a sentence.
    """
    until = settled[:1].lower() + settled[1:]
    return {
        "name": "Prefer", "in": "header",
        "schema": {"type": "string", "examples": ["wait=5"]},
        "description": f"wait=N (at most {WAIT_MAX_S}): answer once {until}",
    }  # fmt: skip


def _warehouse() -> dict[str, Any]:
    asked = {
        "type": "object", "required": ["query"], "additionalProperties": False,
        "properties": {"query": {"type": "string"}},
    }  # fmt: skip
    return {
        "operationId": "warehouse",
        "summary": "Read-only SQL over the warehouse, at most 10,000 rows",
        "requestBody": {
            "required": True,
            "content": {
                "application/sql": {"schema": {"type": "string"}},
                "application/json": {"schema": asked},
            },
        },
        "responses": {
            "200": _json("`{columns, rows}`.", {"type": "object"}),
            **{s: r for s, r in _problem_responses().items() if s not in ("404", "409")},
        },
    }


def _others() -> dict[str, Any]:
    item = {"description": "`{name, key, body}`; anything else is answered 400 in its place."}
    body = {"type": "array", "items": item, "maxItems": BULK_ITEMS_MAX}
    answers = {"type": "array", "items": {"type": "object", "required": ["status", "body"]}}
    bulk = {
        "operationId": "bulk",
        "summary": "Many commands, answered in order; at most 10,000 in 10 MiB",
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"200": _json("One status and body each.", answers), **_problem_responses()},
    }
    return {"/commands": {"post": bulk}, "/warehouse": {"post": _warehouse()}} | _plain_pages()


def _plain_pages() -> dict[str, Any]:
    """Endpoints that are only read."""
    return {
        path: {"get": {"summary": says, "responses": {"200": {"description": says}}}}
        for path, says in (
            ("/healthz", "The process is up"),
            ("/readyz", "The log, the read models and every view are in order (else 503)"),
            ("/metrics", "Prometheus text"),
        )
    }


def _problem_responses() -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": _ref("Problem")}}
    return {s: {"description": says, "content": content} for s, says in PROBLEMS.items()}


def _json(says: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": says, "content": {"application/json": {"schema": dict(schema)}}}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": _REF.format(model=name)}
