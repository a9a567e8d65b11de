"""Failures of the platform behind the edge: one clear answer each, without internal details."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from adapters.cache.values import Cache
from adapters.dispatch.dispatcher import Overloaded
from adapters.dispatch.rate_limit import Limiter
from adapters.host.entropy import SystemEntropy
from adapters.log.recorder import Unavailable
from adapters.memory.cache import MemoryCache
from api.app import create_app
from commands.handler import Outcome, Raced
from commands.ports import Request, Unreadable
from projections.engine.runner import Stuck

DEPOSIT = {"account_id": "A1", "amount": "1.00", "currency": "USD", "reference": "r"}


class Failing:
    """A platform in which every part gives the same outcome or raises the same error."""

    def __init__(self, outcome: Outcome | Exception) -> None:
        self.outcome = outcome
        self.dispatcher = self.log = self.read_models = self
        self.read_warehouse = None
        self.cache = Cache(MemoryCache(), b"secret", SystemEntropy())
        self.limiter = Limiter(MemoryCache(), {}, b"secret", loopback=False)
        self.batches = self.commands = self.waiting = self.statements = 0

    def clock(self) -> datetime:
        return datetime.now(UTC)

    async def submit(self, request: Request) -> Outcome:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    async def last(self) -> int:
        raise Unavailable("no server")

    async def positions(self) -> Mapping[str, int]:
        raise Unavailable("no server")

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Any]:
        raise Unavailable("no server at secret-host")
        yield


class Views:
    """A view runner that reports troubles."""

    fault = "Unavailable: no server"
    stuck: Sequence[Stuck] = (
        Stuck(view="cash", stream="account-A1", version=3, position=17, error="KeyError: x"),
    )

    def listen(self, listener: object, **wishes: object) -> Any:
        return lambda: None


async def post(outcome: Outcome | Exception, path: str, body: object) -> httpx.Response:
    app = create_app(Failing(outcome))  # type: ignore[arg-type]
    wire = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=wire, base_url="http://localhost") as client:
        return await client.post(path, json=body, headers={"Idempotency-Key": "k"})


@pytest.mark.parametrize(
    ("outcome", "status", "name"),
    [
        (Overloaded("10000 commands are waiting"), 503, "overloaded"),
        (Unavailable("password=secret"), 503, "store_unavailable"),
        (Unreadable("account-A1@3 (position 17): no.such: unknown"), 500, "log_unreadable"),
        (Raced("account-A1"), 409, "race_lost"),
        (RuntimeError("secret"), 500, "internal_error"),
    ],
)
async def test_each_failure_has_its_status_and_name(
    outcome: Outcome | Exception, status: int, name: str
) -> None:
    answer = await post(outcome, "/commands/DepositCash", DEPOSIT)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == name
    assert ("retry-after" in answer.headers) == (status == 503)
    assert "secret" not in answer.text


async def test_an_unreadable_event_is_named_by_stream_and_version() -> None:
    answer = await post(Unreadable("account-A1@3: x"), "/commands/DepositCash", DEPOSIT)
    assert "account-A1@3" in answer.json()["detail"]


async def test_in_a_bulk_each_item_fails_for_itself() -> None:
    items = [{"name": "DepositCash", "key": f"k{i}", "body": DEPOSIT} for i in range(2)]
    answer = await post(Overloaded("full"), "/commands", items)
    assert answer.status_code == 200
    assert [one["status"] for one in answer.json()] == [503, 503]


async def test_a_query_says_that_the_read_models_are_gone_and_no_more() -> None:
    answer = await post(Raced("x"), "/graphql", {"query": '{account(id: "A1"){id}}'})
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "UNAVAILABLE"
    assert "secret" not in answer.text


async def test_readyz_gives_every_reason_and_healthz_stays_up() -> None:
    app = create_app(Failing(Raced("x")), Views())  # type: ignore[arg-type]
    wire = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=wire, base_url="http://localhost") as client:
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        reasons = " | ".join(ready.json()["reasons"])
        for part in ("log: ", "read models: ", "views: ", "cash is stuck at account-A1@3"):
            assert part in reasons
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/metrics")).status_code == 200


async def test_without_a_warehouse_its_door_says_so() -> None:
    answer = await post(Raced("x"), "/warehouse", {"query": "select 1"})
    assert (answer.status_code, answer.json()["type"]) == (503, "warehouse_off")
