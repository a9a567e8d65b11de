"""The codec: plain decimals, sealed personal data, names and versions that are ours."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from adapters.codec import PERSONAL_FIELDS, Codec, UnknownEvent, plain_json
from adapters.entropy import SeededEntropy
from adapters.keystore import KeyDestroyed, MemoryKeyStore
from domain.account.events import CashDeposited, FeeAccrued
from domain.catalogue import EVENTS
from domain.client.events import ClientOnboarded
from domain.message import FIRM, Erased
from domain.price import PriceMarked

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
