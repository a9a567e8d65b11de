"""Upcasts: bytes of three versions of one event are read as the event's current version.

No event of ours has a second version yet, so one is made up here and taught to the codec for the
length of a test. The stored bytes of the old versions are written by an old build: a codec that
was taught those versions only.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, ClassVar

import msgspec
import pytest

from adapters.host.entropy import SeededEntropy
from adapters.log import codec as codecs
from adapters.log.codec import Codec, UnknownEvent
from adapters.log.event_log import RecorderLog
from adapters.log.keys import MemoryKeyStore
from adapters.log.recorder import Sealed, Write
from adapters.log.upcasts import SEALED, UPCASTS, Seals
from adapters.memory.recorder import MemoryRecorder
from commands.ports import Unreadable
from domain.shared.message import ERASED, Erased, Event, PersonalText

NAME = "gift.promised"


class GiftV1(Event, tag=NAME):
    """One amount in cents, one name, of a `customer`."""

    SUBJECT: ClassVar[str] = "customer"
    customer: str
    full_name: PersonalText
    amount_cents: int
    on: date


class GiftV2(Event, tag=NAME):
    """The customer is a client, the amount a decimal; the name is still one."""

    VERSION: ClassVar[int] = 2
    client_id: str
    legal_name: PersonalText
    amount: Decimal
    on: date


class GiftV3(Event, tag=NAME):
    """The name in two; a currency."""

    VERSION: ClassVar[int] = 3
    client_id: str
    first_name: PersonalText
    last_name: PersonalText
    amount: Decimal
    currency: str
    on: date
    note: PersonalText | None = None


def one_to_two(raw: dict[str, Any]) -> dict[str, Any]:
    cents = raw.pop("amount_cents")
    raw["client_id"] = raw.pop("customer")
    raw["legal_name"] = raw.pop("full_name")
    return raw | {"amount": f"{cents // 100}.{cents % 100:02}"}


def two_to_three(raw: dict[str, Any]) -> dict[str, Any]:
    name = raw.pop("legal_name")
    first, last = name.split(" ", 1) if isinstance(name, str) else (name, name)
    return raw | {"first_name": first, "last_name": last, "currency": "USD"}


OLD = GiftV1(customer="c1", full_name="Ada Lovelace", amount_cents=1250, on=date(2020, 2, 29))
MIDDLE = GiftV2(client_id="c1", legal_name="Ada Lovelace", amount=Decimal("12.50"), on=OLD.on)
TODAY = GiftV3(
    client_id="c1", first_name="Ada", last_name="Lovelace", amount=Decimal("12.50"),
    currency="USD", on=OLD.on,
)  # fmt: skip

Build = Callable[[type[Event]], None]


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Build:
    """Makes the codec that of the build in which the given class is the event's current one."""

    def teach(cls: type[Event]) -> None:
        monkeypatch.setitem(codecs.EVENTS, NAME, cls)
        monkeypatch.setitem(codecs.PERSONAL_FIELDS, NAME, codecs._personal_fields(cls))
        monkeypatch.setitem(codecs._decoders, NAME, msgspec.json.Decoder(cls))

    monkeypatch.setitem(SEALED, (NAME, 1), Seals("customer", ("full_name",)))
    monkeypatch.setitem(SEALED, (NAME, 2), Seals("client_id", ("legal_name",)))
    monkeypatch.setitem(UPCASTS, (NAME, 1), one_to_two)
    monkeypatch.setitem(UPCASTS, (NAME, 2), two_to_three)
    return teach


@pytest.fixture
def keys() -> MemoryKeyStore:
    return MemoryKeyStore(SeededEntropy(3))


@pytest.fixture
def codec(keys: MemoryKeyStore) -> Codec:
    return Codec(keys, SeededEntropy(3))


def stored(build: Build, codec: Codec, event: Event) -> tuple[str, int, bytes]:
    """The bytes that the build of that version stored."""
    build(type(event))
    return codec.encode(event, label=f"v{event.VERSION}")


@pytest.mark.parametrize("event", [OLD, MIDDLE, TODAY], ids=["v1", "v2", "v3"])
def test_every_version_reads_as_todays_event(build: Build, codec: Codec, event: Event) -> None:
    name, schema, payload = stored(build, codec, event)
    assert schema == event.VERSION and b"Lovelace" not in payload
    build(GiftV3)
    assert codec.decode(name, schema, payload) == TODAY


def test_the_build_in_the_middle_reads_what_it_knows_and_refuses_the_future(
    build: Build, codec: Codec
) -> None:
    first, third = stored(build, codec, OLD), stored(build, codec, TODAY)
    build(GiftV2)
    assert codec.decode(*first) == MIDDLE
    with pytest.raises(UnknownEvent, match=f"unknown event {NAME} v3"):
        codec.decode(*third)


@pytest.mark.parametrize("event", [OLD, MIDDLE, TODAY], ids=["v1", "v2", "v3"])
def test_an_erased_client_stays_erased_through_every_upcast(
    build: Build, codec: Codec, keys: MemoryKeyStore, event: Event
) -> None:
    old = stored(build, codec, event)
    keys.destroy("c1")
    build(GiftV3)
    read = codec.decode(*old)
    assert isinstance(read, GiftV3)
    assert isinstance(read.first_name, Erased) and isinstance(read.last_name, Erased)
    assert (read.amount, read.currency, read.note) == (Decimal("12.50"), "USD", None)


def test_sealed_bytes_of_an_old_version_cannot_be_moved_to_another_client(
    build: Build, codec: Codec, keys: MemoryKeyStore
) -> None:
    name, schema, payload = stored(build, codec, OLD)
    keys.data_key("c2")
    build(GiftV3)
    with pytest.raises(msgspec.DecodeError, match="personal data was altered"):
        codec.decode(name, schema, payload.replace(b'"c1"', b'"c2"'))


def test_an_old_version_that_does_not_say_what_was_personal_is_not_read(
    build: Build, codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upcast that renames a field would pass ciphertext on as a person's name."""
    old = stored(build, codec, MIDDLE)
    build(GiftV3)
    monkeypatch.delitem(SEALED, (NAME, 2))
    with pytest.raises(UnknownEvent, match=rf"{NAME} v2 cannot be read: SEALED lacks v2"):
        codec.decode(*old)


@pytest.mark.parametrize(("missing", "event"), [(1, OLD), (2, OLD), (2, MIDDLE)])
def test_a_missing_upcast_names_the_event_and_the_version(
    build: Build, codec: Codec, monkeypatch: pytest.MonkeyPatch, missing: int, event: Event
) -> None:
    old = stored(build, codec, event)
    build(GiftV3)
    monkeypatch.delitem(UPCASTS, (NAME, missing))
    words = rf"{NAME} v{event.VERSION} cannot be read: no upcast from v{missing}"
    with pytest.raises(UnknownEvent, match=words):
        codec.decode(*old)


def test_an_upcast_that_gives_something_else_is_not_believed(
    build: Build, codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = stored(build, codec, MIDDLE)
    build(GiftV3)
    monkeypatch.setitem(UPCASTS, (NAME, 2), lambda raw: two_to_three(raw) | {"amount": "a lot"})
    with pytest.raises(msgspec.ValidationError, match="amount"):
        codec.decode(*old)


async def test_what_the_log_cannot_upcast_is_named_by_stream_and_version(
    build: Build, codec: Codec, keys: MemoryKeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, schema, payload = stored(build, codec, OLD)
    build(GiftV3)
    log = RecorderLog(MemoryRecorder(), codec, request_key=keys.request_key)
    metadata = b'{"stream":"gift-g1","version":1,"name":"%s","schema":%d,"event_id":"e",' % (
        name.encode(), schema,
    ) + (
        b'"recorded_at":"2020-03-01T00:00:00Z","actor":"a","message_id":"m","request_hash":"",'
        b'"home":"gift-g1"}'
    )  # fmt: skip
    state = b'{"metadata":' + metadata + b',"payload":' + payload + b"}"
    write = Write(
        stream="gift-g1", expected=0, events=[Sealed(name, state, b"h" * 32)], message_id="m",
        request_hash=b"",
    )  # fmt: skip
    await log.recorder.append([write], clock=datetime(2020, 3, 1, tzinfo=UTC))
    [read] = await log.select("gift-g1")
    assert read.event == TODAY and read.meta.schema == 1
    monkeypatch.delitem(UPCASTS, (NAME, 1))
    with pytest.raises(Unreadable, match=rf"gift-g1@1 \(position 1\): {NAME}.*no upcast from v1"):
        await log.select("gift-g1")


def test_erased_passes_through_an_upcast_as_the_codec_writes_it() -> None:
    """What `adapters.log.upcasts` promises to upcasts about its shape."""
    assert msgspec.to_builtins(ERASED) == {"erased": "erased"}
