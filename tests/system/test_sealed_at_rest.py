"""Each free text of each public command holds a unique word; none of the words is on the disk.

Also: a client is erased while `serve` runs. All texts about the client are gone at once, and other
business goes on.
"""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from api.http.commands import PUBLIC
from domain.shared.message import PERSONAL
from tests.system.processes import Served, client, folder, serving, sql, tidemark, until, verb

pytestmark = pytest.mark.slow

ELSEWHERE = {
    "OnboardClient.birth_date",
    "OnboardClient.nationality",
    "CancelWithdrawal.reason",
    "ResetFixSession.reason",
    *(f"ReopenAccount.{f}" for f in ("reason", "requested_by", "approved_by")),
    *(f"CashResidue.{f}" for f in ("reason", "requested_by", "approved_by")),
}
"""Fields without free text, or of commands that need a longer story; `test_sealed_texts` checks
their events."""
WORD = "xqzv"  # the beginning of every needle, used nowhere else


class Haystack:
    """Commands in an order in which they succeed; each free text is a unique needle."""

    def __init__(self) -> None:
        self._n = itertools.count(1)
        self.hidden: dict[str, str] = {}  # needle -> command.field

    def put(self, where: str) -> str:
        needle = f"{WORD}{next(self._n):03}{where.replace('.', '').replace('_', '')}"
        self.hidden[needle] = where
        return needle

    def bodies(self) -> Iterator[tuple[str, dict[str, Any]]]:
        who = {"client_id": "C1"}
        name = "OnboardClient"
        yield name, {
            **who, "kind": "individual", "country": "GB", "birth_date": "1980-01-01",
            **{f: self.put(f"{name}.{f}") for f in
               ("legal_name", "tax_id", "first_names", "surnames")},
            "email": f"{self.put(f'{name}.email')}@example.org",
            "nationality": ["GB"],
            "tax_residence": [{"country": "GB", "tin": self.put(f"{name}.tax_residence")}],
            "national_id": {"scheme": "NIDN", "value": self.put(f"{name}.national_id")},
        }  # fmt: skip
        yield "SubmitKyc", self._kyc()
        yield "RequestKycInformation", {
            **who, **self._said("RequestKycInformation", "officer", "reason"),
        }  # fmt: skip
        yield "SubmitKyc", self._kyc()
        yield "RejectKyc", {**who, **self._said("RejectKyc", "officer", "reason")}
        yield "SubmitKyc", self._kyc()
        yield "RecordScreening", {
            **who, "screening_id": "S1", "outcome": "clear", "screened_on": "2024-01-02",
            "lists": [self.put("RecordScreening.lists")],
        }  # fmt: skip
        later = f"{time.gmtime().tm_year + 1}-06-01"
        yield "ApproveKyc", {
            **who, "risk_rating": "low", "review_on": later, **self._said("ApproveKyc", "officer"),
        }  # fmt: skip
        yield from self._money()
        yield from self._listing()
        yield from self._desk()
        for name in ("SuspendClient", "ReinstateClient", "BlockClient", "UnblockClient"):
            yield name, {**who, **self._said(name, "reason")}
        yield "OffboardClient", {**who, **self._said("OffboardClient", "reason")}

    def _kyc(self) -> dict[str, Any]:
        document = {f: self.put("SubmitKyc.documents") for f in ("kind", "reference", "issuer")}
        answers = {self.put("SubmitKyc.risk_answers"): self.put("SubmitKyc.risk_answers")}
        return {"client_id": "C1", "documents": [document], "risk_answers": answers}

    def _money(self) -> Iterator[tuple[str, dict[str, Any]]]:
        a, usd = {"account_id": "A1"}, {"account_id": "A1", "amount": "9.00", "currency": "USD"}
        yield "OpenAccount", {**a, "client_id": "C1", "base_currency": "USD"}
        cash = {**usd, "amount": "5000.00"}
        yield "DepositCash", {**cash, **self._said("DepositCash", "reference")}
        late = self._said("DepositCash", "reference")
        day = f"{time.gmtime().tm_year + 1}-01-04"
        yield "DepositCash", {**usd, **late, "available_on": day}
        yield "ReturnDeposit", {**usd, **late, **self._said("ReturnDeposit", "reason")}
        yield "ReturnDeposit", {**usd, **self._said("ReturnDeposit", "reference", "reason")}
        yield "WithdrawCash", {**usd, **self._said("WithdrawCash", "reference", "payee")}
        texts = ("reason", "evidence", "requested_by", "approved_by")
        yield "PostAdjustment", {
            **usd, "adjustment_id": "J1", **self._said("PostAdjustment", *texts),
        }  # fmt: skip
        for name in ("SetClosingOnly", "UnblockAccount", "BlockAccount", "UnblockAccount"):
            yield name, {**a, **self._said(name, "reason")}
        yield (
            "FundHouse",
            {"currency": "USD", "amount": "5.00", **self._said("FundHouse", "reference")},
        )
        yield (
            "SweepDues",
            {"currency": "USD", "amount": "-1.00", **self._said("SweepDues", "reference")},
        )

    def _listing(self) -> Iterator[tuple[str, dict[str, Any]]]:
        x = {"instrument_id": "AAPL"}
        yield "ListInstrument", {
            **x, "symbol": "AAPL", "isin": "US0378331005", "currency": "USD", "mic": "XNAS",
            "asset_class": "equity", "lot_size": "1", "tick_size": "0.01",
        }  # fmt: skip
        order = {
            **x, "order_id": "O1", "account_id": "A1", "side": "BUY", "qty": "1",
            "ord_type": "LIMIT", "limit_px": "1.00", "time_in_force": "GTC",
        }  # fmt: skip
        yield "PlaceOrder", order
        yield "CancelOrder", {"order_id": "O1", **self._said("CancelOrder", "reason")}
        for name in ("HaltInstrument", "ResumeInstrument", "DelistInstrument"):
            yield name, {**x, **self._said(name, "reason")}

    def _desk(self) -> Iterator[tuple[str, dict[str, Any]]]:
        firm = {"scope": "firm"}
        for name, person in (
            ("EngageKillSwitch", "engaged_by"),
            ("ReleaseKillSwitch", "released_by"),
        ):
            yield name, {**firm, **self._said(name, "reason", person)}
        for name in ("RestrictInstrument", "LiftRestriction"):
            yield name, {"isin": "US4592001014", **self._said(name, "reason")}

    def _said(self, name: str, *fields: str) -> dict[str, str]:
        return {field: self.put(f"{name}.{field}") for field in fields}


def personal_fields() -> set[str]:
    return {
        f"{name}.{field.name}"
        for name, kind in PUBLIC.items()
        for field in msgspec.structs.fields(kind)
        if _is_personal(field.type)
    }


def _is_personal(hint: Any) -> bool:
    marked = PERSONAL in getattr(hint, "__metadata__", ())
    return marked or any(map(_is_personal, get_args(hint)))


def found(folder: Path, words: bytes) -> list[str]:
    """The files below a folder that hold these bytes, in upper or lower case."""
    hits = []
    for file in folder.rglob("*"):
        if file.is_file() and words in file.read_bytes().lower():
            hits.append(str(file.relative_to(folder)))
    return hits


def test_no_free_text_of_any_public_command_lies_on_the_disk_in_clear() -> None:
    hay = Haystack()
    with folder() as made:
        with serving(made / "d") as served:
            for n, (name, body) in enumerate(hay.bodies()):
                answer = served.do(name, body, f"n{n}")
                assert answer.status_code == 201, (name, answer.text)
            assert personal_fields() - set(hay.hidden.values()) - ELSEWHERE == set()
            _loaded(served)
            metrics = served.http.get("/metrics").text.lower()
            assert WORD not in metrics and WORD not in served.errors.lower()
            sql(made / "d", "checkpoint")
        assert WORD not in served.errors.lower()
        assert found(made / "d", WORD.encode()) == []
        assert found(made / "d", b"account-a1") != [], "the search finds what is there"


def _loaded(served: Served) -> None:
    """Wait until views, sagas and the warehouse have the whole log."""

    def folded() -> bool:
        state = served.ready().json()
        end = state["log"]["position"]
        return all(view["position"] == end for view in state["views"].values())

    until(folded, what="the views are at the end of the log")
    end = served.ready().json()["log"]["position"]

    def loaded() -> bool:  # the log may grow meanwhile by timed checkpoints
        result = tidemark("sql", "SELECT count() AS n FROM events", data_dir=served.data_dir)
        counts = [int(word) for word in result.out.split() if word.isdigit()]
        return bool(counts) and max(counts) >= end

    until(loaded, seconds=90, what="the warehouse has every event")


def test_a_client_is_erased_while_serve_runs_and_everything_else_goes_on() -> None:
    with folder() as made, serving(made / "d") as served:
        client(served, "A1", cash="5000.00")
        _canceled(served, "A1")
        reason = '{ order(id: "A1-o") { ordStatus reason } }'
        asked = served.http.post("/graphql", json={"query": reason}).json()["data"]["order"]
        assert asked == {"ordStatus": "CANCELED", "reason": "Ada changed her mind"}

        refused = tidemark("erase", "A1-c", "--yes", data_dir=made / "d")
        assert refused.code == 1 and "client_not_closed" in refused.complaint
        assert tidemark("erase", "A1-c", data_dir=made / "d").code == 2
        unsaid = tidemark("erase", "A1-c", "--yes", "--force", data_dir=made / "d")
        assert (unsaid.code, "--force needs --reason TEXT" in unsaid.err) == (2, True)
        words = ("erase", "A1-c", "--yes", "--force", "--reason", "a court says so", "--json")
        done = tidemark(*words, data_dir=made / "d")
        assert done.code == 0, done.err
        assert done.json["erased"] is True

        answer = served.http.post("/graphql", json={"query": reason}).json()["data"]["order"]
        assert answer == {"ordStatus": "CANCELED", "reason": None}
        _goes_on(served, made / "d")
        again = tidemark(*words, data_dir=made / "d")
        assert again.code == 0 and again.json["erased"] is True
        tombs = "select client_id, length(wrapped), destroyed_at is null from keys.data_keys"
        rows = sql(made / "d", f"{tombs} where destroyed")
        assert rows == [("A1-c", 32, False)], "a mark in the place of the 40 bytes of a key"
        assert served.errors.count("\n") == 1, served.errors


def test_a_key_that_is_destroyed_by_hand_is_used_by_no_running_process() -> None:
    with folder() as made, serving(made / "d") as served:
        client(served, "A1", cash="5000.00")
        sql(made / "d", "update keys.data_keys set destroyed = true where client_id = 'A1-c'")
        kyc = {"client_id": "A1-c", "documents": [{"kind": "passport", "reference": "P2"}]}
        _goes_on(served, made / "d")
        assert served.do("SubmitKyc", kyc, "late").status_code == 422
    shown = verb("log", "verify", data_dir=made / "d")
    assert shown.code != 0 or "verified" in shown.out


def _canceled(served: Served, account: str) -> None:
    """Place an order, and cancel it with a free text of the client's."""
    listed = {
        "instrument_id": "AAPL", "symbol": "AAPL", "isin": "US0378331005", "currency": "USD",
        "mic": "XNAS", "asset_class": "equity", "lot_size": "1", "tick_size": "0.01",
    }  # fmt: skip
    served.did("ListInstrument", listed, "list")
    order = {
        "order_id": f"{account}-o", "account_id": account, "instrument_id": "AAPL", "side": "BUY",
        "qty": "1", "ord_type": "LIMIT", "limit_px": "1.00", "time_in_force": "GTC",
    }  # fmt: skip
    served.did("PlaceOrder", order, "place")
    cancel = {"order_id": f"{account}-o", "reason": "Ada changed her mind"}
    served.did("CancelOrder", cancel, "cancel")
    query = {"query": f'{{ order(id: "{account}-o") {{ ordStatus }} }}'}
    until(lambda: "CANCELED" in served.http.post("/graphql", json=query).text)


def _goes_on(served: Served, data_dir: Path) -> None:
    """Cash, blocks, screenings and exit of an erased client; none of their texts is stored."""
    usd = {"account_id": "A1", "amount": "1.00", "currency": "USD"}
    served.did("DepositCash", {**usd, "reference": "xqzv of Ada"}, "e1")
    served.did("ReturnDeposit", {**usd, "reference": "xqzv of Ada", "reason": "xqzv"}, "e2")
    served.did("WithdrawCash", {**usd, "reference": "xqzv of Ada"}, "e3")
    payee = {**usd, "reference": "xqzv of Ada", "payee": "xqzv, GB33BUKB2020"}
    refused = served.do("WithdrawCash", payee, "e4")
    assert (refused.status_code, refused.json()["type"]) == (422, "client_erased")
    served.did("BlockAccount", {"account_id": "A1", "reason": "xqzv"}, "e5")
    for n, name in enumerate(("SuspendClient", "BlockClient")):
        served.did(name, {"client_id": "A1-c", "reason": "xqzv"}, f"e6{n}")
    hit = {"screening_id": "S9", "outcome": "confirmed", "screened_on": "2024-01-02"}
    served.did("RecordScreening", {"client_id": "A1-c", **hit, "lists": ["xqzv"]}, "e7")
    stored = sql(data_dir, "select convert_from(state, 'utf8') from log.events "
                 "order by position desc limit 8")  # fmt: skip
    text = "".join(row for (row,) in stored)
    assert "xqzv" not in text and text.count('{"erased":"erased"}') >= 5
    until(lambda: served.ready().status_code == 200)
