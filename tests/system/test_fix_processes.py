"""A platform and its venue as two processes: trading over FIX, either of them killed."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.fix.world import free_port
from tests.system.processes import (
    PATIENCE_S,
    ROOT,
    TIDEMARK,
    Served,
    _environment,
    client,
    end,
    folder,
    kill,
    serving,
    tidemark,
    until,
)

pytestmark = pytest.mark.slow
ORDER = {"account_id": "A1", "instrument_id": "AAPL", "side": "BUY", "qty": "30"}
LISTING = {
    "instrument_id": "AAPL",
    "symbol": "AAPL",
    "isin": "US0378331005",
    "currency": "USD",
    "mic": "XNAS",
    "asset_class": "equity",
    "lot_size": "1",
    "tick_size": "0.01",
}
MARK = {"instrument_id": "AAPL", "isin": "US0378331005", "price": "150.00", "currency": "USD"}


class Venue:
    """A `tidemark venue` whose page answers."""

    def __init__(self, made: Path, port: int) -> None:
        self._errors = made / "venue.stderr"
        marks = made / "marks.json"
        marks.write_text(json.dumps({"AAPL": ["150.00", "USD"]}))
        with self._errors.open("w") as errors:
            self.process = subprocess.Popen(
                [*TIDEMARK, "venue", "--fix-port", str(port), "--folder", str(made / "venue"),
                 "--marks", str(marks)],
                cwd=ROOT, env=_environment({}), stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=errors,
            )  # fmt: skip
        until(lambda: "venue on " in self.errors or self.process.poll() is not None)
        assert self.process.poll() is None, self.errors
        self.url = self.errors.split("venue on ", 1)[1].split()[0]

    @property
    def errors(self) -> str:
        return self._errors.read_text()

    def status(self) -> Any:
        return httpx.get(f"{self.url}/status", timeout=PATIENCE_S).json()


@contextmanager
def trading(made: Path, port: int) -> Iterator[Venue]:
    venue = Venue(made, port)
    try:
        yield venue
    finally:
        end(venue.process)


def asked(served: Served, query: str) -> Any:
    answer = served.http.post("/graphql", json={"query": query}).json()
    assert "errors" not in answer, answer
    return answer["data"]


def is_filled(served: Served, order_id: str) -> bool:
    found = asked(served, f'{{ order(id: "{order_id}") {{ ordStatus }} }}')["order"]
    return found is not None and found["ordStatus"] == "FILLED"


def place(served: Served, order_id: str) -> None:
    terms = {"ord_type": "LIMIT", "limit_px": "151.00"}
    served.did("PlaceOrder", ORDER | terms | {"order_id": order_id}, order_id)


def test_orders_trade_over_fix_whoever_is_killed() -> None:
    with folder() as made:
        port = free_port()
        env = {"TIDEMARK_VENUES": f"fix://TIDEMARK:XSIM@127.0.0.1:{port}"}
        with serving(made / "d", env) as served:
            assert "connection venue" in served.ready().text  # there is no venue yet
            client(served, "A1", cash="100000.00")
            served.did("ListInstrument", LISTING, "list")
            today = datetime.now(UTC).date().isoformat()
            served.did("MarkPrice", MARK | {"price_date": today, "source": "test"}, "mark")
            place(served, "O1")
            with trading(made, port) as venue:
                until(lambda: is_filled(served, "O1"))
                _shows_its_messages(served)
                kill(venue.process.pid)
            place(served, "O2")
            with trading(made, port) as venue:
                until(lambda: is_filled(served, "O2"))
                page = httpx.get(venue.url, timeout=PATIENCE_S).text
                assert "logged on" in page and "Open orders: 0" in page
                place(served, "O3")
                kill(served.process.pid)
                served.process.wait(PATIENCE_S)
                with serving(made / "d", env) as again:
                    until(lambda: is_filled(again, "O3"))
                    _holds_ninety(again)
        replayed = tidemark("replay", "--json", data_dir=made / "d", env=env)
        assert replayed.code == 0, replayed.out


def _shows_its_messages(served: Served) -> None:
    [order] = [asked(served, '{ order(id: "O1") { messages { direction msgType raw } } }')["order"]]
    out = [m for m in order["messages"] if m["direction"] == "out"]
    came = [m for m in order["messages"] if m["direction"] == "in"]
    assert [m["msgType"] for m in out] == ["D"] and "|38=30|" in out[0]["raw"]
    assert len(came) >= 2 and all(m["raw"].startswith("8=FIX.4.4|") for m in came)
    query = "{ fixSessions { edges { node { id status nextOut nextIn sent received } } } }"
    [edge] = asked(served, query)["fixSessions"]["edges"]
    session = edge["node"]
    assert (session["id"], session["status"]) == ("venue", "open")
    assert session["nextIn"] == session["received"] + 1


def _holds_ninety(served: Served) -> None:
    found = asked(served, '{ account(id: "A1") { positions { qty } } }')["account"]
    assert [p["qty"] for p in found["positions"]] == ["90"]
