"""The codec: plain decimals, sealed personal data, names and versions that are ours."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from adapters.host.entropy import SeededEntropy
from adapters.log.codec import PERSONAL_FIELDS, Codec, UnknownEvent, plain_json
from adapters.log.keys import MemoryKeyStore
from commands.ports import KeyDestroyed
from domain.account.cash import CashDeposited
from domain.account.fees import FeeAccrued
from domain.account.standing import AccountRestricted
from domain.account.withdrawals import WithdrawalRequested
from domain.catalogue import EVENTS
from domain.client.events import (
    ClientBlocked,
    ClientOnboarded,
    ClientScreened,
    ClientSuspended,
    ClientUnblocked,
    Document,
    KycSubmitted,
    Screening,
)
from domain.house import HouseFunded
from domain.price import PriceMarked
from domain.shared.identifiers import is_id
from domain.shared.message import ERASED, FIRM, Erased, Event

ENTROPY = SeededEntropy(7)


@pytest.fixture
def keys() -> MemoryKeyStore:
    return MemoryKeyStore(ENTROPY)


@pytest.fixture
def codec(keys: MemoryKeyStore) -> Codec:
    return Codec(keys, ENTROPY)


def onboarded() -> ClientOnboarded:
    return ClientOnboarded(
        client_id="c1", kind="individual", legal_name="Ada Lovelace", country="GB"
    )


def test_a_small_number_is_stored_without_exponent() -> None:
    event = FeeAccrued(
        account_id="A1",
        currency="USD",
        amount=Decimal("0.00"),
        exact_total=Decimal("0.000000012345"),
        accrual_date=date(2024, 1, 2),
    )
    assert b'"0.000000012345"' in plain_json(event)


def test_a_zero_with_an_exponent_is_stored_plain() -> None:
    event = PriceMarked(
        instrument_id="X",
        isin="US0378331005",
        price=Decimal("0E-10"),
        currency="USD",
        price_date=date(2024, 1, 2),
        source="s",
    )
    assert b'"0.0000000000"' in plain_json(event)
    assert b"E" not in plain_json(event).split(b'"price":')[1].split(b",")[0]


def test_an_event_reads_back_as_it_was(codec: Codec) -> None:
    event = CashDeposited(
        account_id="A1",
        amount=Decimal("10.00"),
        currency="USD",
        reference="1E5",
        value_date=date(2024, 1, 2),
    )
    name, schema, payload = codec.encode(event, label="x")
    assert (name, schema) == ("cash.deposited", 2)
    assert codec.decode(name, schema, payload) == event


def test_personal_data_is_nowhere_in_the_stored_bytes(codec: Codec) -> None:
    name, schema, payload = codec.encode(onboarded(), label="x")
    assert b"Ada" not in payload and b"Lovelace" not in payload
    assert codec.decode(name, schema, payload) == onboarded()


def test_without_its_key_personal_data_reads_as_erased(codec: Codec, keys: MemoryKeyStore) -> None:
    name, schema, payload = codec.encode(onboarded(), label="x")
    keys.destroy("c1")
    read = codec.decode(name, schema, payload)
    assert isinstance(read, ClientOnboarded)
    assert isinstance(read.legal_name, Erased)
    assert read.country == "GB"
    with pytest.raises(KeyDestroyed):
        codec.encode(onboarded(), label="y")


TEXTS = (
    ClientSuspended(client_id="c1", reason="Ada Lovelace"),
    ClientBlocked(client_id="c1", reason="Ada Lovelace"),
    AccountRestricted(account_id="A1", status="blocked", reason="Ada Lovelace", client_id="c1"),
    CashDeposited(
        account_id="A1", amount=Decimal(1), currency="USD", reference="Ada Lovelace",
        value_date=date(2024, 1, 2), client_id="c1", reference_hmac="d",
    ),
    WithdrawalRequested(
        account_id="A1", client_id="c1", payment_id="A1.W1", amount=Decimal(1), currency="USD",
        reference="Ada Lovelace",
    ),
    ClientScreened(
        client_id="c1", screening_id="s", outcome=Screening.CONFIRMED,
        screened_on=date(2024, 1, 2), lists=("Ada Lovelace",),
    ),
)  # fmt: skip


@pytest.mark.parametrize("event", TEXTS, ids=lambda e: type(e).__name__)
def test_what_happens_to_an_erased_client_is_stored_without_the_words(
    codec: Codec, keys: MemoryKeyStore, event: Event
) -> None:
    keys.data_key("c1")
    keys.destroy("c1")
    name, schema, payload = codec.encode(event, label="x")
    assert b"Lovelace" not in payload and b"aes-gcm" not in payload
    read = codec.decode(name, schema, payload)
    fields = [f for f in PERSONAL_FIELDS[name] if getattr(event, f)]
    assert fields and all(getattr(read, f) == ERASED for f in fields)
    assert msgspec.structs.replace(read, **{f: getattr(event, f) for f in fields}) == event


@pytest.mark.parametrize(
    "event",
    [
        KycSubmitted(
            client_id="c1", submitted_by="u", document_kinds=("passport",),
            documents=(Document(kind="passport", reference="P1"),),
        ),
        msgspec.structs.replace(TEXTS[4], payee="Ada Lovelace"),
    ],
    ids=lambda e: type(e).__name__,
)  # fmt: skip
def test_what_is_about_the_personal_data_itself_is_not_stored_of_an_erased_client(
    codec: Codec, keys: MemoryKeyStore, event: Event
) -> None:
    keys.destroy("c1")
    with pytest.raises(KeyDestroyed):
        codec.encode(event, label="x")


def test_texts_that_concern_no_client_are_sealed_under_the_firms_key(
    codec: Codec, keys: MemoryKeyStore
) -> None:
    event = HouseFunded(currency="USD", amount=Decimal(5), reference="Ada Lovelace")
    name, schema, payload = codec.encode(event, label="x")
    assert b"Lovelace" not in payload and codec.decode(name, schema, payload) == event
    assert keys.find(FIRM) is not None and not is_id(FIRM)


def test_an_event_without_words_makes_no_key(codec: Codec, keys: MemoryKeyStore) -> None:
    codec.encode(ClientUnblocked(client_id="c9"), label="x")
    assert keys.find("c9") is None


def test_sealed_bytes_cannot_be_moved_to_another_client(codec: Codec, keys: MemoryKeyStore) -> None:
    name, schema, payload = codec.encode(onboarded(), label="x")
    keys.data_key("c2")
    moved = payload.replace(b'"c1"', b'"c2"')
    with pytest.raises(msgspec.DecodeError):
        codec.decode(name, schema, moved)


def test_the_same_seed_gives_the_same_bytes_and_another_label_others(codec: Codec) -> None:
    again = Codec(MemoryKeyStore(ENTROPY), ENTROPY)
    assert codec.encode(onboarded(), label="x") == again.encode(onboarded(), label="x")
    assert codec.encode(onboarded(), label="x") != codec.encode(onboarded(), label="y")


@pytest.mark.parametrize(("name", "schema"), [("order.teleported", 1), ("cash.deposited", 99)])
def test_an_unknown_name_or_version_is_named(codec: Codec, name: str, schema: int) -> None:
    with pytest.raises(UnknownEvent, match=name):
        codec.decode(name, schema, b"{}")


def test_every_event_with_personal_fields_names_its_client() -> None:
    sealed = {name: fields for name, fields in PERSONAL_FIELDS.items() if fields}
    assert "client.onboarded" in sealed and "cash.withdrawal_requested" in sealed
    for name in sealed:
        cls = EVENTS[name]
        assert cls.SUBJECT == FIRM or cls.SUBJECT in cls.__struct_fields__, name
