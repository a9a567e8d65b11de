"""Odd requests to `/commands`, sent as raw bytes, and the server that answers them.

The dispatcher is a stub: its outcome follows from the account, and it keeps every request that it
gets. `odd_answers.json` holds the recorded answers, byte for byte, without their dates.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from adapters.cache.store import Rate
from adapters.dispatch.dispatcher import Overloaded
from adapters.dispatch.rate_limit import Limiter
from adapters.log.recorder import Unavailable
from adapters.memory.cache import MemoryCache
from api.app import create_app
from api.http.server import Door
from commands.handler import Declined, Done, Outcome, Raced
from commands.ports import KeyReused, Request, Unreadable
from domain.account.cash import CashDeposited
from domain.account.refusals import AccountRefusal
from domain.shared.message import refused
from tests.contract.http.test_http_faults import Failing

RECORDED = Path(__file__).with_name("odd_answers.json")
BODY = b'{"account_id":"A1","amount":"12.50","currency":"USD","reference":"r 1"}'
ORDER = {
    "order_id": "O1", "account_id": "A1", "instrument_id": "I1", "side": "BUY", "qty": "100",
    "ord_type": "LIMIT", "limit_px": "50.00", "time_in_force": "GTC",
}  # fmt: skip
LIMITED = "limited: "  # cases with this prefix go to a server with a limit, in their order

EVENT = CashDeposited(
    account_id="A1",
    amount=Decimal("12.50"),
    currency="USD",
    reference="r",
    value_date=date(2024, 1, 2),
)
OUTCOMES: dict[str, Outcome | Exception] = {
    "A-same": Done(stream="account-A1", version=4, position=0, changed=False),
    "A-replayed": Done(stream="account-A1", version=4, position=9, replayed=True),
    "A-declined": Declined(refused(AccountRefusal.ACCOUNT_UNKNOWN, account_id="A-declined")),
    "A-reused": KeyReused(),
    "A-raced": Raced("account-A-raced"),
    "A-full": Overloaded("10000 are waiting"),
    "A-gone": Unavailable("password=secret"),
    "A-corrupt": Unreadable("account-A1@3 (position 17): no.such: unknown"),
    "A-bug": RuntimeError("secret"),
}
DONE = Done(stream="account-A1", version=3, position=17, events=(EVENT,))


class Stub(Failing):
    """A platform whose dispatcher answers by account and remembers what it was asked."""

    def __init__(self, *, limited: bool) -> None:
        super().__init__(DONE)
        self.asked: list[Request] = []
        rates = {"commands": Rate(0.001, 2)} if limited else {}
        self.limiter = Limiter(MemoryCache(), rates, b"secret", loopback=limited)

    async def submit(self, request: Request) -> Outcome:
        await asyncio.sleep(0)
        self.asked.append(request)
        outcome = OUTCOMES.get(getattr(request.command, "account_id", ""), DONE)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class Queueing(Stub):
    """The same with the product's second entrance: the command is begun, its outcome follows."""

    def begin(self, request: Request) -> "asyncio.Future[Outcome]":
        outcome = OUTCOMES.get(getattr(request.command, "account_id", ""), DONE)
        if isinstance(outcome, Overloaded):
            raise outcome
        return asyncio.ensure_future(self.submit(request))

    async def outcome_of(self, begun: "asyncio.Future[Outcome]") -> Outcome:
        return await begun


class Wire(NamedTuple):
    """The served stub."""

    stub: Stub
    port: int

    async def ask(self, *pieces: bytes) -> dict[str, Any]:
        """Send the pieces one after the other; the answer, and what the dispatcher was asked."""
        before = len(self.stub.asked)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for at, piece in enumerate(pieces):
                if at:
                    await asyncio.sleep(0.002)
                writer.write(piece)
                await writer.drain()
            answer = await asyncio.wait_for(one_answer(reader), 10)
        finally:
            writer.close()
        asked = [repr(request) for request in self.stub.asked[before:]]
        return {"answer": answer.decode("latin-1"), "asked": asked}


@asynccontextmanager
async def served(*, limited: bool = False, kind: Callable[..., Stub] = Stub) -> AsyncIterator[Wire]:
    stub = kind(limited=limited)
    door = Door(create_app(stub), port=0)  # type: ignore[arg-type]
    task = asyncio.create_task(door.serve())
    while not door.started:
        await asyncio.sleep(0.01)
    try:
        yield Wire(stub, door.servers[0].sockets[0].getsockname()[1])
    finally:
        door.should_exit = True
        await task


async def one_answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    body = await reader.readexactly(int(length[1])) if length else b""
    return re.sub(rb"(?m)^date: [^\r]*", b"date: masked", head) + body


def request(
    body: bytes = BODY,
    *,
    path: str = "/commands/DepositCash",
    method: str = "POST",
    leave_out: tuple[str, ...] = (),
    **headers: str,
) -> bytes:
    """A request with the usual headers, some of them left out, changed or added."""
    wanted = {
        "host": "localhost",
        "content-type": "application/json",
        "idempotency-key": "k-1",
        "content-length": str(len(body)),
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}\r\n" for name, value in wanted.items() if name not in leave_out]
    return f"{method} {path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode("latin-1") + body


def changed(**fields: object) -> bytes:
    return json.dumps(json.loads(BODY) | fields).encode()


def order(**fields: object) -> bytes:
    return request(json.dumps(ORDER | fields).encode(), path="/commands/PlaceOrder")


def repeated(name: str, value: str) -> bytes:
    return request().replace(b"\r\n\r\n", f"\r\n{name}: {value}\r\n\r\n".encode(), 1)


def all_cases() -> Iterator[tuple[str, bytes]]:
    yield from _bodies()
    yield from _fields()
    yield from _heads()
    yield from _outcomes()
    yield from _bulks()


def _bodies() -> Iterator[tuple[str, bytes]]:
    for name, body in {
        "plain": BODY,
        "spaces": b" \r\n\t" + BODY.replace(b",", b" ,\n ") + b"\n",
        "empty": b"",
        "cut": BODY[:-1],
        "more after it": BODY + b"{}",
        "byte order mark": b"\xef\xbb\xbf" + BODY,
        "not UTF-8": BODY.replace(b"r 1", b"r \xff"),
        "UTF-16": BODY.decode().encode("utf-16"),
        "control in text": BODY.replace(b"r 1", b"r\t1"),
        "list": b"[" + BODY + b"]",
        "null": b"null",
        "text": b'"x"',
        "number": b"1",
        "NaN": BODY.replace(b'"12.50"', b"NaN"),
        "Infinity": BODY.replace(b'"12.50"', b"-Infinity"),
        "name twice": BODY[:-1] + b',"amount":"99"}',
        "name twice, escaped": BODY[:-1] + b',"\\u0061mount":"99"}',
        "escaped name": BODY.replace(b'"amount"', b'"\\u0061mount"'),
        "single quotes": BODY.replace(b'"', b"'"),
        "deep": b"[" * 300 + b"]" * 300,
        "too large": BODY[:-1] + b" " * (1 << 20) + b"}",
        "near the limit": BODY[:-1] + b" " * ((1 << 20) - len(BODY)) + b"}",
        "70 kB": BODY[:-1] + b" " * 70_000 + b"}",
    }.items():
        yield f"body: {name}", request(body)


def _fields() -> Iterator[tuple[str, bytes]]:
    deposits: dict[str, dict[str, object]] = {
        "amount a number": {"amount": 12.5},
        "amount an integer": {"amount": 12},
        "amount huge": {"amount": "9" * 400},
        "amount of 15 digits": {"amount": "9" * 15 + "." + "1" * 10},
        "amount of 16 digits": {"amount": "9" * 16},
        "amount with exponent": {"amount": "1e3"},
        "amount NaN in quotes": {"amount": "NaN"},
        "amount in other digits": {"amount": "\u0661\u0662"},
        "amount with line feed": {"amount": "12\n"},
        "amount with spaces": {"amount": " 12"},
        "amount with plus": {"amount": "+12"},
        "amount negative": {"amount": "-12.5"},
        "amount null": {"amount": None},
        "amount true": {"amount": True},
        "amount a list": {"amount": ["12"]},
        "huge number": {"amount": 10**400},
        "account empty": {"account_id": ""},
        "account odd": {"account_id": "A 1"},
        "account long": {"account_id": "A" * 65},
        "account with line feed": {"account_id": "A1\n"},
        "account null": {"account_id": None},
        "text empty": {"reference": ""},
        "text with colon": {"reference": "a:b"},
        "text unicode": {"reference": "Zo\u00eb \u5c71\u7530 \U0001f600"},
        "text astral, escaped": {"reference": "\U0002b739"},
        "text surrogate": {"reference": "\ud800"},
        "text unseen": {"reference": "a\u200bb"},
        "text control": {"reference": "a\u0000b"},
        "text tab and line feed": {"reference": "a\tb\nc"},
        "text 1000": {"reference": "x" * 1_000},
        "text 1001": {"reference": "x" * 1_001},
        "text a number": {"reference": 7},
        "date": {"available_on": "2024-02-29"},
        "date impossible": {"available_on": "2023-02-29"},
        "date in another form": {"available_on": "20240229"},
        "date early": {"available_on": "1899-12-31"},
        "date null": {"available_on": None},
        "unknown field": {"amont": "1"},
        "many unknown fields": {f"f{i}": i for i in range(30)},
        "type": {"type": "DepositCash"},
        "effective_at": {"effective_at": "2024-01-02T03:04:05.678+02:00"},
        "effective_at without zone": {"effective_at": "2024-01-02T03:04:05"},
        "effective_at null": {"effective_at": None},
    }
    for name, fields in deposits.items():
        yield f"field: {name}", request(changed(**fields))
    yield "field: missing", request(b'{"account_id":"A1"}')
    yield "field: none", request(b"{}")
    orders: dict[str, dict[str, object]] = {
        "plain": {},
        "side unknown": {"side": "buy"},
        "side a number": {"side": 1},
        "limit null": {"limit_px": None},
        "capacity": {"capacity": "PRIN"},
        "flag": {"solicited": True},
        "flag a text": {"solicited": "true"},
        "flag a number": {"solicited": 1},
        "time": {"time_in_force": "GTD", "expire_at": "2024-01-02T03:04:05Z"},
        "time in another zone": {"expire_at": "2024-01-02T03:04:05.5-05:00"},
        "time over the years": {"expire_at": "2199-12-31T23:59:59-05:00"},
        "states a time": {"effective_at": "2024-01-02T03:04:05Z"},
        "states a wrong time": {"effective_at": "yesterday"},
    }
    for name, fields in orders.items():
        yield f"order: {name}", order(**fields)
    client = {"client_id": "C1", "kind": "individual", "legal_name": "Ann", "country": "US"}
    kyc = {"client_id": "C1", "documents": [{"kind": "passport", "reference": "P"}]}
    for name, path, found in (
        ("client", "OnboardClient", client),
        ("documents", "SubmitKyc", kyc | {"risk_answers": {"a": "b"}}),
        ("documents wrong", "SubmitKyc", kyc | {"documents": [{"kind": "passport"}]}),
    ):
        yield f"nested: {name}", request(json.dumps(found).encode(), path=f"/commands/{path}")


def _heads() -> Iterator[tuple[str, bytes]]:
    for name in (
        "Nothing", "depositcash", "RecordFill", "DepositCash/", "DepositCash/x", "",
        "Deposit%43ash", "%F0%9F%98%80", "x" * 300, "DepositCash?dry_run=true",
        "DepositCash?dry_run=false", "DepositCash?dry_run=perhaps", "DepositCash?dryrun=1",
        "DepositCash?dry_run=1&dry_run=0", "DepositCash?", "DepositCash#x",
    ):  # fmt: skip
        yield f"path: {name}", request(path=f"/commands/{name}")
    yield "path: absolute", request(path="http://localhost/commands/DepositCash")
    yield "path: // first", request(path="//commands/DepositCash")
    yield (
        "dry run without key",
        request(path="/commands/DepositCash?dry_run=true", leave_out=("idempotency-key",)),
    )
    for method in ("GET", "PUT", "DELETE", "OPTIONS"):
        yield f"method: {method}", request(b"", method=method)
    for key in ("", '"k 1"', '"k-1"', "k@1", "k" * 128, "k" * 129, '"', "a b", "k\xe9", "k\t"):
        yield f"key: {key}", request(idempotency_key=key)
    yield "key missing", request(leave_out=("idempotency-key",))
    yield "key twice", repeated("Idempotency-Key", "k-2")
    for actor in ("olga", "", "a b", "x" * 65, "system", "SYSTEM", "saga.kyc", "cli.root", "\xe9"):
        yield f"actor: {actor}", request(x_actor=actor)
    yield "actor twice", repeated("X-Actor", "b")
    for kind in (
        "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"', "text/plain",
        "application/json; charset=latin-1", "application/json;", "application/x-json", "",
    ):  # fmt: skip
        yield f"type: {kind}", request(content_type=kind)
    yield "type missing", request(leave_out=("content-type",))
    yield "type twice", repeated("Content-Type", "application/json")
    more = {
        "coding gzip": {"content_encoding": "gzip"},
        "coding identity": {"content_encoding": "Identity"},
        "prefer wait": {"prefer": "wait=1"},
        "prefer wait 0": {"prefer": "wait=0"},
        "prefer other": {"prefer": "return=minimal"},
        "if-match": {"if_match": '"1"'},
        "if-none-match": {"if_none_match": "*"},
        "connection close": {"connection": "close"},
        "expect": {"expect": "nothing"},
        "upgrade": {"connection": "upgrade", "upgrade": "h2c"},
        "own origin": {"origin": "http://localhost"},
        "other origin": {"origin": "http://evil.example"},
        "null origin": {"origin": "null"},
        "same site": {"sec_fetch_site": "same-origin"},
        "cross site": {"sec_fetch_site": "cross-site"},
        "forwarded": {"x_forwarded_for": "192.0.2.1", "x_forwarded_proto": "https"},
        "many": {f"x_h{i}": "v" for i in range(90)},
        "too many": {f"x_h{i}": "v" for i in range(101)},
        "other host": {"host": "evil.example"},
        "host with port": {"host": "127.0.0.1:8080"},
        "host with spaces": {"host": "  localhost  "},
        "host empty": {"host": ""},
        "length 0": {"content_length": "0"},
        "length odd": {"content_length": "x"},
        "length long": {"content_length": "0071"},
    }
    for name, headers in more.items():
        yield f"head: {name}", request(**headers)
    yield "head: host missing", request(leave_out=("host",))
    yield "head: host twice", repeated("Host", "localhost")
    yield "head: length twice", repeated("Content-Length", str(len(BODY)))
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    yield (
        "head: chunked",
        request(chunked, leave_out=("content-length",), transfer_encoding="chunked"),
    )
    yield "head: HTTP/1.0", request().replace(b"HTTP/1.1", b"HTTP/1.0")
    yield "head: HTTP/1.0 alive", request(connection="keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0")


def _outcomes() -> Iterator[tuple[str, bytes]]:
    for name in OUTCOMES:
        yield f"outcome: {name}", request(changed(account_id=name))
        path = "/commands/DepositCash?dry_run=true"
        yield f"outcome of a dry run: {name}", request(changed(account_id=name), path=path)


def _bulks() -> Iterator[tuple[str, bytes]]:
    body = json.loads(BODY)
    good = {"name": "DepositCash", "key": "k", "body": body}
    for name, found in {
        "plain": [good, good | {"key": "k2"}],
        "empty": [],
        "no list": good,
        "wrong items": [
            1, {}, good | {"key": 1}, good | {"name": "Nothing"}, good | {"x": 1},
            good | {"body": None}, good | {"body": body | {"amount": 1}}, good | {"key": "a b"},
            good | {"body": body | {"effective_at": "2024-01-02T03:04:05Z"}},
        ],
        "outcomes": [good | {"body": body | {"account_id": account}} for account in OUTCOMES],
    }.items():  # fmt: skip
        yield f"bulk: {name}", request(json.dumps(found).encode(), path="/commands")
    yield (
        "bulk: key missing",
        request(json.dumps([{"name": "DepositCash", "body": body}]).encode(), path="/commands"),
    )
    yield (
        "bulk: dry run",
        request(
            json.dumps([{"name": "DepositCash", "body": body}]).encode(),
            path="/commands?dry_run=true",
        ),
    )
    deep = json.dumps([good]).encode().replace(b'"amount"', b'"amount":"1","amount"')
    yield "bulk: name twice", request(deep, path="/commands")


async def record() -> dict[str, dict[str, Any]]:
    """Ask everything; the answers by case, and what the metrics count at the end."""
    found: dict[str, dict[str, Any]] = {}
    async with served() as wire:
        for name, sent in all_cases():
            found[name] = await wire.ask(sent)
        found["metrics"] = {"counted": counted((await wire.ask(metrics()))["answer"])}
    async with served(limited=True) as wire:
        for at, sent in enumerate([request(), request(b"{"), request(), request(b"{")]):
            found[f"{LIMITED}{at + 1}"] = await wire.ask(sent)
    return found


def metrics() -> bytes:
    return b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n"


def counted(text: str) -> list[str]:
    """The lines with counts of commands, without times."""
    lines = re.findall(r"(?m)^tidemark_(?:commands|command_seconds_count|rate)[^\n]*", text)
    return [line for line in lines if "_created" not in line and "_waiting" not in line]


if __name__ == "__main__":
    RECORDED.write_bytes(msgspec.json.format(msgspec.json.encode(asyncio.run(record())), indent=1))
