"""The short way of one command: from the connection to the dispatcher, past the framework.

    head --head--> Head --request--> Request --answer--> the bytes of the answer
      |                    |
      '--------------------'--> None: the long way, through the app

A request takes the short way only if nothing about it is unusual and nothing can be refused before
the dispatcher gets it. Every other request takes the long way, from its beginning: nothing has been
charged, counted or answered yet. So each refusal of a request is made in one place, the app, and
both ways give the same answer, byte for byte (`tests/contract/http/odd_requests.py`).

The outcome of the command, its metrics and the limit of the caller are those of the long way:
`CommandDoor.run` and `api.http.throttle`.
"""

import asyncio
import re
from collections.abc import Callable, Collection, Coroutine, Sequence
from functools import lru_cache, partial
from time import perf_counter
from typing import Any, NamedTuple

from msgspec import Struct
from starlette.datastructures import MutableHeaders

from api.http import problems, throttle, wire
from api.http.answer_headers import PLAIN, with_headers
from api.http.browsers import SINGLE
from api.http.commands import ACTOR, PUBLIC, Answer, CommandDoor
from api.http.metrics import Metrics
from api.http.models import command_from_text
from api.ports import Begins, Limiter
from commands.handler import Outcome
from commands.message_ids import CALLERS
from commands.ports import Request
from domain.shared.message import Command
from domain.shared.persons import ANONYMOUS, is_part

BODY_MAX = 64 << 10  # bytes; a longer body takes the long way
KNOWN_MAX = 256  # heads that are kept
DOOR = "commands"
JSON_TYPE = b"application/json"

_READ = frozenset({b"host", b"content-type", b"content-length", b"idempotency-key", b"x-actor"})
_UNUSUAL = (SINGLE - _READ) | {
    b"expect", b"prefer", b"transfer-encoding", b"upgrade", b"x-forwarded-for",
    b"x-forwarded-proto",
}  # fmt: skip
_key = re.compile(CALLERS.encode()).fullmatch
_actor = re.compile(ACTOR.encode()).fullmatch

_whole = re.compile(
    rb"POST (/commands/[A-Za-z]+) HTTP/1\.1\r\n((?:[A-Za-z][A-Za-z-]*: [!-~][ -~]*\r\n)+)\r\n"
).match
"""A head that every parser reads alike: each line ends with CR LF, no value is empty or folded."""
_key_line = re.compile(rb"\r\nidempotency-key: (%s)\r\n" % CALLERS.encode(), re.IGNORECASE).search
_split = re.compile(rb"([^:]+): ([^\r]*)\r\n").findall

Headers = Sequence[tuple[bytes, bytes]]
Done = Callable[[int, bytes], None]
"""Called with the status and the bytes of the answer after the status line and date."""


class Head(NamedTuple):
    """What the head of a request states, beside its key."""

    length: int  # of the body
    name: str
    kind: type[Command]
    actor: str


class Keyed(NamedTuple):
    """The head of one request."""

    head: Head
    key: str


class _Begun(Struct, frozen=True, gc=False):
    """A command at the dispatcher, since `start`."""

    head: Head
    request: Request
    start: float
    done: Done


class ShortWay:
    """The door for one command, without the framework.

    Args:
        hosts: the values of Host that the app has accepted before.
    """

    def __init__(
        self, door: CommandDoor, metrics: Metrics, limiter: Limiter, *, hosts: Collection[bytes]
    ) -> None:
        self._door, self._metrics, self._limiter, self._hosts = door, metrics, limiter, hosts
        self._queue = door.dispatcher if isinstance(door.dispatcher, Begins) else None
        self._known: dict[bytes, Head] = {}  # by head without the line of the key
        self._tasks: set[asyncio.Task[None]] = set()
        self._kinds = {f"/commands/{name}".encode(): (name, kind) for name, kind in PUBLIC.items()}

    def head(self, url: bytes, headers: Headers) -> Keyed | None:
        """What the head of a POST states; None: take the long way."""
        named = self._kinds.get(url)
        if named is None:
            return None
        found: dict[bytes, bytes] = {}
        for header, value in headers:
            if header in _READ:
                if header in found:
                    return None
                found[header] = value
            elif header in _UNUSUAL or (header == b"connection" and value != b"keep-alive"):
                return None
        key, length = found.get(b"idempotency-key", b""), found.get(b"content-length", b"")
        actor = _person(found[b"x-actor"]) if b"x-actor" in found else ANONYMOUS
        if (
            found.get(b"host") not in self._hosts
            or found.get(b"content-type") != JSON_TYPE
            or actor is None
            or not _key(key)
            or not (length.isdigit() and int(length[:9]) <= BODY_MAX and len(length) < 9)
        ):
            return None
        return Keyed(Head(int(length), *named, actor), key.decode())

    def whole(self, data: bytes, headers_max: int) -> tuple[Head, str, bytes] | None:
        """Head, key and body, if `data` is one request and nothing else; None: parse it.

        The heads of one caller differ only in the key. What the rest of a head states is kept.
        """
        end = data.find(b"\r\n\r\n") + 2
        line = _key_line(data, 0, end) if end > 2 else None
        if line is None:
            return None
        start, after = line.span()
        rest = data[:start] + data[after - 2 : end]
        known = self._known.get(rest)
        if known is None:
            known = self._read_whole(data, headers_max)
            if known is None:
                return None
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known[rest] = known
        if len(data) - end - 2 != known.length:
            return None
        return known, line[1].decode(), data[end + 2 :]

    def _read_whole(self, data: bytes, headers_max: int) -> Head | None:
        found = _whole(data)
        if found is None:
            return None
        url, lines = found.groups()
        headers = [(name.lower(), value) for name, value in _split(lines)]
        keyed = self.head(url, headers) if len(headers) <= headers_max else None
        if keyed is None or keyed.head.length != len(data) - found.end():
            return None
        return keyed.head

    def request(self, head: Head, key: str, raw: bytes) -> Request | None:
        """The request that the body makes; None: take the long way, which names the fault."""
        try:
            command, at = command_from_text(head.kind, raw)
        except Exception:  # the app meets it again, and answers
            return None
        return Request(command=command, message_id=key, actor=head.actor, effective_at=at)

    def limited(self, address: str) -> bool:
        """Whether a limit applies to this caller: then it is asked before its body is read."""
        return self._limiter.limits(DOOR, address)

    def start(
        self, head: Head, request: Request, address: str, *, done: Done
    ) -> "asyncio.Task[None] | None":
        """Begin the command, and call `done` with the answer; the task, if one was needed."""
        if self._queue is None or self._limiter.limits(DOOR, address):
            return self._waiting(self.answer(head, request, address), done)
        start = perf_counter()
        try:
            answer = self._queue.begin(request)
        except Exception:  # met again, and answered, by the task
            return self._waiting(self.answer(head, request, address), done)
        answer.add_done_callback(partial(self._ended, _Begun(head, request, start, done)))
        return None

    def _waiting(
        self, answer: Coroutine[Any, Any, tuple[int, bytes]], done: Done
    ) -> "asyncio.Task[None]":
        async def waiting() -> None:
            done(*await answer)

        return asyncio.get_running_loop().create_task(waiting())

    def _ended(self, begun: _Begun, answer: "asyncio.Future[Outcome]") -> None:
        if answer.cancelled() or answer.exception() is not None:
            task = self._waiting(self._failed(begun, answer), begun.done)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        name, outcome = begun.head.name, answer.result()
        found = self._door.answer(name, begun.request, outcome, start=begun.start)
        begun.done(*_answer_bytes(found))

    async def _failed(self, begun: _Begun, answer: "asyncio.Future[Outcome]") -> tuple[int, bytes]:
        assert self._queue is not None
        outcome = self._queue.outcome_of(answer)
        found = await self._door.run(
            begun.head.name, begun.request, begun=outcome, start=begun.start
        )
        return _answer_bytes(found)

    async def answer(self, head: Head, request: Request, address: str) -> tuple[int, bytes]:
        """Run the command; the answer's status, and its bytes after the status line and date."""
        path = f"/commands/{head.name}"
        try:
            charged = await self._charged(address)
            if isinstance(charged, problems.Problem):
                return _answer_bytes(Answer(charged.status, charged.body(path), charged.headers))
            return _answer_bytes(await self._door.run(head.name, request), charged)
        except Exception as error:
            problem = problems.bug(f"POST {path} failed", error)
            return _answer_bytes(Answer(problem.status, problem.body(path)))

    async def _charged(self, address: str) -> dict[str, str] | problems.Problem:
        """The headers that state the caller's limit, or the problem of a caller over it."""
        if not self._limiter.limits(DOOR, address):
            return {}
        found = await self._limiter.admit(DOOR, address)
        if found is None:
            return {}
        headers = throttle.headers_of(DOOR, self._limiter.rates[DOOR], found)
        if found.admitted:
            return headers
        self._metrics.limited.labels(DOOR).inc()
        return throttle.over_limit(headers)


@lru_cache(maxsize=256)
def _person(actor: bytes) -> str | None:
    """The actor; None if it is not well formed or a part of the platform."""
    text = actor.decode("latin-1")
    return text if _actor(actor) and not is_part(text) else None


def _lines(headers: Headers) -> bytes:
    return b"".join([b"%s: %s\r\n" % header for header in headers])


_USUAL = b"content-length: %d\r\n" + _lines([(b"content-type", JSON_TYPE), *PLAIN]) + b"\r\n"
_NONE: dict[str, str] = {}


def _answer_bytes(answer: Answer, limit: dict[str, str] = _NONE) -> tuple[int, bytes]:
    if answer.status < 400 and not answer.headers and not limit:
        body = wire.dump(answer.body)
        return answer.status, _USUAL % len(body) + body
    response = answer.response()
    headers = MutableHeaders(raw=response.raw_headers)
    headers.update(limit)
    lines = _lines(with_headers(headers.raw))
    return answer.status, b"%s\r\n%s" % (lines, bytes(response.body))
