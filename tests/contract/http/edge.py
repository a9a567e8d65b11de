"""A whole platform behind a real socket: embedded Postgres, views, sagas, uvicorn; in a thread."""

import asyncio
import itertools
import shutil
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import httpx

from adapters.settings import Settings
from adapters.wiring.platform import Platform, open_platform
from api.app import create_app
from api.http.limits import Limits
from api.http.server import Door
from commands.handler import Done
from commands.ports import Request
from domain.order.commands import RecordAck, RecordFill
from domain.shared.market_time import market_today
from domain.shared.message import Command
from projections.catalogue import VIEWS
from streams.sagas.runner import SagaRunner
from streams.views.inline import InlineRunner

T = TypeVar("T")
PATIENCE_S = 30.0
NO_OTHER = Limits()


class Edge:
    """A test's client of the edge. `run` runs a coroutine on the platform's own loop."""

    def __init__(self, url: str, platform: Platform, loop: asyncio.AbstractEventLoop) -> None:
        self.url, self.platform, self._loop = url, platform, loop
        self.http = httpx.Client(base_url=url, timeout=PATIENCE_S)
        self._keys = itertools.count(1)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    def post(
        self, name: str, body: object, *, key: str | None = None, **headers: str
    ) -> httpx.Response:
        sent = {"Idempotency-Key": key or self.key()} | {
            k.replace("_", "-"): v for k, v in headers.items()
        }
        return self.http.post(f"/commands/{name}", json=body, headers=sent)

    def did(self, name: str, body: object) -> dict[str, Any]:
        """Post a command that must succeed; returns its answer."""
        answer = self.post(name, body)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        answer = self.http.post("/graphql", json={"query": query, "variables": variables})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def data(self, query: str, **variables: object) -> dict[str, Any]:
        """The data of a query that must not have errors."""
        answer = self.ask(query, **variables)
        assert "errors" not in answer or not answer["errors"], answer
        found: dict[str, Any] = answer["data"]
        return found

    def internal(self, command: Command, effective_at: datetime | None = None) -> Done:
        """Submit a command as a gateway or saga does."""
        request = Request(command=command, message_id=self.key(), effective_at=effective_at)
        outcome = self.run(self.platform.dispatcher.submit(request))
        assert isinstance(outcome, Done), outcome
        return outcome

    def key(self) -> str:
        return f"k{next(self._keys)}"


@contextmanager
def serving(limits: Limits = NO_OTHER) -> Iterator[Edge]:
    """An edge on a free port over a temporary data directory."""
    folder = Path(tempfile.mkdtemp(prefix="tidemark-edge-"))
    ready: Future[Edge] = Future()
    stop = threading.Event()
    thread = threading.Thread(target=_serve, args=(folder, ready, stop, limits), name="edge")
    thread.start()
    try:
        edge = ready.result(60)
        yield edge
        edge.http.close()
    finally:
        stop.set()
        thread.join(60)
        shutil.rmtree(folder, ignore_errors=True)


def book(edge: Edge, name: str, *, currency: str = "USD", cash: str = "10000.00") -> None:
    """A client with an approved KYC file and a funded account, ids after `name`."""
    edge.did(
        "OnboardClient",
        {"client_id": f"{name}-c", "kind": "individual", "legal_name": "Ann", "country": "US"},
    )
    document = {"kind": "passport", "reference": "P1"}
    edge.did("SubmitKyc", {"client_id": f"{name}-c", "documents": [document], "risk_answers": {}})
    edge.did(
        "ApproveKyc",
        {
            "client_id": f"{name}-c",
            "officer": "olga",
            "risk_rating": "low",
            "review_on": f"{datetime.now(UTC).year + 1}-01-15",
        },
    )
    account = {"account_id": name, "client_id": f"{name}-c", "base_currency": currency}
    edge.did("OpenAccount", account | {"lot_method": "FIFO"})
    if Decimal(cash):
        paid = {"amount": cash, "currency": currency, "reference": "first"}
        edge.did("DepositCash", {"account_id": name, **paid})


def us_today() -> date:
    """The date in the market of XNAS, by which marks are judged. It is late behind UTC."""
    return market_today("US", datetime.now(UTC))


def listing(edge: Edge, name: str, isin: str, *, mark: str = "50.00") -> None:
    """A listed instrument with a mark."""
    edge.did(
        "ListInstrument",
        {
            "instrument_id": name,
            "symbol": name,
            "isin": isin,
            "currency": "USD",
            "mic": "XNAS",
            "asset_class": "equity",
            "lot_size": "1",
            "tick_size": "0.01",
        },
    )
    marked = {"instrument_id": name, "isin": isin, "price": mark, "currency": "USD"}
    edge.did("MarkPrice", marked | {"price_date": us_today().isoformat(), "source": "test"})


def order(edge: Edge, order_id: str, account: str, instrument: str, **terms: str) -> dict[str, Any]:
    """Place a limit order to buy 100 at 50.00, with the terms given changed."""
    body = {
        "order_id": order_id,
        "account_id": account,
        "instrument_id": instrument,
        "side": "BUY",
        "qty": "100",
        "ord_type": "LIMIT",
        "limit_px": "50.00",
        "time_in_force": "GTC",
    }
    return edge.did("PlaceOrder", body | terms)


def filled(edge: Edge, order_id: str, exec_id: str, qty: str, px: str) -> Done:
    """The venue accepts the order and executes a part of it."""
    edge.internal(RecordAck(order_id=order_id, venue_order_id=f"V-{order_id}"))
    today = datetime.now(UTC)
    return edge.internal(
        RecordFill(
            order_id=order_id,
            venue_order_id=f"V-{order_id}",
            exec_id=exec_id,
            last_qty=Decimal(qty),
            last_px=Decimal(px),
            transact_time=today,
            trade_date=today.date(),
            settl_date=date(today.year + 1, 1, 4),
        )
    )


def settled(edge: Edge) -> str:
    """Wait until the sagas are idle; the position to ask for by `atLeast`."""

    async def quiet() -> int:
        last = -1
        while last != (last := await edge.platform.log.last()):
            await asyncio.sleep(0.3)
        return last

    return str(edge.run(quiet()))


def _serve(folder: Path, ready: "Future[Edge]", stop: threading.Event, limits: Limits) -> None:
    try:
        asyncio.run(_main(folder, ready, stop, limits))
    except BaseException as error:
        if not ready.done():
            ready.set_exception(error)
        raise


async def _main(folder: Path, ready: "Future[Edge]", stop: threading.Event, limits: Limits) -> None:
    settings = Settings(data_dir=folder)
    async with await open_platform(settings, verb="test") as platform:
        views = InlineRunner(platform.log, platform.sink, VIEWS)
        await views.catch_up()
        sagas = SagaRunner(platform.log, platform.saga_store, platform.dispatcher.submit_many)
        ended = asyncio.Event()

        async def idle(position: int) -> None:
            await platform.log.wait(position, timeout_s=0.2)

        server = Door(create_app(platform, views), limits, port=0)
        tasks = [
            asyncio.create_task(views.run(ended)),
            asyncio.create_task(sagas.run(ended, idle)),
            asyncio.create_task(server.serve()),
        ]
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        ready.set_result(Edge(f"http://127.0.0.1:{port}", platform, loop))
        await asyncio.to_thread(stop.wait)
        server.should_exit = True
        ended.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*tasks), 10)
