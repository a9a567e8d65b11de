"""The write side over HTTP: one command or a list, each answered with its outcome.

    body -> model -> Request -> dispatcher -> Outcome -> status and body

Both endpoints make the answer in `CommandDoor.run`, so a command has the same status and body
at either.
"""

import asyncio
import re
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace
from pydantic import ValidationError
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from api.http import bodies, problems, strict_json, wire
from api.http.metrics import Metrics
from api.http.models import command_from
from api.http.problems import Problem
from api.http.throttle import address_of
from api.ports import Dispatch, Limiter, Overloaded, Unavailable
from commands.handler import Declined, Done, Outcome, Raced
from commands.message_ids import CALLERS, is_callers
from commands.ports import KeyReused, Request, Unreadable
from domain.catalogue import COMMANDS, SETTLED
from domain.shared.message import Command
from domain.shared.persons import ANONYMOUS, is_part

BODY_MAX, BULK_BODY_MAX = 1 << 20, 10 << 20
BULK_ITEMS_MAX = 10_000
BULK_FIELDS = {"name", "key", "body"}
WAIT_MAX_S = 10
SLICE = 1_000  # commands of a bulk in the queue at a time: it must not fill the queue

ACTOR = r"[A-Za-z0-9._@:-]{1,64}"
_ACTOR = re.compile(ACTOR)
_WAIT = re.compile(r"(?:^|,|;|\s)wait\s*=\s*(\d{1,4})(?:$|[,;\s])", re.IGNORECASE)
_FLAGS = {"false": False, "0": False, "true": True, "1": True}

PUBLIC: dict[str, type[Command]] = {n: c for n, c in COMMANDS.items() if not c.INTERNAL}
"""Commands accepted over HTTP; the others are for sagas, gateways and the timer."""


class Answer(Struct, frozen=True, gc=False):
    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = {}

    def response(self) -> Response:
        kind = problems.MEDIA_TYPE if self.status >= 400 else bodies.JSON
        return Response(wire.dump(self.body), self.status, dict(self.headers), kind)


class Settled(Protocol):
    async def __call__(self, kind: type[Command], stream: str, /, *, timeout_s: float) -> bool:
        """Wait until `stream` has settled a command of this kind; False if time runs out."""
        ...


class CommandDoor:
    """`POST /commands/{name}` and `POST /commands`."""

    def __init__(
        self, dispatcher: Dispatch, metrics: Metrics, settled: Settled, *, limiter: Limiter
    ) -> None:
        self.dispatcher, self._metrics, self._settled = dispatcher, metrics, settled
        self._limiter = limiter

    async def one(self, http: HttpRequest) -> Response:
        """Run one command; its outcome gives the response's status and body."""
        name = http.path_params["name"]
        kind = _kind(name)
        with self._counting(name):
            request = await _single_request(kind, http)
        answer = await self.run(name, request)
        wait_s = preferred_wait(http.headers.get("prefer", ""))
        if wait_s and kind in SETTLED and answer.status < 300 and not request.dry_run:
            await self._settled(kind, answer.body["stream"], timeout_s=wait_s)
            applied = {"Preference-Applied": f"wait={wait_s}"}
            answer = replace(answer, headers={**answer.headers, **applied})
        return answer.response()

    async def many(self, http: HttpRequest) -> Response:
        """Run a list of `{name, key, body}`: 200 with `[{status, body}]` in the same order."""
        bodies.require_json(http)
        dry_run, actor = _dry_run(http), _actor(http)
        items = parsed(await bodies.read(http, BULK_BODY_MAX))
        if not isinstance(items, list) or len(items) > BULK_ITEMS_MAX:
            detail = f"send a list of at most {BULK_ITEMS_MAX} of {{name, key, body}}"
            raise Problem(400, "invalid_input", detail)
        # The throttle charged one request. Charge the other items too: the next request waits.
        more = len(items) - 1
        await self._limiter.admit("commands", address_of(http.scope), cost=more, forced=True)
        out: list[dict[str, Any]] = []
        for at in range(0, len(items), SLICE):
            runs = [self._item(i, actor=actor, dry_run=dry_run) for i in items[at : at + SLICE]]
            out += [_item_of(answer) for answer in await asyncio.gather(*runs)]
        return Response(wire.dump(out), media_type=bodies.JSON)

    async def _item(self, item: object, *, actor: str, dry_run: bool) -> Answer:
        try:
            kind = _bulk_kind(item)
            with self._counting(kind.__name__):
                request = _bulk_request(kind, item, actor, dry_run=dry_run)
        except Problem as problem:
            return _problem_answer(problem, "/commands")
        return await self.run(kind.__name__, request)

    @contextmanager
    def _counting(self, name: str) -> Iterator[None]:
        """Count a request that is refused before it becomes a command."""
        try:
            yield
        except Problem as problem:
            self._metrics.commands.labels(name, problem.name).inc()
            raise

    async def run(
        self,
        name: str,
        request: Request,
        *,
        begun: Awaitable[Outcome] | None = None,
        start: float | None = None,
    ) -> Answer:
        """Run a command, count it, and return the answer to its outcome.

        Args:
            begun: the outcome, if the command is at the dispatcher already, since `start`.
        """
        start = perf_counter() if start is None else start
        try:
            outcome = await self._outcome(request, begun or self.dispatcher.submit(request))
        except Problem as problem:
            return self._counted(name, problem.name, _problem_answer(problem, _path(name)), start)
        return self.answer(name, request, outcome, start=start)

    def answer(self, name: str, request: Request, outcome: Outcome, *, start: float) -> Answer:
        """Count a command that began at `start`, and return the answer to its outcome."""
        if isinstance(outcome, Done):
            word, answer = _done(outcome, request)
        else:
            problem = _refusal(outcome)
            word = problem.name if problem.status != 422 else "refused"
            answer = _problem_answer(problem, _path(name))
        return self._counted(name, word, answer, start)

    def _counted(self, name: str, word: str, answer: Answer, start: float) -> Answer:
        self._metrics.seconds_of(name).observe(perf_counter() - start)
        self._metrics.commands_of(name, word).inc()
        return answer

    async def _outcome(self, request: Request, begun: Awaitable[Outcome]) -> Outcome:
        try:
            return await begun
        except Overloaded as error:
            raise problems.unavailable("overloaded", str(error)) from error
        except Unavailable as error:
            raise problems.unavailable("store_unavailable", error.summary) from error
        except Unreadable as error:
            raise Problem(500, "log_unreadable", str(error)) from error
        except Exception as error:  # in a bulk, one command's bug must not fail the others
            raise problems.bug(f"{type(request.command).__name__} failed", error) from error


def parsed(raw: bytes) -> object:
    """Parse the body as JSON (`api.http.strict_json`).

    Raises:
        Problem: 400 with the place of the first error.
    """
    try:
        return strict_json.loads(raw)
    except ValueError as error:
        raise Problem(400, "invalid_json", str(error)) from error


def preferred_wait(header: str) -> int:
    """Seconds of `Prefer: wait=N` (RFC 7240), at most `WAIT_MAX_S`; 0 without one."""
    found = _WAIT.search(header)
    return min(int(found.group(1)), WAIT_MAX_S) if found else 0


def _kind(name: object) -> type[Command]:
    kind = PUBLIC.get(name) if isinstance(name, str) else None
    if kind is None:
        raise Problem(404, "unknown_command", "no such command; see /openapi.json")
    return kind


def _key(header: str | None, *, dry_run: bool) -> str:
    """The idempotency key, maybe quoted (a structured header's string). Dry runs bind none."""
    if header is None:
        if dry_run:
            return "dry-run"
        raise Problem(400, "idempotency_key_missing", "send a header Idempotency-Key")
    key = header[1:-1] if len(header) > 2 and header[0] == header[-1] == '"' else header
    if not is_callers(key):
        raise Problem(400, "idempotency_key_invalid", f"Idempotency-Key must match {CALLERS}")
    return key


def _actor(http: HttpRequest) -> str:
    actor = http.headers.get("x-actor", ANONYMOUS)
    if not _ACTOR.fullmatch(actor):
        raise Problem(400, "actor_invalid", f"X-Actor must match {_ACTOR.pattern}")
    if is_part(actor):
        raise Problem(400, "actor_reserved", "X-Actor is the name of a part of the platform")
    return actor


def _dry_run(http: HttpRequest) -> bool:
    """The parameter `dry_run`; `api.http.parameters` has refused any other one."""
    if not http.scope["query_string"]:
        return False
    flag = _FLAGS.get(http.query_params.get("dry_run", "false").lower())
    if flag is None:
        raise Problem(400, "invalid_input", "dry_run is true or false", parameter="dry_run")
    return flag


def _request(kind: type[Command], body: object, key: str, *, actor: str, dry_run: bool) -> Request:
    try:
        asked = command_from(kind, body)
    except ValidationError as error:
        raise problems.invalid(error) from error
    return Request(
        command=asked.command,
        message_id=key,
        actor=actor,
        effective_at=asked.effective_at,
        dry_run=dry_run,
    )


async def _single_request(kind: type[Command], http: HttpRequest) -> Request:
    bodies.require_json(http)
    dry_run = _dry_run(http)
    raw = await bodies.read(http, BODY_MAX)
    key = _key(http.headers.get("idempotency-key"), dry_run=dry_run)
    return _request(kind, parsed(raw), key, actor=_actor(http), dry_run=dry_run)


def _bulk_kind(item: object) -> type[Command]:
    if not isinstance(item, dict) or not {"name", "body"} <= item.keys() <= BULK_FIELDS:
        raise Problem(400, "invalid_input", "an item is {name, key, body}")
    return _kind(item["name"])


def _bulk_request(kind: type[Command], item: Any, actor: str, *, dry_run: bool) -> Request:
    key = item.get("key")
    if key is not None and not isinstance(key, str):
        raise Problem(400, "idempotency_key_invalid", "key must be a string")
    bound = _key(key, dry_run=dry_run)
    return _request(kind, item["body"], bound, actor=actor, dry_run=dry_run)


def _refusal(outcome: Declined | KeyReused | Raced) -> Problem:
    match outcome:
        case Declined(refused=why):
            return problems.declined(why)
        case KeyReused():
            detail = "this Idempotency-Key was used on this stream with another body"
            return Problem(409, "idempotency_key_reused", detail)
        case Raced():
            return Problem(
                409, "race_lost", "other commands changed this stream first; send it again"
            )


def _done(done: Done, request: Request) -> tuple[str, Answer]:
    """The outcome's label for the metrics, and the answer."""
    if request.dry_run:
        return "dry_run", Answer(200, {"events": [wire.plain(e) for e in done.events]})
    body = {"stream": done.stream, "version": done.version, "position": done.position}
    if done.replayed:
        status = 201 if done.changed else 200
        return "replayed", Answer(status, body, {"Idempotent-Replayed": "true"})
    return ("appended", Answer(201, body)) if done.changed else ("same", Answer(200, body))


def _path(name: str) -> str:
    return f"/commands/{name}"


def _problem_answer(problem: Problem, instance: str) -> Answer:
    return Answer(problem.status, problem.body(instance), problem.headers)


def _item_of(answer: Answer) -> dict[str, Any]:
    replayed = {"replayed": True} if "Idempotent-Replayed" in answer.headers else {}
    return {"status": answer.status, "body": answer.body, **replayed}
