"""A bank's reference is the same in every spelling, and in events of every age."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.host.entropy import SeededEntropy
from adapters.log.codec import Codec
from adapters.log.keys import MemoryKeyStore
from domain import account
from domain.account.cash import DepositCash, ReturnDeposit
from domain.shared.digests import digest, is_plain, reference_form
from domain.shared.message import Seen
from projections.ledger import cash
from projections.operations import repeats
from tests.unit.domain.accounts import A1, DAY, NEXT, at, opened
from tests.unit.sagas.scenario import envelope

D = Decimal
SPELLINGS = [
    "RF18 Inv 7",
    "rf18 inv 7",
    "RF18INV7",
    "  RF18 Inv 7 ",
    "RF18  Inv\t7",
    "RF18\N{NO-BREAK SPACE}Inv\N{THIN SPACE}7",
    "\N{FULLWIDTH LATIN CAPITAL LETTER R}F18 INV 7",
    "RF18 In\N{ZERO WIDTH SPACE}v 7",
    "RF18 Inv 7\N{SOFT HYPHEN}\n",
]
OTHERS = ["RF18 Inv 8", "RF18-Inv-7", "RF18 Inv 7.", "RF18 Inv", "", "RF18 Ínv 7"]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_case_spaces_and_unseen_signs_do_not_tell_references_apart(spelling: str) -> None:
    assert reference_form(spelling) == "rf18inv7"


@pytest.mark.parametrize("other", OTHERS)
def test_signs_that_can_be_seen_do(other: str) -> None:
    assert reference_form(other) != "rf18inv7"


@given(st.text(max_size=20))
def test_a_form_is_its_own_form(text: str) -> None:
    form = reference_form(text)
    assert reference_form(form) == form
    assert reference_form(f" {text.upper()}\t") == reference_form(text.upper())


@given(st.text(st.characters(max_codepoint=126, min_codepoint=32), max_size=20))
def test_the_short_way_for_ascii_is_the_long_way(text: str) -> None:
    assert reference_form(text) == reference_form(f"{text}\N{ZERO WIDTH SPACE}")


class Desk:
    """An account, and the views of its events."""

    def __init__(self) -> None:
        self.state: Any = account.INITIAL
        self.repeats: dict[Any, Any] = {}
        self.cash: dict[Any, Any] = {}
        self._told = 0
        self.take(opened())

    def take(self, event: Any) -> Any:
        self.state = account.evolve(self.state, event)
        self._told += 1
        arrived = envelope(event, self._told, stream="account-A1")
        for view, rows in ((repeats, self.repeats), (cash, self.cash)):
            for key, fact in view.facts(arrived):
                rows[key] = view.fold(rows.get(key), key, fact)
        return event

    def do(self, command: Any, on: date = DAY) -> Any:
        seen: Seen = at(on)
        (event,) = account.decide(command, self.state, seen)
        return self.take(event)

    def deposit(self, reference: str, amount: str = "100.00", **more: Any) -> Any:
        return self.do(
            DepositCash(
                account_id=A1, amount=D(amount), currency="USD", reference=reference, **more
            )
        )

    def give_back(self, reference: str, amount: str = "100.00") -> Any:
        return self.do(
            ReturnDeposit(
                account_id=A1, amount=D(amount), currency="USD", reference=reference, reason="AC04"
            )
        )

    def before(self, reference: str, amount: str = "100.00", **more: str) -> Any:
        """A receipt as it was stored before references were sealed."""
        raw = {
            "type": "cash.deposited", "account_id": A1, "amount": amount, "currency": "USD",
            "reference": reference, "value_date": str(DAY), **more,
        }  # fmt: skip
        entropy = SeededEntropy(1)
        codec = Codec(MemoryKeyStore(entropy), entropy)
        return self.take(codec.decode("cash.deposited", 1, json.dumps(raw).encode()))

    @property
    def cases(self) -> list[str]:
        return sorted(row.kind for row in self.repeats.values() if row.shown)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_reference_in_another_spelling_is_the_same_receipt_again(spelling: str) -> None:
    desk = Desk()
    desk.deposit("RF18 Inv 7")
    desk.deposit(spelling)
    assert desk.cases == ["duplicate_reference"]


@pytest.mark.parametrize("other", OTHERS)
def test_another_reference_is_another_receipt(other: str) -> None:
    desk = Desk()
    desk.deposit("RF18 Inv 7")
    desk.deposit(other)
    assert desk.cases == []


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_uncollected_receipt_goes_back_under_any_spelling(spelling: str) -> None:
    desk = Desk()
    desk.deposit("RF18 Inv 7", available_on=NEXT)
    assert desk.state.uncollected("USD", DAY) == 100
    desk.give_back(spelling)
    assert desk.state.uncollected("USD", DAY) == 0
    assert desk.cash[A1, "USD"].uncollected == "[]"
    assert desk.cases == []


class TestAReceiptOfBeforeReferencesWereSealed:
    @pytest.mark.parametrize("spelling", SPELLINGS)
    def test_is_known_when_its_reference_comes_again(self, spelling: str) -> None:
        desk = Desk()
        desk.before("RF18 Inv 7")
        again = desk.deposit(spelling)
        assert is_plain(again.reference_hmac)
        assert desk.cases == ["duplicate_reference"]

    @pytest.mark.parametrize("spelling", SPELLINGS)
    @pytest.mark.parametrize("more", [{}, {"available_on": str(NEXT)}])
    def test_goes_back_as_what_it_was(self, spelling: str, more: dict[str, str]) -> None:
        desk = Desk()
        desk.before("RF18 Inv 7", **more)
        desk.give_back(spelling)
        assert desk.cases == []
        assert desk.state.uncollected("USD", DAY) == 0
        desk.give_back("RF18 Inv 7")
        assert desk.cases == ["returned_beyond_receipt"]

    def test_that_was_reported_twice_then_is_a_case_on_replay(self) -> None:
        desk = Desk()
        desk.before("RF18 Inv 7")
        desk.before("rf18inv7")
        assert desk.cases == ["duplicate_reference"]

    def test_gives_nothing_away_of_other_references(self) -> None:
        desk = Desk()
        desk.before("RF18 Inv 7")
        other = desk.deposit("Lovelace")
        assert other.reference_hmac == digest("lovelace", b"", scope="K1")
        assert len(desk.state.clear_references) == 1


def test_one_reference_has_one_digest_on_all_accounts_of_a_client() -> None:
    """So the warehouse finds a reference that was credited on two accounts."""
    result = []
    for account_id in ("A1", "A2"):
        command = DepositCash(account_id=account_id, amount=D(1), currency="USD", reference="Inv 7")
        state = account.evolve(account.INITIAL, opened(account_id=account_id))
        (event,) = account.decide(command, state, at(DAY))
        result.append(event.reference_hmac)
    assert result[0] == result[1]
