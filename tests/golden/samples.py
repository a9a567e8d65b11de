"""Golden events: one stored payload of every event at every version, in tests/golden/events.

    python -m tests.golden.samples            adds missing samples, changes no other
    python -m tests.golden.samples --force    rewrites all samples of current versions

A log may hold the bytes of a sample, so a sample is never edited: a new version of an event gets
its own file, and the old one is read through the upcasts for ever. `payload` is the stored text
(personal fields encrypted with a test key), `reads` is the event that it is decoded to today.
"""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from adapters.host.entropy import SeededEntropy
from adapters.log.codec import Codec, plain_json
from adapters.log.keys import MemoryKeyStore
from domain.catalogue import EVENTS
from domain.shared.message import FIRM, Erased, Event
from tests.paths import GOLDEN

FOLDER = GOLDEN / "events"
SEED = 20240304
CLIENT = "C1"  # the subject of every sample: its key seals the personal fields
WORDS: Mapping[str, str] = {
    "client_id": CLIENT,
    "account_id": "A1",
    "to_account_id": "A2",
    "from_account_id": "A2",
    "order_id": "O1",
    "instrument_id": "AAPL",
    "symbol": "AAPL",
    "isin": "US0378331005",
    "mic": "XNAS",
    "lei": "5493001KJTIIGC8Y1R12",
    "country": "GB",
    "currency": "USD",
    "base_currency": "USD",
    "buy_currency": "EUR",
    "sell_currency": "USD",
    "settlement_currency": "USD",
    "settl_currency": "USD",
    "unit": "USD",
    "lot_method": "FIFO",
}
"""Realistic values; any other text field holds its own name."""


def codec() -> Codec:
    """The codec that wrote the samples, and can read them."""
    entropy = SeededEntropy(SEED)
    keys = MemoryKeyStore(entropy)
    for subject in (CLIENT, FIRM):
        keys.data_key(subject)
    return Codec(keys, entropy)


def file_of(name: str, version: int) -> Path:
    return FOLDER / f"{name}.v{version}.json"


def sample(kind: type[Event]) -> Event:
    """An event with every field set, optional ones too; always the same one."""
    made: Event = _struct(kind)
    return made


def stored(kind: type[Event]) -> dict[str, Any]:
    """The file's content for the current version of an event."""
    event = sample(kind)
    name, version, payload = codec().encode(event, label=f"golden:{_name(kind)}")
    reads = json.loads(plain_json(event))
    return {"name": name, "version": version, "payload": payload.decode(), "reads": reads}


def missing() -> list[type[Event]]:
    return [kind for name, kind in EVENTS.items() if not file_of(name, kind.VERSION).exists()]


def _name(kind: type[Event]) -> str:
    return str(kind.__struct_config__.tag)


def _struct(kind: Any) -> Any:
    values = {f.name: (_value(f.type, f.name), f.default) for f in msgspec.structs.fields(kind)}
    return kind(**{name: _other(*value) for name, value in values.items()})


def _other(value: Any, default: Any) -> Any:
    """A value other than the default: defaults are not stored, and a sample stores each field."""
    return next(iter(type(value))) if isinstance(value, Enum) and value == default else value


def _value(hint: Any, name: str) -> Any:
    """A value of a field's type; of a union the first member that is not None or `Erased`."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _value(args[0], name)
    if origin in (Union, UnionType):
        return _value(next(a for a in args if a not in (type(None), Erased)), name)
    if origin is Literal:
        return args[-1]
    if origin is tuple:
        members = args[:1] if args[-1] is ... else args
        return tuple(_value(a, name) for a in members)
    if origin is dict:
        return {_value(args[0], "key"): _value(args[1], name)}
    return _plain(hint, name)


def _plain(kind: Any, name: str) -> Any:
    if issubclass(kind, msgspec.Struct):
        return _struct(kind)
    if issubclass(kind, Enum):
        return list(kind)[-1]
    values: dict[Any, Any] = {
        str: WORDS.get(name, name),
        bool: True,
        int: 7,
        Decimal: Decimal("1234.50"),
        date: date(2024, 3, 4),
        datetime: datetime(2024, 3, 4, 14, 30, 0, 123456, tzinfo=UTC),
    }
    return values[kind]


def main() -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = list(EVENTS.values()) if "--force" in sys.argv else missing()
    for kind in wanted:
        path = file_of(_name(kind), kind.VERSION)
        path.write_text(json.dumps(stored(kind), indent=1) + "\n")
        print(f"wrote {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
